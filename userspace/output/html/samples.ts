// SPDX-License-Identifier: Apache-2.0
// Which samples are looked at: by event source, container, process, thread, state, time and text.

import { isPair, Kind, type Profile } from "./data";

export type Grouping = "none" | "container" | "process" | "thread" | "state";
export type TextMode = "mark" | "only" | "without"; // what the search does with samples
export type Weighing = "both" | "base" | "head"; // what the width of a box is, in a pair

export const all = -1;

export interface Filter {
  source: number;
  container: number; // index, hostContainer() for none; or `all`, as in the next three
  process: number;
  thread: number;
  state: number;
  from: number; // seconds
  to: number;
  textMode: TextMode;
  matches: Uint8Array | null; // by label
  hidden: ReadonlySet<Kind>;
  collapsesImports: boolean;
  collapsesRecursion: boolean;
  grouping: Grouping;
  weighing: Weighing;
}

// The number of "no container".
export function hostContainer(profile: Profile): number {
  return profile.containers.length;
}

export function containerOf(profile: Profile, thread: number): number {
  const process = thread < 0 ? -1 : profile.threads[thread]!.process;
  const container = process < 0 ? -1 : profile.processes[process]!.container;
  return container < 0 ? hostContainer(profile) : container;
}

// Labels say what a box shows: functions first, then processes, threads, containers and states.
export const allLabel = -1;

export function processLabel(profile: Profile, process: number): number {
  return profile.functionCount + process;
}

export function threadLabel(profile: Profile, thread: number): number {
  return processLabel(profile, profile.processes.length) + thread;
}

export function containerLabel(profile: Profile, container: number): number {
  return threadLabel(profile, profile.threads.length) + container;
}

export function stateLabel(profile: Profile, state: number): number {
  return containerLabel(profile, hostContainer(profile) + 1) + state;
}

export function labelCount(profile: Profile): number {
  return stateLabel(profile, 256);
}

// In a pair, processes of one name are one: their pids say nothing.
export function processGroups(profile: Profile): Int32Array {
  const groups = Int32Array.from(profile.processes, (_, i) => i);
  if (!isPair(profile)) return groups;
  const first = new Map<string, number>();
  profile.processes.forEach((process, i) => {
    if (!first.has(process.name)) first.set(process.name, i);
    groups[i] = first.get(process.name)!;
  });
  return groups;
}

// Whether each stack has a matching function anywhere.
export function matchingStacks(profile: Profile, matches: Uint8Array): Uint8Array {
  const { stackParent, stackFrame, frameFunction } = profile;
  const result = new Uint8Array(stackParent.length);
  for (let stack = 0; stack < result.length; stack++) {
    const parent = stackParent[stack]!;
    const isMatch =
      matches[frameFunction[stackFrame[stack]!]!] === 1 || (parent >= 0 && result[parent] === 1);
    result[stack] = isMatch ? 1 : 0;
  }
  return result;
}

// A predicate over rows of samples; everything that is the same for all of them is done once.
export function makePredicate(profile: Profile, filter: Filter): (sample: number) => boolean {
  const { sampleSource, sampleThread, sampleTime, sampleState, sampleStack } = profile;
  const groups = processGroups(profile);
  const threadPasses = Uint8Array.from(profile.threads, (thread, id) => {
    const process = thread.process < 0 ? -1 : groups[thread.process]!;
    return (filter.thread === all || filter.thread === id) &&
      (filter.process === all || filter.process === process) &&
      (filter.container === all || filter.container === containerOf(profile, id))
      ? 1
      : 0;
  });
  const passesWithoutThread =
    filter.thread === all && filter.process === all && filter.container === all;
  const { matches, textMode } = filter;
  const wanted = textMode === "mark" || matches === null ? null : matchingStacks(profile, matches);
  const threadMatches = Uint8Array.from(profile.threads, (thread, id) =>
    matches !== null &&
    (matches[threadLabel(profile, id)] ||
      (thread.process >= 0 && matches[processLabel(profile, thread.process)]) ||
      matches[containerLabel(profile, containerOf(profile, id))])
      ? 1
      : 0,
  );
  const isWhole = filter.from <= 0 && filter.to >= profile.durationSeconds;
  return (sample) => {
    if (sampleSource[sample] !== filter.source) return false;
    if (filter.state !== all && sampleState[sample] !== filter.state) return false;
    const time = sampleTime[sample]!;
    if (!isWhole && (time < filter.from || time >= filter.to)) return false;
    const thread = sampleThread[sample]!;
    if (thread < 0 ? !passesWithoutThread : threadPasses[thread] === 0) return false;
    if (wanted === null) return true;
    const stack = sampleStack[sample]!;
    const isMatch =
      (stack >= 0 && wanted[stack] === 1) || (thread >= 0 && threadMatches[thread] === 1);
    return isMatch === (textMode === "only");
  };
}

export function selectSamples(profile: Profile, filter: Filter): Uint32Array {
  const passes = makePredicate(profile, filter);
  const selected = new Uint32Array(profile.sampleCount);
  let count = 0;
  for (let sample = 0; sample < profile.sampleCount; sample++)
    if (passes(sample)) selected[count++] = sample;
  return selected.subarray(0, count);
}

// What a weight of each side counts for: 1, or in a pair the given scale, or that which makes the
// whole of the side's source 1.
export function scales(profile: Profile, source: number): number[] {
  if (!isPair(profile)) return [1];
  const sums = profile.sides.map(() => 0);
  for (let i = 0; i < profile.sampleCount; i++)
    if (profile.sampleSource[i] === source)
      sums[profile.sampleSide[i]!]! += profile.sampleWeight[i]!;
  return profile.sides.map((side, i) => side.scale || (sums[i]! > 0 ? 1 / sums[i]! : 0));
}

const importFiles = /^<frozen importlib|[/]importlib[/]_bootstrap(_external)?[.]py$/;
const importFunctions = /^(_?PyImport_|import_|builtin___import__|_call_with_frames_removed)/;

// Functions that are left out; their time belongs to their caller.
export function hiddenFunctions(profile: Profile, filter: Filter): Uint8Array {
  return Uint8Array.from(profile.functionKind, (kind: Kind, id) => {
    if (filter.hidden.has(kind)) return 1;
    if (!filter.collapsesImports) return 0;
    const isImport =
      importFiles.test(profile.functionFile[id]!) ||
      (kind === Kind.Interpreter && importFunctions.test(profile.functionName[id]!));
    return isImport ? 1 : 0;
  });
}
