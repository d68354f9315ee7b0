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
  size = 1;
  parent = Int32Array.of(-1);
  private keys = Int32Array.of(allLabel * 2); // 2 * label + inlined
  depth = new Uint16Array(1);
  self = new Float64Array(1); // of the base, or of the only profile
  selfHead = new Float64Array(1);
  samples = 0;
  private slots = new Int32Array(1 << 12); // nodes; 0: free, as nobody looks for node 0

  // `nodes`: how many to expect.
  constructor(nodes = 0, rootLabel = allLabel) {
    this.keys[0] = rootLabel * 2;
    this.grow(Math.max(1 << 10, nodes));
  }

  child(parent: number, label: number, inlined: number): number {
    const key = label * 2 + inlined;
    const { slots } = this;
    let slot = this.slot(parent, key);
    for (let node = slots[slot]!; node !== 0; node = slots[slot]!) {
      if (this.parent[node] === parent && this.keys[node] === key) return node;
      slot = (slot + 1) & (slots.length - 1);
    }
    const node = this.size++;
    if (node >= this.parent.length) {
      this.grow(node * 2);
      return this.put(node, this.free(parent, key), parent, key);
    }
    return this.put(node, slot, parent, key);
  }

  labelOf(node: number): number {
    return this.keys[node]! >> 1;
  }

  isInlined(node: number): number {
    return this.keys[node]! & 1;
  }

  // The nearest node at or above `node` with this label, below `top`; -1 if there is none.
  ancestor(node: number, label: number, top: number): number {
    for (let at = node; at > top; at = this.parent[at]!) if (this.labelOf(at) === label) return at;
    return -1;
  }

  private put(node: number, slot: number, parent: number, key: number): number {
    this.parent[node] = parent;
    this.keys[node] = key;
    this.depth[node] = Math.min(this.depth[parent]! + 1, maxDepth);
    this.slots[slot] = node;
    return node;
  }

  private slot(parent: number, key: number): number {
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(key, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 16), 0x2c1b3c6d);
    return (hash ^ (hash >>> 15)) & (this.slots.length - 1);
  }

  private free(parent: number, key: number): number {
    let slot = this.slot(parent, key);
    while (this.slots[slot] !== 0) slot = (slot + 1) & (this.slots.length - 1);
    return slot;
  }

  private grow(capacity: number): void {
    const grown = <Column extends { set(from: Column): void; length: number }>(
      column: Column,
      made: Column,
    ): Column => {
      made.set(column);
      return made;
    };
    const known = Math.min(this.size, this.parent.length);
    this.parent = grown(this.parent, new Int32Array(capacity));
    this.keys = grown(this.keys, new Int32Array(capacity));
    this.depth = grown(this.depth, new Uint16Array(capacity));
    this.self = grown(this.self, new Float64Array(capacity));
    this.selfHead = grown(this.selfHead, new Float64Array(capacity));
    let slots = this.slots.length;
    while (slots < capacity * 2) slots *= 2;
    this.slots = new Int32Array(slots);
    for (let node = 1; node < known; node++)
      this.slots[this.free(this.parent[node]!, this.keys[node]!)] = node;
  }
}

// By weight, the heaviest first; most lists are short.
function sortByWeight(list: Uint32Array, total: Float64Array): void {
  if (list.length > 24) {
    list.sort((a, b) => total[b]! - total[a]! || a - b);
    return;
  }
  for (let i = 1; i < list.length; i++) {
    const node = list[i]!;
    const weight = total[node]!;
    let at = i;
    for (; at > 0 && total[list[at - 1]!]! < weight; at--) list[at] = list[at - 1]!;
    list[at] = node;
  }
}

// weighing: null if there is only one profile.
export function finish(builder: Builder, weighing: Weighing | null): Tree {
  const { size } = builder;
  const parent = builder.parent.slice(0, size);
  const pair = weighing === null ? null : makePair(builder, parent, weighing);
  const self = pair === null ? builder.self.slice(0, size) : drawn(pair, "self");
  const total = pair === null ? totals(self, parent) : drawn(pair, "total");
  const depth = builder.depth.slice(0, size);
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
    if (to - from > 1) sortByWeight(children.subarray(from, to), total);
    let edge = start[node]!;
    for (let at = from; at < to; at++) {
      const child = children[at]!;
      start[child] = edge;
      edge += total[child]!;
    }
  }
  const label = new Int32Array(size);
  const inlined = new Uint8Array(size);
  for (let node = 0; node < size; node++) {
    label[node] = builder.labelOf(node);
    inlined[node] = builder.isInlined(node);
  }
  return {
    size,
    depth,
    parent,
    label,
    inlined,
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
  const selfBase = builder.self.slice(0, builder.size);
  const selfHead = builder.selfHead.slice(0, builder.size);
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
