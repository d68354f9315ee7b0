// SPDX-License-Identifier: Apache-2.0
// A flame graph in an element: zoom, scroll, hover, keys.
//
// The canvas is as large as its window and sticks in it; a spacer as tall as the whole graph gives
// the scroll bar.

import {
  boxHeight,
  type Direction,
  nodeAt,
  rowHeight,
  rowTop,
  visibleBoxes,
  type Window,
} from "./boxes";
import type { Palette } from "./colors";
import type { Profile } from "./data";
import { make } from "./dom";
import { type Marks, Painter, prepare } from "./paint";
import { childrenOf, type Tree } from "./tree";

export interface FlameEvents {
  hover(tree: Tree, node: number | null, x: number, y: number): void;
  select(tree: Tree, node: number): void;
  focus(tree: Tree, node: number): void; // the view is zoomed to this node
}

const zoomMs = 220;

export class FlameGraph {
  readonly canvas = make("canvas", { tabindex: "0", role: "application" });
  private readonly spacer = make("div", { class: "spacer" }, this.canvas);
  private readonly painter: Painter;
  private tree: Tree | null = null;
  private palette!: Palette;
  private direction: Direction = "down";
  private readonly marks: Marks = {
    matches: null,
    focused: 0,
    selected: 0,
    hovered: null,
    function: -1,
  };
  private left = 0; // visible range, in weight
  private right = 1;
  private animation = 0;
  private isDrawPending = false;

  constructor(
    profile: Profile,
    private readonly element: HTMLElement,
    private readonly events: FlameEvents,
  ) {
    this.painter = new Painter(profile);
    const name = element.dataset["name"]!;
    this.canvas.setAttribute(
      "aria-label",
      `${name}: arrow keys move, Enter zooms, Escape shows everything`,
    );
    this.canvas.setAttribute("aria-describedby", "selection");
    element.append(this.spacer);
    new ResizeObserver(() => this.drawNow()).observe(element);
    element.addEventListener("scroll", () => this.draw());
    this.canvas.addEventListener("mousemove", (event) =>
      this.hover(this.nodeAt(event), event.clientX, event.clientY),
    );
    this.canvas.addEventListener("mouseleave", () => this.hover(null, 0, 0));
    this.canvas.addEventListener("click", (event) => {
      const node = this.nodeAt(event);
      if (node === null) return;
      this.select(node);
      this.zoomTo(node);
    });
    this.canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  setTree(tree: Tree, direction: Direction): void {
    this.tree = tree;
    this.direction = direction;
    Object.assign(this.marks, { focused: 0, selected: 0, hovered: null });
    this.showRange(0, tree.total[0]!);
    this.spacer.style.height = `${tree.height * rowHeight + 1}px`;
    this.element.scrollTop = direction === "up" ? this.element.scrollHeight : 0;
  }

  setLook(palette: Palette, matches: Uint8Array | null, markedFunction: number): void {
    this.palette = palette;
    this.marks.matches = matches;
    this.marks.function = markedFunction;
    this.draw();
  }

  get focused(): number {
    return this.marks.focused;
  }

  // Shows a node over the whole width, without saying so to anybody.
  focusOn(node: number, animate: boolean): void {
    const tree = this.tree!;
    this.marks.focused = node;
    const left = tree.start[node]!;
    const right = left + tree.total[node]!;
    this.scrollTo(node);
    const isStill = !animate || matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isStill) this.showRange(left, right);
    else this.glide(left, right);
  }

  zoomTo(node: number): void {
    this.focusOn(node, true);
    this.events.focus(this.tree!, node);
  }

  select(node: number): void {
    this.marks.selected = node;
    this.events.select(this.tree!, node);
    this.draw();
  }

  unselect(): void {
    this.marks.selected = 0;
    this.draw();
  }

  // Where a node is on the screen; null if it is too small to be seen.
  boxOf(node: number): { x: number; y: number; width: number; height: number } | null {
    const bounds = this.canvas.getBoundingClientRect();
    let found: { x: number; y: number; width: number; height: number } | null = null;
    visibleBoxes(this.tree!, this.window(), (box) => {
      if (box.node !== node || box.isRest) return;
      if (box.y < 0 || box.y + boxHeight > bounds.height) return;
      found = { x: bounds.x + box.x, y: bounds.y + box.y, width: box.width, height: boxHeight };
    });
    return found;
  }

  // Everything that the window shows sideways, over the whole height.
  wholeWindow(): Window {
    return { ...this.window(), height: this.tree!.height * rowHeight + 1, scrolled: 0 };
  }

