// SPDX-License-Identifier: Apache-2.0
// From samples to the call tree, and from it to trees seen from other ends.

import { isPair, noStackFunction, type Profile } from "./data";
import {
  containerLabel,
  containerOf,
  hiddenFunctions,
  processGroups,
  processLabel,
  scales,
  selectSamples,
  stateLabel,
  threadLabel,
  type Filter,
} from "./samples";
import { Builder, finish, type Tree, walk } from "./tree";

// The label of the group of a sample; -1: directly below the root.
function groupLabels(profile: Profile, filter: Filter): (sample: number) => number {
  const { sampleThread, sampleState, threads } = profile;
  const groups = processGroups(profile);
  if (filter.grouping === "none") return () => -1;
  if (filter.grouping === "state") return (sample) => stateLabel(profile, sampleState[sample]!);
  const labels = threads.map((thread, id) => {
    if (filter.grouping === "thread") return threadLabel(profile, id);
    if (filter.grouping === "container") return containerLabel(profile, containerOf(profile, id));
    return thread.process < 0 ? -1 : processLabel(profile, groups[thread.process]!);
  });
  return (sample) => labels[sampleThread[sample]!] ?? -1;
}

export function buildTree(profile: Profile, filter: Filter): Tree {
  const builder = new Builder(profile.stackParent.length);
  const { sampleSide, sampleStack, stackParent, stackFrame, frameFunction, frameInlined } = profile;
  const labelOf = groupLabels(profile, filter);
  const groups = new Map<number, number[]>();
  for (const sample of selectSamples(profile, filter)) {
    const label = labelOf(sample);
    const members = groups.get(label);
    if (members) members.push(sample);
    else groups.set(label, [sample]);
  }
  const hidden = hiddenFunctions(profile, filter);
  const factors = scales(profile, filter.source);

  // Stacks share their root side: what a stack became is remembered for its group.
  const nodeOfStack = new Int32Array(stackParent.length);
  const groupOfStack = new Int32Array(stackParent.length).fill(-1);
  const pending: number[] = [];
  for (const [label, members] of groups) {
    const group = label < 0 ? 0 : builder.child(0, label, 0);
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
        const shown = frameFunction[frame]!;
        if (!hidden[shown]) {
          const outer = filter.collapsesRecursion ? builder.ancestor(node, shown, group) : -1;
          node = outer >= 0 ? outer : builder.child(node, shown, frameInlined[frame]!);
        }
        groupOfStack[next] = group;
        nodeOfStack[next] = node;
      }
      const side = sampleSide[sample]!;
      const self = side === 0 ? builder.self : builder.selfHead;
      self[node]! += profile.sampleWeight[sample]! * factors[side]!;
      builder.samples += profile.sampleTicks[sample]!;
    }
  }
  return finish(builder, isPair(profile) ? filter.weighing : null);
}

// Adds what a node of `tree` weighs by itself (or with all below it) to a node of the builder.
function addWeight(
  builder: Builder,
  node: number,
  tree: Tree,
  from: number,
  what: "self" | "total",
): void {
  const { pair } = tree;
  if (pair === null) {
    builder.self[node]! += (what === "self" ? tree.self : tree.total)[from]!;
  } else {
    builder.self[node]! += (what === "self" ? pair.selfBase : pair.base)[from]!;
    builder.selfHead[node]! += (what === "self" ? pair.selfHead : pair.head)[from]!;
  }
}

function isSelfless(tree: Tree, node: number): boolean {
  if (tree.pair === null) return tree.self[node] === 0;
  return tree.pair.selfBase[node] === 0 && tree.pair.selfHead[node] === 0;
}

// Leaves at the root, below them their callers. Groups stay where they are.
export function invert(tree: Tree, functionCount: number): Tree {
  const builder = new Builder(tree.size);
  builder.samples = tree.samples;
  for (let leaf = 0; leaf < tree.size; leaf++) {
    if (isSelfless(tree, leaf)) continue;
    let node = 0;
    const group = groupOf(tree, leaf, functionCount);
    if (group > 0) node = builder.child(0, tree.label[group]!, 0);
    for (let at = leaf; at > group; at = tree.parent[at]!)
      node = builder.child(node, tree.label[at]!, tree.inlined[at]!);
    addWeight(builder, node, tree, leaf, "self");
  }
  return finish(builder, tree.pair?.weighing ?? null);
}

// The group that a node is in, 0 if there are none.
function groupOf(tree: Tree, node: number, functionCount: number): number {
  let at = node;
  while (tree.depth[at]! > 1) at = tree.parent[at]!;
  return tree.label[at]! >= functionCount ? at : 0;
}

export interface Sandwich {
  callers: Tree; // inverted
  callees: Tree;
}

// Around all calls of a function; a call inside another one of it belongs to the outer one.
export function sandwich(tree: Tree, label: number): Sandwich {
  const callers = new Builder(0, label);
  const callees = new Builder(0, label);
  const made = new Int32Array(tree.size); // below an occurrence: its node in callees
  let inside = 0; // the occurrence the walk is in
  walk(
    tree,
    0,
    (node) => {
      if (inside === 0 && tree.label[node] === label) {
        inside = node;
        made[node] = 0;
        let caller = 0;
        for (let at = tree.parent[node]!; at > 0; at = tree.parent[at]!)
          caller = callers.child(caller, tree.label[at]!, tree.inlined[at]!);
        addWeight(callers, caller, tree, node, "total");
      } else if (inside > 0) {
        made[node] = callees.child(
          made[tree.parent[node]!]!,
          tree.label[node]!,
          tree.inlined[node]!,
        );
      }
      if (inside > 0) addWeight(callees, made[node]!, tree, node, "self");
      return true;
    },
    (node) => {
      if (node === inside) inside = 0;
    },
  );
  const weighing = tree.pair?.weighing ?? null;
  return { callers: finish(callers, weighing), callees: finish(callees, weighing) };
}
