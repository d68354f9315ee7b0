// SPDX-License-Identifier: Apache-2.0
// The profile as the page holds it: typed arrays for what there is much of, objects for the rest.

import { column, type Json, type Tables } from "./columns";

export enum Kind {
  Python = 1,
  Native = 2,
  Interpreter = 3,
  Kernel = 4,
  Marker = 5,
}

export const kindNames: Record<Kind, string> = {
  [Kind.Python]: "Python",
  [Kind.Native]: "Native",
  [Kind.Interpreter]: "Interpreter",
  [Kind.Kernel]: "Kernel",
  [Kind.Marker]: "Marker",
};

// What a thread was doing; the numbers are those of profile::ThreadState.
export const stateNames = [
  "running",
  "waiting for a CPU",
  "throttled",
  "waiting for the GIL",
  "waiting for a lock",
  "sleeping",
  "waiting for a disk",
  "waiting for the network",
  "waiting for a pipe",
  "waiting for a child",
  "page fault",
  "polling",
  "waiting",
] as const;

export const flagNames = ["holds the GIL", "handles an exception", "collects garbage"] as const;

export interface Source {
  name: string;
  unit: string;
  period: number;
  frequencyHz: number;
}

export interface Statistic {
  name: string;
  text: string;
  value: number;
  loss: boolean;
}

export interface Container {
  name: string;
  id: string;
  runtime: string;
  image: string;
  pod: string;
  podNamespace: string;
}

export interface Process {
  pid: number;
  parentPid: number;
  name: string;
  command: string;
  python: string;
  container: number; // -1: none
  start: number | null; // seconds; null: before the recording
  end: number | null;
}

export interface Thread {
  process: number; // -1: not known
  tid: number;
  name: string;
}

export interface Module {
  path: string;
  buildId: string;
}

// One recording. A page has one, or the two that it compares.
export interface Side {
  name: string;
  scale: number; // what its weights are multiplied with; 0: so that its whole is 1
  startUnixMs: number;
  durationSeconds: number;
  isCut: boolean;
  settings: [string, string][];
  statistics: Statistic[];
}

export interface Verdict {
  function: number;
  verdict: number; // differenceNames
  base: number;
  head: number;
  low: number;
  high: number;
  note: string;
}

export interface Profile {
  perProcess: boolean;
  perThread: boolean;
  sides: Side[];
  conclusion: string;
  confidence: number;
  verdicts: Verdict[];
  durationSeconds: number; // the longer one's
  sources: Source[];
  containers: Container[];
  processes: Process[];
  threads: Thread[];
  modules: Map<string, Module>;
  sourceTexts: Map<string, string>;
  functionCount: number;
  functionKind: Uint8Array;
  functionName: string[];
  functionFile: string[];
  functionLine: Uint32Array;
  functionModule: string[];
  frameFunction: Uint32Array;
  frameLine: Uint32Array;
  frameInlined: Uint8Array;
  stackParent: Int32Array; // -1 at the root; always smaller than the stack's own index
  stackFrame: Uint32Array;
  sampleCount: number; // rows; sorted by time
  sampleTime: Float64Array; // seconds since the start of its recording
  sampleSide: Uint8Array;
  sampleStack: Int32Array; // -1: no stack
  sampleThread: Int32Array;
  sampleSource: Uint8Array;
  sampleCpu: Uint16Array;
  sampleState: Uint8Array;
  sampleFlags: Uint8Array;
  sampleTicks: Float64Array; // how many samples the row stands for
  sampleWeight: Float64Array;
}

const supportedVersion = 2;

// A function that stands for samples without any stack; the last one of the table.
const noStackName = "[no stack]";

