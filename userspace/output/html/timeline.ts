// SPDX-License-Identifier: Apache-2.0
// The timeline: who ran when, on which CPU, doing what. A lane a thread, below a lane for its
// process that shows how many of its threads ran at once; or a lane a CPU.

import { flagNames, functionPlace, stateNames } from "./data";
import { byId, make } from "./dom";
import { drawLane, drawName, drawProcess, leafOf, legendOf, nameWidth, xOf } from "./lanepaint";
import { type Lane, makeLanes, sampleSeconds } from "./lanes";
import { prepare } from "./paint";
import type { Scene } from "./scene";
import { drawAxis, onDrag } from "./time";

export interface TimelineEvents {
  range(from: number, to: number): void;
  filter(lane: Lane): void;
  announce(text: string): void;
  hover(lines: string[] | null, x: number, y: number): void;
}

const axis = 18;

export class Timeline {
  private readonly element = document.querySelector<HTMLElement>("#timeline .lanes")!;
  private readonly canvas = make("canvas", {
    tabindex: "0",
    role: "application",
    "aria-label": "Timeline: arrow keys move, plus and minus zoom, Enter filters by a lane",
    "aria-describedby": "selection",
  });
  private readonly spacer = make("div", { class: "spacer" }, this.canvas);
  private scene: Scene | null = null;
  private lanes: Lane[] = [];
  private selected = 0;
  private dragged: [number, number] | null = null;
  private isDrawPending = false;

  constructor(private readonly events: TimelineEvents) {
    this.element.append(this.spacer);
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.element.addEventListener("scroll", () => this.draw());
    onDrag(this.canvas, {
      timeAt: (x) => this.timeAt(x),
      dragged: (from, to) => {
        this.dragged = [from, to];
        this.draw();
      },
      chosen: (from, to) => {
        this.dragged = null;
        events.range(from, to);
      },
      clicked: (event) => {
        const lane = this.laneAt(event);
        if (lane === null) return;
        this.select(this.lanes.indexOf(lane));
        if (event.clientX - this.canvas.getBoundingClientRect().x < nameWidth) events.filter(lane);
      },
    });
    this.canvas.addEventListener("mousemove", (event) => this.onMove(event));
    this.canvas.addEventListener("mouseleave", () => events.hover(null, 0, 0));
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  show(scene: Scene): void {
    this.scene = scene;
    this.lanes = makeLanes(scene);
    this.selected = Math.min(this.selected, Math.max(0, this.lanes.length - 1));
    const last = this.lanes.at(-1);
    this.spacer.style.height = `${axis + (last === undefined ? 0 : last.top + last.height) + 8}px`;
    byId("legend").replaceChildren(
      ...legendOf(scene).map(([color, name]) => {
        const swatch = make("i", { class: "swatch" });
        swatch.style.background = color;
        return make("span", {}, swatch, name);
      }),
    );
    this.draw();
  }

  // For tests: the lanes that are shown.
  get shownLanes(): readonly Lane[] {
    return this.lanes;
  }

  private timeAt(x: number): number {
    const { from, to } = this.scene!.state;
    const share = (x - nameWidth) / Math.max(1, this.canvas.clientWidth - nameWidth);
    return from + Math.min(1, Math.max(0, share)) * (to - from);
  }

  private laneAt(event: MouseEvent): Lane | null {
    const y = event.clientY - this.canvas.getBoundingClientRect().y - axis + this.element.scrollTop;
    return this.lanes.find((lane) => y >= lane.top && y < lane.top + lane.height) ?? null;
  }

  private draw(): void {
    if (this.isDrawPending) return;
    this.isDrawPending = true;
    requestAnimationFrame(() => {
      this.isDrawPending = false;
      this.drawNow();
    });
  }

  private drawNow(): void {
    const width = this.element.clientWidth;
    const height = this.element.clientHeight;
    const { scene } = this;
    if (scene === null || width <= nameWidth || height === 0) return;
    const { palette, state } = scene;
    const context = prepare(this.canvas, width, height, palette.background);
    context.font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
    const scrolled = this.element.scrollTop;
    for (const [at, lane] of this.lanes.entries()) {
      const y = axis + lane.top - scrolled;
      if (y + lane.height < axis || y > height) continue;
      if (at === this.selected && document.activeElement === this.canvas) {
        context.fillStyle = palette.selection;
        context.fillRect(0, y, width, lane.height);
      }
      if (lane.kind === "process") drawProcess(context, scene, lane, y, width);
      else drawLane(context, scene, lane, y, width);
      context.fillStyle = palette.line;
      context.fillRect(0, y + lane.height - 1, width, lane.kind === "process" ? 0 : 0.5);
      drawName(context, scene, lane, y);
    }
    context.fillStyle = palette.background;
    context.fillRect(0, 0, width, axis);
    const area = { x: nameWidth, width: width - nameWidth, height: axis };
    drawAxis(context, palette, area, state.from, state.to);
    if (this.dragged === null) return;
    const [x0, x1] = this.dragged.map((time) => xOf(scene, time, width)) as [number, number];
    context.fillStyle = palette.selection;
    context.fillRect(x0, 0, x1 - x0, height);
  }

  private sampleAt(lane: Lane, time: number): number | null {
    const { profile } = this.scene!;
    let low = 0;
    let high = lane.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (profile.sampleTime[lane.rows[middle]!]! < time) low = middle + 1;
      else high = middle;
    }
    const row = lane.rows[low];
    if (row === undefined) return null;
    return profile.sampleTime[row]! - sampleSeconds(profile, row) <= time ? row : null;
  }