  get shownTree(): Tree {
    return this.tree!;
  }

  async toPng(): Promise<Blob> {
    const view = this.wholeWindow();
    const canvas = make("canvas");
    const context = prepare(canvas, view.width, view.height, this.palette.background);
    const marks = { ...this.marks, selected: 0, hovered: null };
    this.painter.paint(context, this.tree!, view, this.palette, marks);
    return new Promise((done, failed) =>
      canvas.toBlob((blob) =>
        blob === null ? failed(new Error("the graph is too large for a picture")) : done(blob),
      ),
    );
  }

  private window(): Window {
    return {
      width: this.element.clientWidth,
      height: this.element.clientHeight,
      scrolled: this.element.scrollTop,
      left: this.left,
      right: this.right,
      direction: this.direction,
    };
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
      this.drawNow();
      if (t < 1) this.animation = requestAnimationFrame(step);
    };
    this.animation = requestAnimationFrame(step);
  }

  private showRange(left: number, right: number): void {
    cancelAnimationFrame(this.animation);
    this.left = left;
    this.right = Math.max(right, left + Number.MIN_VALUE);
    this.draw();
  }

  // Scrolls only if the row is not well inside the window.
  private scrollTo(node: number): void {
    const top = rowTop(this.tree!, this.window(), this.tree!.depth[node]!);
    const height = this.element.clientHeight;
    const margin = Math.min(3 * rowHeight, height / 4);
    if (top < this.element.scrollTop + margin) this.element.scrollTop = Math.max(0, top - margin);
    else if (top + rowHeight > this.element.scrollTop + height - margin)
      this.element.scrollTop = top + rowHeight + margin - height;
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
    const view = this.window();
    if (this.tree === null || !this.palette || view.width === 0 || view.height === 0) return;
    const context = prepare(this.canvas, view.width, view.height, this.palette.background);
    this.painter.paint(context, this.tree, view, this.palette, this.marks);
  }

  private nodeAt(event: MouseEvent): number | null {
    if (this.tree === null) return null;
    const bounds = this.canvas.getBoundingClientRect();
    return nodeAt(this.tree, this.window(), event.clientX - bounds.x, event.clientY - bounds.y);
  }

  private hover(node: number | null, x: number, y: number): void {
    if (this.tree === null) return;
    if (node !== this.marks.hovered) this.draw();
    this.marks.hovered = node;
    this.canvas.style.cursor = node === null ? "default" : "pointer";
    this.events.hover(this.tree, node, x, y);
  }

  // Ctrl and the wheel (or a pinch) zoom around the pointer; Shift and the wheel move sideways.
  private onWheel(event: WheelEvent): void {
    if (this.tree === null) return;
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
    const { tree } = this;
    if (tree === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const { selected, focused } = this.marks;
    const toLeaf = this.direction === "down" ? "ArrowDown" : "ArrowUp";
    const toRoot = this.direction === "down" ? "ArrowUp" : "ArrowDown";
    const siblings = selected === 0 ? Uint32Array.of(0) : childrenOf(tree, tree.parent[selected]!);
    const position = siblings.indexOf(selected);
    const moves: Record<string, () => number | undefined> = {
      [toLeaf]: () => childrenOf(tree, selected)[0],
      [toRoot]: () => (selected === 0 ? undefined : tree.parent[selected]),
      ArrowLeft: () => siblings[position - 1],
      ArrowRight: () => siblings[position + 1],
      Home: () => 0,
    };
    if (event.key === "Enter" || event.key === " ") {
      this.zoomTo(selected);
    } else if (event.key === "Backspace") {
      const outer = Math.max(0, tree.parent[focused]!);
      this.select(outer);
      this.zoomTo(outer);
    } else if (event.key in moves) {
      const node = moves[event.key]!();
      if (node !== undefined) this.moveTo(tree, node);
    } else {
      return;
    }
    event.preventDefault();
  }

  // Selects; zooms out as far as needed for the node to be seen.
  private moveTo(tree: Tree, node: number): void {
    this.select(node);
    this.scrollTo(node);
    const start = tree.start[node]!;
    const slack = tree.total[0]! * 1e-9;
    const isInside =
      start >= this.left - slack && start + tree.total[node]! <= this.right + slack;
    const isAncestor = tree.depth[node]! < tree.depth[this.marks.focused]!;
    if (!isInside || isAncestor)
      this.zoomTo(isAncestor ? node : Math.max(0, tree.parent[node]!));
  }
}
