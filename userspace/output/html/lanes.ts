// SPDX-License-Identifier: Apache-2.0
// Who is in the lanes of the timeline: threads below their processes, or CPUs.

import type { Profile } from "./data";
import { selectSamples } from "./samples";
import type { Scene } from "./scene";

export interface Lane {
  kind: "process" | "thread" | "cpu";
  id: number;
  name: string;
  top: number; // CSS pixels
  height: number;
  rows: Uint32Array; // samples, by time
}

const laneHeights = { process: 24, thread: 17, cpu: 20 } as const;

// How long a sample stands for, up to its time, in seconds.
export function sampleSeconds(profile: Profile, row: number): number {
  const source = profile.sources[profile.sampleSource[row]!];
  if (source?.unit === "nanoseconds") return profile.sampleWeight[row]! * 1e-9;
  return source !== undefined && source.frequencyHz > 0 ? 1 / source.frequencyHz : 1e-6;
}

function distribute(
  rows: Uint32Array,
  count: number,
  memberOf: (row: number) => number,
): Uint32Array[] {
  const sizes = new Uint32Array(count);
  for (const row of rows) {
    const member = memberOf(row);
    if (member >= 0) sizes[member]!++;
  }
  const members = Array.from(sizes, (size) => new Uint32Array(size));
  sizes.fill(0);
  for (const row of rows) {
    const member = memberOf(row);
    if (member >= 0) members[member]![sizes[member]!++] = row;
  }
  return members;
}

export function makeLanes(scene: Scene): Lane[] {
  const rows = selectSamples(scene.profile, scene.filter);
  const lanes: Lane[] = [];
  let top = 0;
  const add = (kind: Lane["kind"], id: number, name: string, members: Uint32Array): void => {
    const height = laneHeights[kind];
    lanes.push({ kind, id, name, top, height, rows: members });
    top += height;
  };
  if (scene.state.lanesBy === "cpu") addCpus(scene.profile, rows, add);
  else addThreads(scene.profile, rows, add);
  return lanes;
}

type Add = (kind: Lane["kind"], id: number, name: string, rows: Uint32Array) => void;

function addCpus(profile: Profile, rows: Uint32Array, add: Add): void {
  let count = 0;
  for (const row of rows) count = Math.max(count, profile.sampleCpu[row]! + 1);
  const members = distribute(rows, count, (row) => profile.sampleCpu[row]!);
  members.forEach((list, cpu) => {
    if (list.length > 0) add("cpu", cpu, `CPU ${cpu}`, list);
  });
}

function addThreads(profile: Profile, rows: Uint32Array, add: Add): void {
  const { threads, processes } = profile;
  const byThread = distribute(rows, threads.length, (row) => profile.sampleThread[row]!);
  const weight = (list: Uint32Array): number =>
    list.reduce((sum, row) => sum + profile.sampleWeight[row]!, 0);
  const threadWeights = byThread.map(weight);
  const ofProcess = new Map<number, number[]>();
  threads.forEach((thread, id) => {
    if (byThread[id]!.length === 0) return;
    const list = ofProcess.get(thread.process);
    if (list === undefined) ofProcess.set(thread.process, [id]);
    else list.push(id);
  });
  const heaviest = [...ofProcess]
    .map(([process, list]) => ({
      process,
      list: list.sort((a, b) => threadWeights[b]! - threadWeights[a]! || a - b),
      weight: list.reduce((sum, id) => sum + threadWeights[id]!, 0),
    }))
    .sort((a, b) => b.weight - a.weight || a.process - b.process);
  for (const { process, list } of heaviest) {
    const name = (id: number): string => `${threads[id]!.name} ${threads[id]!.tid}`;
    const known = processes[process];
    if (list.length === 1 || known === undefined) {
      for (const id of list) add("thread", id, name(id), byThread[id]!);
      continue;
    }
    const all = new Uint32Array(list.reduce((sum, id) => sum + byThread[id]!.length, 0));
    let at = 0;
    for (const id of list) {
      all.set(byThread[id]!, at);
      at += byThread[id]!.length;
    }
    add("process", process, `${known.name} ${known.pid}`, all.sort());
    for (const id of list) add("thread", id, `  ${name(id)}`, byThread[id]!);
  }
}
