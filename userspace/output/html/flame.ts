// SPDX-License-Identifier: Apache-2.0
// The flame graph: draws the visible part of a tree on a canvas.
//
// The canvas is as large as its window and sticks in it; a spacer as tall as the whole graph gives
// the scroll bar. Only boxes that can be seen are visited: children are sorted by weight, so the
// first one that is too narrow ends its row.

import { describe, shortPlace, type Palette } from "./labels";
import type { Profile } from "./data";
import { allLabel, type Tree } from "./tree";

export type Direction = "down" | "up"; // where the leaves are

export interface FlameEvents {
  hover(node: number | null, x: number, y: number): void;
  select(node: number): void;
  focus(node: number): void; // the view is zoomed to this node
}

const rowHeight = 19;
const boxHeight = 18;
const smallestBox = 0.5; // CSS pixels; narrower boxes are drawn together
const smallestText = 22;
const textInset = 5;
const zoomMs = 220;
const fontFamily = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
const font = `12px ${fontFamily}`;

export class FlameGraph {
  private readonly window: HTMLElement;
  private readonly spacer: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private tree!: Tree;
  private palette!: Palette;
  private matches: Uint8Array | null = null;
  private direction: Direction = "down";
  private focused = 0;
  private selected = 0;
  private hovered: number | null = null;
  private left = 0; // visible range, in weight
  private right = 1;
  private animation = 0;
  private isDrawPending = false;
  private readonly textWidths = new Map<string, number>();

  constructor(
    private readonly profile: Profile,
    window: HTMLElement,
    private readonly events: FlameEvents,
  ) {
    this.window = window;
    this.spacer = window.querySelector<HTMLElement>(".spacer")!;
    this.canvas = window.querySelector("canvas")!;
    this.context = this.canvas.getContext("2d", { alpha: false })!;
    new ResizeObserver(() => this.draw()).observe(window);
    window.addEventListener("scroll", () => this.drawSoon());
    this.canvas.addEventListener("mousemove", (event) => this.onMove(event));
    this.canvas.addEventListener("mouseleave", () => this.setHovered(null, 0, 0));
    this.canvas.addEventListener("click", (event) => {
      const node = this.nodeAt(event);
      if (node === null) return;
      this.select(node);
      this.zoomTo(node);
    });
    this.canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  setTree(tree: Tree): void {
    this.tree = tree;
    this.focused = 0;
    this.selected = 0;
    this.hovered = null;
    cancelAnimationFrame(this.animation);
    this.showRange(0, tree.total[0]!);
    this.spacer.style.height = `${tree.height * rowHeight + 1}px`;
    if (this.direction === "up") this.window.scrollTop = this.window.scrollHeight;
    else this.window.scrollTop = 0;
    this.events.focus(0);
    this.events.select(0);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.drawSoon();
  }

  setMatches(matches: Uint8Array | null): void {
    this.matches = matches;
    this.drawSoon();
  }

  setDirection(direction: Direction): void {
    this.direction = direction;
    this.scrollTo(this.focused);
    this.drawSoon();
  }

  get focusedNode(): number {
    return this.focused;
  }

  zoomTo(node: number): void {
    this.focused = node;
    this.events.focus(node);
    const left = this.tree.start[node]!;
    const right = left + this.tree.total[node]!;
    this.scrollTo(node);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.showRange(left, right);
    } else {
      this.glide(left, right);
    }
  }

  select(node: number): void {
    this.selected = node;
    this.events.select(node);
    this.drawSoon();
  }

  // Where a node is on the screen, for tests and tools; null if it is too small to be seen.
  boxOf(node: number): { x: number; y: number; width: number; height: number } | null {
    const bounds = this.canvas.getBoundingClientRect();
    const scale = bounds.width / (this.right - this.left);
    const x0 = Math.max(0, (this.tree.start[node]! - this.left) * scale);
    const x1 = Math.min(
      bounds.width,
      (this.tree.start[node]! + this.tree.total[node]! - this.left) * scale,
    );
    const y = this.rowTop(this.tree.depth[node]!) - this.window.scrollTop;
    if (x1 - x0 < smallestBox || y < 0 || y + boxHeight > bounds.height) return null;
    return { x: bounds.x + x0, y: bounds.y + y, width: x1 - x0, height: boxHeight };
  }

