// SPDX-License-Identifier: Apache-2.0
// Which lines were running: in themselves (self) or in what was called from there (total).

import type { Profile } from "./data";
import { hiddenFunctions, selectSamples, type Filter } from "./samples";

export interface LineTotal {
  line: number;
  self: number;
  total: number;
}

export interface LineTotals {
  lines: Map<number, LineTotal>;
  whole: number; // weight of all samples that the filter lets through
}

// Lines of the functions for which `isWanted` is 1. A line that is in a stack more than once counts
// once; frames that the filter hides belong to their caller.
export function lineTotals(profile: Profile, filter: Filter, isWanted: Uint8Array): LineTotals {
  const { stackParent, stackFrame, frameFunction, frameLine, sampleStack, sampleWeight } = profile;
  const hidden = hiddenFunctions(profile, filter);
  const weights = new Float64Array(stackParent.length);
  let whole = 0;
  for (const row of selectSamples(profile, filter)) {
    whole += sampleWeight[row]!;
    const stack = sampleStack[row]!;
    if (stack >= 0) weights[stack]! += sampleWeight[row]!;
  }
  const lines = new Map<number, LineTotal>();
  const seen = new Map<number, number>(); // line -> the last stack that had it
  weights.forEach((weight, leaf) => {
    if (weight === 0) return;
    let isLeaf = true;
    for (let stack = leaf; stack >= 0; stack = stackParent[stack]!) {
      const frame = stackFrame[stack]!;
      const id = frameFunction[frame]!;
      if (isWanted[id]) {
        const line = frameLine[frame]!;
        const entry = lines.get(line) ?? { line, self: 0, total: 0 };
        if (seen.get(line) !== leaf) entry.total += weight;
        if (isLeaf) entry.self += weight;
        seen.set(line, leaf);
        lines.set(line, entry);
      }
      if (!hidden[id]) isLeaf = false;
    }
  });
  return { lines, whole };
}

export function onlyFunction(profile: Profile, id: number): Uint8Array {
  const wanted = new Uint8Array(profile.functionCount);
  wanted[id] = 1;
  return wanted;
}

// All functions of a file.
export function functionsOf(profile: Profile, file: string): Uint8Array {
  return Uint8Array.from(profile.functionFile, (one) => (one === file ? 1 : 0));
}
