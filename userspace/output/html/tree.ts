// SPDX-License-Identifier: Apache-2.0
// The call tree of what the filters let through, as flat arrays.
//
//   Node 0 is "all"; below it, if asked for, one node per process or thread; below those the
//   functions, root first.
//   A label says what a node shows: [0, functions) a function, then the processes, then the threads.
//   Parents have smaller numbers than their children; the children of a node are sorted by weight.

import { Kind, noStackFunction, type Profile } from "./data";

export type Grouping = "none" | "process" | "thread";

export interface Filter {
  source: number;
  process: number; // index; -1: all
  thread: number; // index; -1: all
  hidden: ReadonlySet<Kind>;
  grouping: Grouping;
}

export interface Tree {
  size: number;
  depth: Uint16Array;
  parent: Int32Array;
  label: Int32Array; // -1: node 0
  inlined: Uint8Array;
  self: Float64Array; // weight
  total: Float64Array;
  start: Float64Array; // left edge, in weight
  childrenAt: Uint32Array; // children of n: children[childrenAt[n] .. childrenAt[n + 1])
  children: Uint32Array;
  height: number; // levels
  samples: number;
}

export function processLabel(profile: Profile, process: number): number {
  return profile.functionCount + process;
}

export function threadLabel(profile: Profile, thread: number): number {
  return profile.functionCount + profile.processes.length + thread;
}

export function labelCount(profile: Profile): number {
  return profile.functionCount + profile.processes.length + profile.threads.length;
}

export const allLabel = -1;
const maxDepth = 65535;

// Grows nodes and finds the child of a node by what it shows: open addressing over two integer
// columns.
class Builder {
  parent: number[] = [-1];
  label: number[] = [allLabel];
  inlined: number[] = [0];
  depth: number[] = [0];
  self: number[] = [0];
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
    this.slots[slot] = node;
    if (this.parent.length * 2 > this.slots.length) this.grow();
    return node;
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

// Whether a sample passes the filter. Hidden kinds take frames away, never samples.
export function includes(profile: Profile, filter: Filter, sample: number): boolean {
  if (profile.sampleSource[sample] !== filter.source) return false;
  const thread = profile.sampleThread[sample]!;
  if (filter.thread >= 0 && thread !== filter.thread) return false;
  return filter.process < 0 || (thread >= 0 && profile.threads[thread]!.process === filter.process);
}

export function buildTree(profile: Profile, filter: Filter): Tree {
  const builder = new Builder();
  const { sampleThread, sampleStack, stackParent, stackFrame } = profile;
  const included: number[] = [];
  for (let sample = 0; sample < profile.sampleCount; sample++) {
    if (includes(profile, filter, sample)) included.push(sample);
  }

  const groupOf = (sample: number): number => {
    const thread = sampleThread[sample]!;
    if (filter.grouping === "none" || thread < 0) return 0;
    if (filter.grouping === "thread") return builder.child(0, threadLabel(profile, thread), 0);
    const process = profile.threads[thread]!.process;
    return process < 0 ? 0 : builder.child(0, processLabel(profile, process), 0);
  };
  const groups = new Map<number, number[]>();
  for (const sample of included) {
    const group = groupOf(sample);
    const members = groups.get(group);
    if (members) members.push(sample);
    else groups.set(group, [sample]);
  }

  // Stacks share their root side: what a stack became is remembered for its group.
  const nodeOfStack = new Int32Array(stackParent.length);
  const groupOfStack = new Int32Array(stackParent.length).fill(-1);
  const pending: number[] = [];
  let samples = 0;
  for (const [group, members] of groups) {
    for (const sample of members) {
      let node = group;
      let stack = sampleStack[sample]!;
      if (stack < 0) node = builder.child(group, noStackFunction(profile), 0);
      for (; stack >= 0; stack = stackParent[stack]!) {
        if (groupOfStack[stack] === group) {
          node = nodeOfStack[stack]!;
          break;
        }
        pending.push(stack);
      }
      while (pending.length > 0) {
        const next = pending.pop()!;
        const frame = stackFrame[next]!;
        const label = profile.frameFunction[frame]!;
        if (!filter.hidden.has(profile.functionKind[label]!)) {
          node = builder.child(node, label, profile.frameInlined[frame]!);
        }
        groupOfStack[next] = group;
        nodeOfStack[next] = node;
      }
      builder.self[node]! += profile.sampleWeight[sample]!;
      samples += profile.sampleTicks[sample]!;
    }
  }
  return finish(builder, samples);
}

function finish(builder: Builder, samples: number): Tree {
  const size = builder.parent.length;
  const parent = Int32Array.from(builder.parent);
  const self = Float64Array.from(builder.self);
  const total = Float64Array.from(self);
  const depth = Uint16Array.from(builder.depth);
  const childrenAt = new Uint32Array(size + 1);
  let height = 1;
  for (let node = size - 1; node > 0; node--) {
    total[parent[node]!]! += total[node]!;
    childrenAt[parent[node]! + 1]!++;
    height = Math.max(height, depth[node]! + 1);
  }
  for (let node = 0; node < size; node++) childrenAt[node + 1]! += childrenAt[node]!;
  const next = childrenAt.slice();
  const children = new Uint32Array(size - 1);
  for (let node = 1; node < size; node++) children[next[parent[node]!]!++] = node;

  const start = new Float64Array(size);
  for (let node = 0; node < size; node++) {
    const list = children.subarray(childrenAt[node]!, childrenAt[node + 1]!);
    if (list.length > 1) list.sort((a, b) => total[b]! - total[a]! || a - b);
    let edge = start[node]!;
    for (const child of list) {
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
    start,
    childrenAt,
    children,
    height,
    samples,
  };
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

export interface FunctionTotals {
  labels: number[]; // functions with a total
  self: Float64Array; // by function
  total: Float64Array; // a recursive function counts once per sample
}

export function functionTotals(profile: Profile, tree: Tree, top: number): FunctionTotals {
  const self = new Float64Array(profile.functionCount);
  const total = new Float64Array(profile.functionCount);
  const onPath = new Uint32Array(profile.functionCount);
  const labels: number[] = [];
  walk(
    tree,
    top,
    (node) => {
      const label = tree.label[node]!;
      if (label < 0 || label >= profile.functionCount) return true;
      if (total[label] === 0) labels.push(label);
      if (onPath[label]!++ === 0) total[label]! += tree.total[node]!;
      self[label]! += tree.self[node]!;
      return true;
    },
    (node) => {
      const label = tree.label[node]!;
      if (label >= 0 && label < profile.functionCount) onPath[label]!--;
    },
  );
  return {
    labels: labels.filter((label) => profile.functionKind[label] !== Kind.Marker),
    self,
    total,
  };
}

// Weight of the samples that have a matching label anywhere in their stack at or below `top`.
export function matchedWeight(tree: Tree, top: number, matches: Uint8Array): number {
  let sum = 0;
  walk(
    tree,
    top,
    (node) => {
      const label = tree.label[node]!;
      if (label < 0 || !matches[label]) return true;
      sum += tree.total[node]!;
      return false;
    },
    () => {},
  );
  return sum;
}
