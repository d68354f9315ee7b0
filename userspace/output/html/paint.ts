// SPDX-License-Identifier: Apache-2.0
// Draws boxes on a canvas.

import { type Box, boxHeight, extent, rowTop, visibleBoxes, type Window } from "./boxes";
import type { Palette } from "./colors";
import type { Profile } from "./data";
import { describe, isFunction, shortPlace } from "./labels";
import type { Tree } from "./tree";

export const fontFamily =
  'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
const font = `12px ${fontFamily}`;
export const smallestText = 22; // CSS pixels
export const textInset = 5;

export interface Marks {
  matches: Uint8Array | null; // by label: others are pale
  focused: number; // boxes above it are context
  selected: number; // node
  hovered: number | null;
  function: number; // label: all its boxes are marked
}

// What stands in a box.
export function boxName(profile: Profile, tree: Tree, node: number): string {
  const { name } = describe(profile, tree.label[node]!);
  if (tree.pair === null || node === 0) return name;
  if (tree.pair.base[node] === 0) return `+ ${name}`;
  return tree.pair.head[node] === 0 ? `− ${name}` : name;
}

// Sizes a canvas for the screen it is on; returns its context in CSS pixels.
export function prepare(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  background: string,
): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  const pixels = [Math.round(width * ratio), Math.round(height * ratio)] as const;
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) {
    [canvas.width, canvas.height] = pixels;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d", { alpha: false })!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = background;
  context.fillRect(0, 0, width, height);
  context.font = font;
  context.textBaseline = "middle";
  return context;
}

export class Painter {
  private readonly textWidths = new Map<string, number>();

  constructor(private readonly profile: Profile) {}

  paint(
    context: CanvasRenderingContext2D,
    tree: Tree,
    view: Window,
    palette: Palette,
    marks: Marks,
  ): void {
    const focusDepth = tree.depth[marks.focused]!;
    visibleBoxes(tree, view, (box) => {
      const label = tree.label[box.node]!;
      const isPale = marks.matches !== null && (label < 0 || marks.matches[label] !== 1);
      context.fillStyle = palette.fill(tree, box.node);
      if (box.isRest) {
        context.globalAlpha = marks.matches === null ? 0.45 : 0.12;
        context.fillRect(box.x, box.y, box.width, boxHeight);
        return;
      }
      const isContext = tree.depth[box.node]! < focusDepth;
      context.globalAlpha = isPale ? 0.22 : isContext ? 0.6 : 1;
      context.fillRect(box.x, box.y, box.width - (box.width > 3 ? 1 : 0), boxHeight);
      if (label >= 0 && label === marks.function) {
        context.globalAlpha = 1;
        context.fillStyle = palette.outline;
        context.fillRect(box.x, box.y + boxHeight - 2, Math.max(1, box.width - 1), 2);
      }
      if (box.width < smallestText) return;
      context.globalAlpha = isPale ? 0.45 : 1;
      context.fillStyle = palette.ink(tree, box.node);
      this.text(context, tree, box);
    });
    this.outline(context, tree, view, palette, marks.selected, 2);
    if (marks.hovered !== null && marks.hovered !== marks.selected)
      this.outline(context, tree, view, palette, marks.hovered, 1);
  }

  private text(context: CanvasRenderingContext2D, tree: Tree, box: Box): void {
    const x = box.x + textInset;
    const y = box.y + boxHeight / 2 + 0.5;
    const room = box.width - 2 * textInset;
    const name = boxName(this.profile, tree, box.node);
    const nameWidth = this.width(context, name);
    if (nameWidth > room) {
      const text = this.cut(context, name, room, nameWidth);
      if (text !== "") context.fillText(text, x, y);
      return;
    }
    context.fillText(name, x, y);
    const label = tree.label[box.node]!;
    const { place } = describe(this.profile, label);
    const short = isFunction(this.profile, label) ? shortPlace(place) : place;
    if (short === "" || nameWidth + 8 + this.width(context, short) > room) return;
    context.globalAlpha *= 0.75;
    context.fillText(short, x + nameWidth + 8, y);
  }

  // The beginning of a name with an ellipsis; empty if less than two letters fit.
  private cut(
    context: CanvasRenderingContext2D,
    name: string,
    room: number,
    nameWidth: number,
  ): string {
    const letters = Array.from(name.slice(0, Math.ceil((name.length * room) / nameWidth) + 2));
    for (let kept = letters.length; kept >= 2; kept--) {
      const text = `${letters.slice(0, kept).join("")}…`;
      if (context.measureText(text).width <= room) return text;
    }
    return "";
  }

  private width(context: CanvasRenderingContext2D, text: string): number {
    let width = this.textWidths.get(text);
    if (width === undefined) {
      width = context.measureText(text).width;
      this.textWidths.set(text, width);
    }
    return width;
  }

  private outline(
    context: CanvasRenderingContext2D,
    tree: Tree,
    view: Window,
    palette: Palette,
    node: number,
    thickness: number,
  ): void {
    if (node === 0) return;
    const [from, to] = extent(tree, view, node);
    if (to <= from) return;
    const y = rowTop(tree, view, tree.depth[node]!) - view.scrolled;
    context.globalAlpha = 1;
    context.strokeStyle = palette.outline;
    context.lineWidth = thickness;
    const inset = thickness / 2;
    context.strokeRect(
      from + inset,
      y + inset,
      Math.max(to - from - 1 - thickness, 1),
      boxHeight - thickness,
    );
  }
}
