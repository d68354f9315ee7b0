// SPDX-License-Identifier: Apache-2.0
// The profile as the page holds it: the JSON tables of page_data.cpp (docs/formats/html.md) in
// typed arrays.

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

export interface Process {
  pid: number;
  name: string;
  command: string;
  python: string;
  container: string;
}

export interface Thread {
  process: number; // -1: not known
  tid: number;
  name: string;
}

export interface Profile {
  startUnixMs: number;
  durationSeconds: number;
  perProcess: boolean;
  perThread: boolean;
  settings: [string, string][];
  sources: Source[];
  statistics: Statistic[];
  processes: Process[];
  threads: Thread[];
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
  sampleCount: number;
  sampleStack: Int32Array; // -1: no stack
  sampleThread: Int32Array;
  sampleSource: Uint8Array;
  sampleTicks: Float64Array; // how many samples the row stands for
  sampleWeight: Float64Array;
}

const supportedVersion = 1;

// A function that stands for samples without any stack; the last one of the table.
const noStackName = "[no stack]";

// Its shape follows from its version.
type Json = any;

function rows<T>(table: Json, make: (column: (name: string) => Json) => T): T[] {
  const names = Object.keys(table);
  const length: number = names.length === 0 ? 0 : table[names[0]!].length;
  return Array.from({ length }, (_, row) => make((name) => table[name][row]));
}

export function load(text: string): Profile {
  const json: Json = JSON.parse(text);
  if (json.version !== supportedVersion) {
    throw new Error(`the data has version ${json.version}, this page reads ${supportedVersion}`);
  }
  const strings: string[] = json.strings;
  const named = (ids: number[]): string[] => ids.map((id) => strings[id]!);
  const functions = json.functions;
  return {
    startUnixMs: json.start_unix_ms,
    durationSeconds: json.duration_seconds,
    perProcess: json.options.per_process,
    perThread: json.options.per_thread,
    settings: Object.entries(json.settings),
    sources: rows(json.sources, (at) => ({
      name: at("name"),
      unit: at("unit"),
      period: at("period"),
      frequencyHz: at("frequency_hz"),
    })),
    statistics: rows(json.statistics, (at) => ({
      name: at("name"),
      text: at("text"),
      value: at("value"),
      loss: at("loss"),
    })),
    processes: rows(json.processes, (at) => ({
      pid: at("pid"),
      name: strings[at("name")]!,
      command: strings[at("command")]!,
      python: strings[at("python")]!,
      container: strings[at("container")]!,
    })),
    threads: rows(json.threads, (at) => ({
      process: at("process"),
      tid: at("tid"),
      name: strings[at("name")]!,
    })),
    functionCount: functions.kind.length + 1,
    functionKind: Uint8Array.from([...functions.kind, Kind.Marker]),
    functionName: [...named(functions.name), noStackName].map((name) => name || "[unknown]"),
    functionFile: [...named(functions.file), ""],
    functionLine: Uint32Array.from([...functions.line, 0]),
    functionModule: [...named(functions.module), ""],
    frameFunction: Uint32Array.from(json.frames.function),
    frameLine: Uint32Array.from(json.frames.line),
    frameInlined: Uint8Array.from(json.frames.inlined),
    stackParent: Int32Array.from(json.stacks.parent),
    stackFrame: Uint32Array.from(json.stacks.frame),
    sampleCount: json.samples.stack.length,
    sampleStack: Int32Array.from(json.samples.stack),
    sampleThread: Int32Array.from(json.samples.thread),
    sampleSource: Uint8Array.from(json.samples.source),
    sampleTicks: Float64Array.from(json.samples.count),
    sampleWeight: Float64Array.from(json.samples.weight),
  };
}

export function noStackFunction(profile: Profile): number {
  return profile.functionCount - 1;
}

// "file:line", or the module of code that has no file.
export function functionPlace(profile: Profile, id: number): string {
  const file = profile.functionFile[id]!;
  const line = profile.functionLine[id]!;
  if (file === "") return profile.functionModule[id]!;
  return line === 0 ? file : `${file}:${line}`;
}
