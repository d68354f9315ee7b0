// SPDX-License-Identifier: Apache-2.0
// The strip above the views: how much happened when, what of it the search matches, and the part of
// the recording that is looked at.

import { byId } from "./dom";
import { prepare } from "./paint";
import { all as anyState, matchingStacks, selectSamples } from "./samples";
import type { Scene } from "./scene";
import { drawAxis, onDrag } from "./time";

const height = 58;
const axis = 16;
const narrowestBar = 2; // CSS pixels
const ticksPerBar = 4; // of a thread that runs all the time: fewer would look like gaps

export class TimeStrip {
  private readonly element = byId("strip");
  private readonly canvas = this.element.querySelector("canvas")!;
  private readonly from = byId<HTMLInputElement>("from");
  private readonly to = byId<HTMLInputElement>("to");
  private scene: Scene | null = null;
  private rows = new Uint32Array(); // samples that pass all filters but that of time
  private matching: Uint8Array | null = null; // stacks
  private dragged: [number, number] | null = null;

  constructor(
    private readonly duration: number,
    onRange: (from: number, to: number) => void,
  ) {
    this.element.hidden = !(duration > 0);
    new ResizeObserver(() => this.draw()).observe(this.element);
    onDrag(this.canvas, {
      timeAt: (x) => Math.min(1, Math.max(0, x / this.canvas.clientWidth)) * duration,
      dragged: (from, to) => {
        this.dragged = [from, to];
        this.draw();
      },
      chosen: (from, to) => {
        this.dragged = null;
        onRange(from, to);
      },
      clicked: () => onRange(0, duration),
    });
    const typed = (): void => {
      const from = Math.max(0, Number(this.from.value) || 0);
      const to = Math.min(duration, Number(this.to.value) || duration);
      if (from < to) onRange(from, to);
    };
    this.from.addEventListener("change", typed);
    this.to.addEventListener("change", typed);
    byId("whole-time").addEventListener("click", () => onRange(0, duration));
  }

  show(scene: Scene): void {
    this.scene = scene;
    const whole = { ...scene.filter, from: 0, to: this.duration };
    this.rows = selectSamples(scene.profile, whole) as Uint32Array<ArrayBuffer>;
    const { from, to } = scene.state;
    const isWhole = from <= 0 && to >= this.duration;
    this.from.value = String(Math.round(from * 1000) / 1000);
    this.to.value = String(Math.round(to * 1000) / 1000);
    byId<HTMLButtonElement>("whole-time").disabled = isWhole;
    this.setMatches(scene);
  }

  setMatches(scene: Scene): void {
    this.scene = scene;
    this.matching = scene.matches && matchingStacks(scene.profile, scene.matches);
    this.draw();
  }

  // Weights by bar: of all, of what matches, and in a pair of the base instead of the latter.
  private bars(count: number): { all: Float64Array; part: Float64Array } {
    const { sampleTime, sampleWeight, sampleStack, sampleSide, sampleState } = this.scene!.profile;
    const { state } = this.scene!.state;
    const isPair = this.scene!.profile.sides.length > 1;
    const all = new Float64Array(count);
    const part = new Float64Array(count);
    const scale = count / this.duration;
    for (const row of this.rows) {
      if (state === anyState && sampleState[row] !== 0) continue; // who waits uses no CPU
      const bar = Math.min(count - 1, Math.floor(sampleTime[row]! * scale));
      const weight = sampleWeight[row]!;
      if (isPair) {
        (sampleSide[row] === 0 ? part : all)[bar]! += weight;
        continue;
      }
      all[bar]! += weight;
      if (this.matching !== null && this.matching[sampleStack[row]!] === 1) part[bar]! += weight;
    }
    return { all, part };
  }

  private draw(): void {
    const { scene, canvas } = this;
    const width = this.element.clientWidth - 28;
    if (scene === null || width <= 0) return;
    const { palette, state } = scene;
    const context = prepare(canvas, width, height, palette.background);
    context.font = `10.5px ${getComputedStyle(document.body).fontFamily}`;
    drawAxis(context, palette, { x: 0, width, height }, 0, this.duration);
    const source = scene.profile.sources[state.source];
    const tick = source?.frequencyHz ? 1 / source.frequencyHz : 0;
    const mostBars = Math.floor(width / narrowestBar);
    const count = Math.max(1, Math.min(mostBars, Math.floor(this.duration / (ticksPerBar * tick))));
    const barWidth = width / count;
    const { all, part } = this.bars(count);
    const most = Math.max(...all, ...part);
    const isPair = scene.profile.sides.length > 1;
    for (let bar = 0; bar < count && most > 0; bar++) {
      const tall = (value: number): number => (value / most) * (height - axis);
      const x = bar * barWidth;
      const wide = Math.max(1, barWidth - (barWidth > 4 ? 0.5 : 0));
      context.globalAlpha = this.matching !== null || isPair ? 0.35 : 0.75;
      context.fillStyle = palette.accent;
      context.fillRect(x, height - tall(all[bar]!), wide, tall(all[bar]!));
      context.globalAlpha = 1;
      if (isPair) {
        context.fillStyle = palette.text;
        if (part[bar]! > 0) context.fillRect(x, height - tall(part[bar]!), wide, 1.5);
      } else if (part[bar]! > 0) {
        context.fillRect(x, height - tall(part[bar]!), wide, tall(part[bar]!));
      }
    }
    context.globalAlpha = 1;
    this.drawScale(context, scene, most, width, count);
    const [from, to] = this.dragged ?? [state.from, state.to];
    if (from <= 0 && to >= this.duration) return;
    const x0 = (from / this.duration) * width;
    const x1 = (to / this.duration) * width;
    context.fillStyle = palette.background;
    context.globalAlpha = 0.72;
    context.fillRect(0, axis, x0, height - axis);
    context.fillRect(x1, axis, width - x1, height - axis);
    context.globalAlpha = 1;
    context.fillStyle = palette.accent;
    context.fillRect(x0 - 1, axis, 2, height - axis);
    context.fillRect(x1 - 1, axis, 2, height - axis);
  }

  // What the highest bar stands for: CPUs if the weights are time.
  private drawScale(
    context: CanvasRenderingContext2D,
    scene: Scene,
    most: number,
    width: number,
    count: number,
  ): void {
    const source = scene.profile.sources[scene.state.source];
    if (source?.unit !== "nanoseconds" || most === 0) return;
    const cpus = (most * 1e-9) / (this.duration / count);
    const text = `peak ${cpus.toFixed(cpus < 9.95 ? 1 : 0)} CPUs`;
    const room = context.measureText(text).width + 8;
    context.fillStyle = scene.palette.background;
    context.globalAlpha = 0.8;
    context.fillRect(width - room, axis, room, 14);
    context.globalAlpha = 1;
    context.fillStyle = scene.palette.faint;
    context.fillText(text, width - room + 4, axis + 7);
  }
}