  private glide(left: number, right: number): void {
    cancelAnimationFrame(this.animation);
    const from = [this.left, this.right] as const;
    const begin = performance.now();
    const step = (now: number): void => {
      const t = Math.min(1, Math.max(0, (now - begin) / zoomMs));
      const eased = 1 - (1 - t) ** 3;
      this.left = from[0] + (left - from[0]) * eased;
      this.right = from[1] + (right - from[1]) * eased;
      this.draw();
      if (t < 1) this.animation = requestAnimationFrame(step);
    };
    this.animation = requestAnimationFrame(step);
  }

  private showRange(left: number, right: number): void {
    cancelAnimationFrame(this.animation);
    this.left = left;
    this.right = Math.max(right, left + Number.MIN_VALUE);
    this.drawSoon();
  }

  private rowTop(depth: number): number {
    return this.direction === "down" ? depth * rowHeight : this.floor() - (depth + 1) * rowHeight;
  }

  // Where the roots stand when they are at the bottom: that of the window if the graph is lower.
  private floor(): number {
    return Math.max(this.tree.height * rowHeight, this.window.clientHeight - 1);
  }

  // Scrolls only if the row is not well inside the window.
  private scrollTo(node: number): void {
    const top = this.rowTop(this.tree.depth[node]!);
    const height = this.window.clientHeight;
    const margin = Math.min(3 * rowHeight, height / 4);
    if (top < this.window.scrollTop + margin) this.window.scrollTop = Math.max(0, top - margin);
    else if (top + rowHeight > this.window.scrollTop + height - margin) {
      this.window.scrollTop = top + rowHeight + margin - height;
    }
  }

  private drawSoon(): void {
    if (this.isDrawPending) return;
    this.isDrawPending = true;
    requestAnimationFrame(() => {
      this.isDrawPending = false;
      this.draw();
    });
  }

  private draw(): void {
    if (!this.tree || !this.palette) return;
    const width = this.window.clientWidth;
    const height = this.window.clientHeight;
    const ratio = window.devicePixelRatio || 1;
    if (
      this.canvas.width !== Math.round(width * ratio) ||
      this.canvas.height !== Math.round(height * ratio)
    ) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.palette.background;
    context.fillRect(0, 0, width, height);
    context.font = font;
    context.textBaseline = "middle";
    this.drawBoxes(width, height);
    this.drawOutline(this.selected, width, 2);
    if (this.hovered !== null && this.hovered !== this.selected)
      this.drawOutline(this.hovered, width, 1);
  }

  private drawBoxes(width: number, height: number): void {
    const { tree, palette, matches } = this;
    const scale = width / (this.right - this.left);
    const scrolled = this.window.scrollTop;
    // Rows beyond the window on the leaf side cannot be seen, nor can what is above them.
    const pending: number[] = [0];
    while (pending.length > 0) {
      const node = pending.pop()!;
      const y = this.rowTop(tree.depth[node]!) - scrolled;
      if (this.direction === "down" ? y > height : y + rowHeight < 0) continue;
      const from = Math.max(0, (tree.start[node]! - this.left) * scale);
      const to = Math.min(width, (tree.start[node]! + tree.total[node]! - this.left) * scale);
      const label = tree.label[node]!;
      if (y + rowHeight >= 0 && y <= height) {
        const isDimmed = matches !== null && (label < 0 || !matches[label]);
        this.drawBox(node, label, from, y, to - from, isDimmed);
      }
      const end = tree.childrenAt[node + 1]!;
      for (let at = tree.childrenAt[node]!; at < end; at++) {
        const child = tree.children[at]!;
        const childLeft = (tree.start[child]! - this.left) * scale;
        const childWidth = tree.total[child]! * scale;
        if (childLeft > width) break;
        if (childWidth < smallestBox) {
          const last = tree.children[end - 1]!;
          const restRight = (tree.start[last]! + tree.total[last]! - this.left) * scale;
          this.drawRest(child, Math.max(0, childLeft), Math.min(width, restRight), scrolled);
          break;
        }
        if (childLeft + childWidth > 0) pending.push(child);
      }
    }
    this.context.globalAlpha = 1;
    this.context.fillStyle = palette.background;
  }