  private onMove(event: MouseEvent): void {
    const lane = this.scene === null ? null : this.laneAt(event);
    const x = event.clientX - this.canvas.getBoundingClientRect().x;
    this.canvas.style.cursor = lane !== null && x < nameWidth ? "pointer" : "crosshair";
    if (lane === null) return this.events.hover(null, 0, 0);
    const lines = [lane.name.trim()];
    if (x < nameWidth) lines.push("click: only this");
    else {
      const time = this.timeAt(x);
      lines.push(`${time.toFixed(4)} s`);
      const row = lane.kind === "process" ? null : this.sampleAt(lane, time);
      if (row !== null) lines.push(...this.describeSample(row));
    }
    this.events.hover(lines, event.clientX, event.clientY);
  }

  private describeSample(row: number): string[] {
    const scene = this.scene!;
    const { profile } = scene;
    const leaf = leafOf(scene, row);
    const thread = profile.threads[profile.sampleThread[row]!];
    const flags = flagNames.filter((_, bit) => (profile.sampleFlags[row]! >> bit) & 1);
    const state = stateNames[profile.sampleState[row]!] ?? "";
    return [
      `CPU ${profile.sampleCpu[row]!} · ${[state, ...flags].join(", ")}`,
      ...(thread === undefined ? [] : [`${thread.name} (tid ${thread.tid})`]),
      ...(leaf < 0 ? [] : [profile.functionName[leaf]!, functionPlace(profile, leaf)]),
    ];
  }

  private select(at: number): void {
    const lane = this.lanes[at];
    if (lane === undefined) return;
    this.selected = at;
    const { profile, state } = this.scene!;
    const busy = lane.rows.reduce(
      (sum, row) => sum + (profile.sampleState[row] === 0 ? sampleSeconds(profile, row) : 0),
      0,
    );
    const share = (100 * busy) / (state.to - state.from);
    this.events.announce(
      `${lane.name.trim()} · ran ${busy.toFixed(2)} s, ${share.toFixed(0)} % of a CPU`,
    );
    if (lane.top < this.element.scrollTop) this.element.scrollTop = lane.top;
    const bottom = axis + lane.top + lane.height;
    if (bottom > this.element.scrollTop + this.element.clientHeight)
      this.element.scrollTop = bottom - this.element.clientHeight;
    this.draw();
  }

  private onKey(event: KeyboardEvent): void {
    if (this.scene === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const { from, to } = this.scene.state;
    const duration = this.scene.profile.durationSeconds;
    const show = (center: number, size: number): void => {
      const width = Math.min(size, duration);
      const begin = Math.min(Math.max(0, center - width / 2), duration - width);
      this.events.range(begin, begin + width);
    };
    const center = (from + to) / 2;
    const size = to - from;
    const actions: Record<string, () => void> = {
      ArrowDown: () => this.select(Math.min(this.lanes.length - 1, this.selected + 1)),
      ArrowUp: () => this.select(Math.max(0, this.selected - 1)),
      Home: () => this.select(0),
      End: () => this.select(this.lanes.length - 1),
      ArrowLeft: () => show(center - size / 4, size),
      ArrowRight: () => show(center + size / 4, size),
      "+": () => show(center, size / 2),
      "-": () => show(center, size * 2),
      Enter: () => {
        const lane = this.lanes[this.selected];
        if (lane !== undefined) this.events.filter(lane);
      },
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}
