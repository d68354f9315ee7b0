// SPDX-License-Identifier: Apache-2.0
// A call tree as flat arrays.
//
//   Node 0 is "all"; below it, if asked for, one node per group; below those the functions, root
//   first (or leaf first, in an inverted tree).
//   Parents have smaller numbers than their children; the children of a node are sorted by weight.

import { allLabel, type Weighing } from "./samples";

export interface Tree {
  size: number;
  depth: Uint16Array;
  parent: Int32Array;
  label: Int32Array; // allLabel: node 0
  inlined: Uint8Array;
  self: Float64Array; // weight
  total: Float64Array;
  pair: Pair | null;
  start: Float64Array; // left edge, in weight
  childrenAt: Uint32Array; // children of n: children[childrenAt[n] .. childrenAt[n + 1])
  children: Uint32Array;
  height: number; // levels
  samples: number;
}

// Of two profiles: the weights of each, scaled. self and total of the tree are what boxes are drawn
// by.
export interface Pair {
  weighing: Weighing;
  selfBase: Float64Array;
  selfHead: Float64Array;
  base: Float64Array;
  head: Float64Array;
}

const maxDepth = 65535;

// Grows nodes and finds the child of a node by what it shows: open addressing over two integer
// columns.
export class Builder {
  parent: number[] = [-1];
  label: number[] = [allLabel];
  inlined: number[] = [0];
  depth: number[] = [0];
  self: number[] = [0]; // of the base, or of the only profile
  selfHead: number[] = [0];
  samples = 0;
  private slots = new Int32Array(1 << 12).fill(-1);

  child(parent: number, label: number, inlined: number): number {
    let slot = this.slot(parent, label, inlined);
    for (;;) {
      const node = this.slots[slot]!;
      if (node < 0) break;
      if (
        this.parent[node] === parent &&
        this.label[node] === label &&
        this.inlined[node] === inlined
      )
        return node;
      slot = (slot + 1) & (this.slots.length - 1);
    }
    const node = this.parent.length;
    this.parent.push(parent);
    this.label.push(label);
    this.inlined.push(inlined);
    this.depth.push(Math.min(this.depth[parent]! + 1, maxDepth));
    this.self.push(0);
    this.selfHead.push(0);
    this.slots[slot] = node;
    if (this.parent.length * 2 > this.slots.length) this.grow();
    return node;
  }

  // The nearest node at or above `node` with this label, below `top`; -1 if there is none.
  ancestor(node: number, label: number, top: number): number {
    for (let at = node; at > top; at = this.parent[at]!) if (this.label[at] === label) return at;
    return -1;
  }

  private slot(parent: number, label: number, inlined: number): number {
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(label * 2 + inlined, 0x85ebca6b);
    hash ^= hash >>> 15;
    return (Math.imul(hash, 0x2c1b3c6d) >>> 7) & (this.slots.length - 1);
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 4).fill(-1);
    for (let node = 1; node < this.parent.length; node++) {
      let slot = this.slot(this.parent[node]!, this.label[node]!, this.inlined[node]!);
      while (this.slots[slot]! >= 0) slot = (slot + 1) & (this.slots.length - 1);
      this.slots[slot] = node;
    }
  }
}

// weighing: null if there is only one profile.
export function finish(builder: Builder, weighing: Weighing | null): Tree {
  const size = builder.parent.length;
  const parent = Int32Array.from(builder.parent);
  const pair = weighing === null ? null : makePair(builder, parent, weighing);
  const self = pair === null ? Float64Array.from(builder.self) : drawn(pair, "self");
  const total = pair === null ? totals(self, parent) : drawn(pair, "total");
  const depth = Uint16Array.from(builder.depth);
  const childrenAt = new Uint32Array(size + 1);
  let height = 1;
  for (let node = size - 1; node > 0; node--) {
    childrenAt[parent[node]! + 1]!++;
    height = Math.max(height, depth[node]! + 1);
  }
  for (let node = 0; node < size; node++) childrenAt[node + 1]! += childrenAt[node]!;
  const next = childrenAt.slice();
  const children = new Uint32Array(size - 1);
  for (let node = 1; node < size; node++) children[next[parent[node]!]!++] = node;

  const start = new Float64Array(size);
  for (let node = 0; node < size; node++) {
    const from = childrenAt[node]!;
    const to = childrenAt[node + 1]!;
    if (to - from > 1)
      children.subarray(from, to).sort((a, b) => total[b]! - total[a]! || a - b);
    let edge = start[node]!;
    for (let at = from; at < to; at++) {
      const child = children[at]!;
      start[child] = edge;
      edge += total[child]!;
    }
  }
  return {
    size,
    depth,
    parent,
    label: Int32Array.from(builder.label),
    inlined: Uint8Array.from(builder.inlined),
    self,
    total,
    pair,
    start,
    childrenAt,
    children,
    height,
    samples: builder.samples,
  };
}

function totals(self: Float64Array, parent: Int32Array): Float64Array {
  const total = self.slice();
  for (let node = total.length - 1; node > 0; node--) total[parent[node]!]! += total[node]!;
  return total;
}

function makePair(builder: Builder, parent: Int32Array, weighing: Weighing): Pair {
  const selfBase = Float64Array.from(builder.self);
  const selfHead = Float64Array.from(builder.selfHead);
  return {
    weighing,
    selfBase,
    selfHead,
    base: totals(selfBase, parent),
    head: totals(selfHead, parent),
  };
}

function drawn(pair: Pair, what: "self" | "total"): Float64Array {
  const base = what === "self" ? pair.selfBase : pair.base;
  const head = what === "self" ? pair.selfHead : pair.head;
  if (pair.weighing === "base") return base;
  if (pair.weighing === "head") return head;
  return base.map((value, node) => (value + head[node]!) / 2);
}

export function childrenOf(tree: Tree, node: number): Uint32Array {
  return tree.children.subarray(tree.childrenAt[node]!, tree.childrenAt[node + 1]!);
}

// From node 0 to `node`.
export function pathTo(tree: Tree, node: number): number[] {
  const path: number[] = [];
  for (let at = node; at >= 0; at = tree.parent[at]!) path.unshift(at);
  return path;
}

// Calls enter(node) and leave(node) in depth-first order below and including `top`. If enter says
// false, its children are skipped.
export function walk(
  tree: Tree,
  top: number,
  enter: (node: number) => boolean,
  leave: (node: number) => void,
): void {
  const path: number[] = [];
  const cursors: number[] = [];
  const push = (node: number): void => {
    const goesOn = enter(node);
    path.push(node);
    cursors.push(goesOn ? tree.childrenAt[node]! : tree.childrenAt[node + 1]!);
  };
  push(top);
  while (path.length > 0) {
    const last = path.length - 1;
    const node = path[last]!;
    if (cursors[last]! < tree.childrenAt[node + 1]!) {
      push(tree.children[cursors[last]!++]!);
    } else {
      path.pop();
      cursors.pop();
      leave(node);
    }
  }
}
