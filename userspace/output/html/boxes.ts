// SPDX-License-Identifier: Apache-2.0
// Where the boxes of a tree are: which of them can be seen in a window, and which is at a point.
// Only those are visited: children are sorted by weight, so the first one that is too narrow ends
// its row.

import type { Tree } from "./tree";

export type Direction = "down" | "up"; // where the leaves are

export const rowHeight = 19;
export const boxHeight = 18;
const smallestBox = 0.5; // CSS pixels; narrower boxes are drawn together
const smallestRest = 0.3;

export interface Window {
  width: number; // CSS pixels
  height: number;
  scrolled: number;
  left: number; // visible range, in weight
  right: number;
  direction: Direction;
}

export interface Box {
  node: number;
  x: number;
  y: number;
  width: number;
  isRest: boolean; // stands for this node and all its smaller siblings
}

// Where the roots stand when they are at the bottom: that of the window if the graph is lower.
function floor(tree: Tree, window: Window): number {
  return Math.max(tree.height * rowHeight, window.height - 1);
}

export function rowTop(tree: Tree, window: Window, depth: number): number {
  return window.direction === "down"
    ? depth * rowHeight
    : floor(tree, window) - (depth + 1) * rowHeight;
}

// The horizontal extent of a node, cut at the window.
export function extent(tree: Tree, window: Window, node: number): [number, number] {
  const scale = window.width / (window.right - window.left);
  const start = tree.start[node]!;
  return [
    Math.max(0, (start - window.left) * scale),
    Math.min(window.width, (start + tree.total[node]! - window.left) * scale),
  ];
}

export function visibleBoxes(tree: Tree, window: Window, emit: (box: Box) => void): void {
  const { width, height, scrolled, left, direction } = window;
  const scale = width / (window.right - left);
  const box: Box = { node: 0, x: 0, y: 0, width: 0, isRest: false };
  const pending: number[] = [0];
  while (pending.length > 0) {
    const node = pending.pop()!;
    const y = rowTop(tree, window, tree.depth[node]!) - scrolled;
    // Rows beyond the window on the leaf side cannot be seen, nor can what is above them.
    if (direction === "down" ? y > height : y + rowHeight < 0) continue;
    const isInRow = y + rowHeight >= 0 && y <= height;
    if (isInRow) {
      const from = Math.max(0, (tree.start[node]! - left) * scale);
      const to = Math.min(width, (tree.start[node]! + tree.total[node]! - left) * scale);
      Object.assign(box, { node, x: from, y, width: to - from, isRest: false });
      emit(box);
    }
    const end = tree.childrenAt[node + 1]!;
    for (let at = tree.childrenAt[node]!; at < end; at++) {
      const child = tree.children[at]!;
      const x = (tree.start[child]! - left) * scale;
      const childWidth = tree.total[child]! * scale;
      if (x > width) break;
      if (childWidth < smallestBox) {
        const last = tree.children[end - 1]!;
        const restEnd = (tree.start[last]! + tree.total[last]! - left) * scale;
        const from = Math.max(0, x);
        const to = Math.min(width, restEnd);
        if (to - from < smallestRest) break;
        const restY = rowTop(tree, window, tree.depth[child]!) - scrolled;
        Object.assign(box, { node: child, x: from, y: restY, width: to - from, isRest: true });
        emit(box);
        break;
      }
      if (x + childWidth > 0) pending.push(child);
    }
  }
}

// The node at a point of the window; null if there is none.
export function nodeAt(tree: Tree, window: Window, x: number, y: number): number | null {
  const weight = window.left + (x / window.width) * (window.right - window.left);
  const row = y + window.scrolled;
  const depth = Math.floor(
    (window.direction === "down" ? row : floor(tree, window) - row) / rowHeight,
  );
  if (depth < 0) return null;
  let node = 0;
  while (tree.depth[node]! < depth) {
    const child = childAt(tree, node, weight);
    if (child === null) return null;
    node = child;
  }
  return node;
}

// Children lie side by side from the left edge of their parent.
function childAt(tree: Tree, node: number, weight: number): number | null {
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