export function load(tables: Tables): Profile {
  const json = tables.directory;
  if (json.version !== supportedVersion) {
    throw new Error(`the data has version ${json.version}, this page reads ${supportedVersion}`);
  }
  const strings: string[] = json.strings;
  const named = (table: string, name: string): string[] =>
    Array.from(column(tables, table, name, Uint32Array), (id) => strings[id]!);
  const sides = json.sides.map(side);
  const functionKind = column(tables, "functions", "kind", Uint8Array, 1);
  functionKind[functionKind.length - 1] = Kind.Marker;
  const sampleTime = column(tables, "samples", "time", Float64Array);
  for (let i = 0; i < sampleTime.length; i++) sampleTime[i]! *= json.time_unit_ns * 1e-9;
  return {
    perProcess: json.options.per_process,
    perThread: json.options.per_thread,
    sides,
    conclusion: json.conclusion ?? "",
    confidence: json.confidence ?? 0,
    verdicts: json.verdicts ?? [],
    durationSeconds: Math.max(...sides.map((one: Side) => one.durationSeconds)),
    sources: json.sources.map((source: Json) => ({
      name: source.name,
      unit: source.unit,
      period: source.period,
      frequencyHz: source.frequency_hz,
    })),
    containers: json.containers.map((container: Json) => ({
      ...container,
      name: strings[container.name],
      podNamespace: container.pod_namespace,
    })),
    processes: json.processes.map((process: Json) => ({
      ...process,
      name: strings[process.name],
      parentPid: process.parent_pid,
      start: process.start_seconds,
      end: process.end_seconds,
    })),
    threads: threads(tables, strings),
    modules: new Map(
      json.modules.map((module: Json) => [
        strings[module.name],
        { path: module.path, buildId: module.build_id },
      ]),
    ),
    sourceTexts: new Map(json.source_texts.map((text: Json) => [strings[text.file], text.text])),
    functionCount: functionKind.length,
    functionKind,
    functionName: [...named("functions", "name"), noStackName].map((name) => name || "[unknown]"),
    functionFile: [...named("functions", "file"), ""],
    functionLine: column(tables, "functions", "line", Uint32Array, 1),
    functionModule: [...named("functions", "module"), ""],
    frameFunction: column(tables, "frames", "function", Uint32Array),
    frameLine: column(tables, "frames", "line", Uint32Array),
    frameInlined: column(tables, "frames", "inlined", Uint8Array),
    stackParent: column(tables, "stacks", "parent", Int32Array),
    stackFrame: column(tables, "stacks", "frame", Uint32Array),
    sampleCount: json.samples.rows,
    sampleTime,
    sampleSide: column(tables, "samples", "side", Uint8Array),
    sampleStack: column(tables, "samples", "stack", Int32Array),
    sampleThread: column(tables, "samples", "thread", Int32Array),
    sampleSource: column(tables, "samples", "source", Uint8Array),
    sampleCpu: column(tables, "samples", "cpu", Uint16Array),
    sampleState: column(tables, "samples", "state", Uint8Array),
    sampleFlags: column(tables, "samples", "flags", Uint8Array),
    sampleTicks: column(tables, "samples", "count", Float64Array),
    sampleWeight: column(tables, "samples", "weight", Float64Array),
  };
}

function side(json: Json): Side {
  return {
    name: json.name,
    scale: json.scale,
    startUnixMs: json.start_unix_ms,
    durationSeconds: json.duration_seconds,
    isCut: json.is_cut,
    settings: json.settings,
    statistics: json.statistics,
  };
}

function threads(tables: Tables, strings: string[]): Thread[] {
  const process = column(tables, "threads", "process", Int32Array);
  const tid = column(tables, "threads", "tid", Uint32Array);
  const name = column(tables, "threads", "name", Uint32Array);
  const pythonName = column(tables, "threads", "python_name", Uint32Array);
  return Array.from(process, (_, i) => ({
    process: process[i]!,
    tid: tid[i]!,
    name: strings[pythonName[i]! || name[i]!]!,
  }));
}

export function noStackFunction(profile: Profile): number {
  return profile.functionCount - 1;
}

export function isPair(profile: Profile): boolean {
  return profile.sides.length > 1;
}

// "file:line", or the module of code that has no file.
export function functionPlace(profile: Profile, id: number): string {
  const file = profile.functionFile[id]!;
  const line = profile.functionLine[id]!;
  if (file === "") return profile.functionModule[id]!;
  return line === 0 ? file : `${file}:${line}`;
}