  // Children that are too narrow to tell apart, as one pale box in the color of the largest; what
  // is above them shows when zoomed to.
  private drawRest(largest: number, from: number, to: number, scrolled: number): void {
    if (to - from < 0.3) return;
    this.context.globalAlpha = this.matches === null ? 0.45 : 0.12;
    this.context.fillStyle = this.palette.fill[this.tree.label[largest]!]!;
    this.context.fillRect(
      from,
      this.rowTop(this.tree.depth[largest]!) - scrolled,
      to - from,
      boxHeight,
    );
  }

  private drawBox(
    node: number,
    label: number,
    x: number,
    y: number,
    width: number,
    isDimmed: boolean,
  ): void {
    const { context, palette } = this;
    // Boxes above the zoomed one are context, not content.
    const isAncestor = this.tree.depth[node]! < this.tree.depth[this.focused]!;
    context.globalAlpha = isDimmed ? 0.22 : isAncestor ? 0.6 : 1;
    context.fillStyle = label === allLabel ? palette.all : palette.fill[label]!;
    const gap = width > 3 ? 1 : 0;
    context.fillRect(x, y, width - gap, boxHeight);
    if (width < smallestText) return;
    context.globalAlpha = isDimmed ? 0.45 : 1;
    context.fillStyle = label === allLabel ? palette.allInk : palette.ink[label]!;
    this.drawText(label, x + textInset, y + boxHeight / 2 + 0.5, width - 2 * textInset);
  }

  private drawText(label: number, x: number, y: number, room: number): void {
    const { context } = this;
    const { name, place } = describe(this.profile, label);
    const nameWidth = this.textWidth(name);
    if (nameWidth > room) {
      const text = this.cut(name, room, nameWidth);
      if (text !== "") context.fillText(text, x, y);
      return;
    }
    context.fillText(name, x, y);
    const short = label < this.profile.functionCount ? shortPlace(place) : place;
    if (short === "" || nameWidth + 8 + this.textWidth(short) > room) return;
    context.globalAlpha *= 0.75;
    context.fillText(short, x + nameWidth + 8, y);
  }

  // The beginning of a name with an ellipsis; empty if less than two letters fit.
  private cut(name: string, room: number, nameWidth: number): string {
    const letters = Array.from(name.slice(0, Math.ceil((name.length * room) / nameWidth) + 2));
    for (let kept = letters.length; kept >= 2; kept--) {
      const text = `${letters.slice(0, kept).join("")}…`;
      if (this.context.measureText(text).width <= room) return text;
    }
    return "";
  }

  private textWidth(text: string): number {
    let width = this.textWidths.get(text);
    if (width === undefined) {
      width = this.context.measureText(text).width;
      this.textWidths.set(text, width);
    }
    return width;
  }

  private drawOutline(node: number, width: number, thickness: number): void {
    if (node === 0) return;
    const scale = width / (this.right - this.left);
    const x0 = Math.max(0, (this.tree.start[node]! - this.left) * scale);
    const x1 = Math.min(
      width,
      (this.tree.start[node]! + this.tree.total[node]! - this.left) * scale,
    );
    if (x1 <= x0) return;
    const y = this.rowTop(this.tree.depth[node]!) - this.window.scrollTop;
    this.context.globalAlpha = 1;
    this.context.strokeStyle = this.palette.outline;
    this.context.lineWidth = thickness;
    const inset = thickness / 2;
    this.context.strokeRect(
      x0 + inset,
      y + inset,
      Math.max(x1 - x0 - 1 - thickness, 1),
      boxHeight - thickness,
    );
  }

