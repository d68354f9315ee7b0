// SPDX-License-Identifier: Apache-2.0
// What functions take of a tree.

import { Kind, type Profile } from "./data";
import { type Tree, walk } from "./tree";

export interface FunctionTotals {
  labels: number[]; // functions with a total
  self: Float64Array; // by function
  total: Float64Array; // a recursive function counts once per sample
  pair: { base: Float64Array; head: Float64Array } | null; // totals of each profile
}

export function functionTotals(profile: Profile, tree: Tree, top: number): FunctionTotals {
  const self = new Float64Array(profile.functionCount);
  const total = new Float64Array(profile.functionCount);
  const pair = tree.pair && {
    base: new Float64Array(profile.functionCount),
    head: new Float64Array(profile.functionCount),
  };
  const onPath = new Uint32Array(profile.functionCount);
  const isSeen = new Uint8Array(profile.functionCount);
  const labels: number[] = [];
  walk(
    tree,
    top,
    (node) => {
      const label = tree.label[node]!;
      if (label < 0 || label >= profile.functionCount) return true;
      if (isSeen[label] === 0) labels.push(label);
      isSeen[label] = 1;
      if (onPath[label]!++ === 0) {
        total[label]! += tree.total[node]!;
        if (pair) pair.base[label]! += tree.pair!.base[node]!;
        if (pair) pair.head[label]! += tree.pair!.head[node]!;
      }
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
    pair,
  };
}

// Weight of the samples that have a matching label anywhere in their stack at or below `top`.
export function matchedWeight(tree: Tree, top: number, matches: Uint8Array): number {
  const { parent, label, total } = tree;
  const isOpen = new Uint8Array(tree.size); // at or below `top`, and nothing matched so far
  let sum = 0;
  for (let node = top; node < tree.size; node++) {
    if (node !== top && isOpen[parent[node]!] === 0) continue;
    if (label[node]! >= 0 && matches[label[node]!] === 1) sum += total[node]!;
    else isOpen[node] = 1;
  }
  return sum;
}