  private nodeAt(event: MouseEvent): number | null {
    const bounds = this.canvas.getBoundingClientRect();
    const weight =
      this.left + ((event.clientX - bounds.x) / bounds.width) * (this.right - this.left);
    const y = event.clientY - bounds.y + this.window.scrollTop;
    const depth = Math.floor((this.direction === "down" ? y : this.floor() - y) / rowHeight);
    let node = 0;
    while (this.tree.depth[node]! < depth) {
      const child = this.childAt(node, weight);
      if (child === null) return null;
      node = child;
    }
    return depth < 0 ? null : node;
  }

  // Children lie side by side from the left edge of their parent.
  private childAt(node: number, weight: number): number | null {
    const { tree } = this;
    let low = tree.childrenAt[node]!;
    let high = tree.childrenAt[node + 1]!;
    while (low < high) {
      const middle = (low + high) >> 1;
      const child = tree.children[middle]!;
      if (weight < tree.start[child]!) high = middle;
      else if (weight >= tree.start[child]! + tree.total[child]!) low = middle + 1;
      else return child;
    }
    return null;
  }

  private onMove(event: MouseEvent): void {
    this.setHovered(this.nodeAt(event), event.clientX, event.clientY);
  }

  private setHovered(node: number | null, x: number, y: number): void {
    if (node !== this.hovered) this.drawSoon();
    this.hovered = node;
    this.canvas.style.cursor = node === null ? "default" : "pointer";
    this.events.hover(node, x, y);
  }

  // Ctrl and the wheel (or a pinch) zoom around the pointer; Shift and the wheel move sideways.
  private onWheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.shiftKey && event.deltaX === 0) return;
    event.preventDefault();
    const bounds = this.canvas.getBoundingClientRect();
    const whole = this.tree.total[0]!;
    const range = this.right - this.left;
    let left = this.left;
    let size = range;
    if (event.ctrlKey) {
      const at = (event.clientX - bounds.x) / bounds.width;
      size = Math.min(whole, range * Math.exp(event.deltaY * 0.004));
      left += (range - size) * at;
    } else {
      left += ((event.deltaX || event.deltaY) / bounds.width) * range;
    }
    left = Math.min(Math.max(0, left), whole - size);
    this.showRange(left, left + size);
  }

  private onKey(event: KeyboardEvent): void {
    const toLeaf = this.direction === "down" ? "ArrowDown" : "ArrowUp";
    const toRoot = this.direction === "down" ? "ArrowUp" : "ArrowDown";
    const { tree, selected } = this;
    const siblings = selected === 0 ? [0] : this.childrenOf(tree.parent[selected]!);
    const position = siblings.indexOf(selected);
    const moves: Record<string, () => number | undefined> = {
      [toLeaf]: () => this.childrenOf(selected)[0],
      [toRoot]: () => (selected === 0 ? undefined : tree.parent[selected]),
      ArrowLeft: () => siblings[position - 1],
      ArrowRight: () => siblings[position + 1],
      Home: () => 0,
    };
    if (event.key === "Enter" || event.key === " ") {
      this.zoomTo(selected);
    } else if (event.key === "Backspace") {
      const outer = Math.max(0, tree.parent[this.focused]!);
      this.select(outer);
      this.zoomTo(outer);
    } else if (event.key in moves) {
      const node = moves[event.key]!();
      if (node !== undefined) this.moveTo(node);
    } else {
      return;
    }
    event.preventDefault();
  }

  private childrenOf(node: number): number[] {
    return Array.from(
      this.tree.children.subarray(this.tree.childrenAt[node]!, this.tree.childrenAt[node + 1]!),
    );
  }

  // Selects; zooms out as far as needed for the node to be seen.
  private moveTo(node: number): void {
    this.select(node);
    this.scrollTo(node);
    const start = this.tree.start[node]!;
    const isInside =
      start >= this.left - 1e-9 && start + this.tree.total[node]! <= this.right + 1e-9;
    const isAncestor = this.tree.depth[node]! < this.tree.depth[this.focused]!;
    if (!isInside || isAncestor)
      this.zoomTo(isAncestor ? node : Math.max(0, this.tree.parent[node]!));
  }
}
