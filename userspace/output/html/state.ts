// SPDX-License-Identifier: Apache-2.0
// What the user chose, as the part after the # of the address: the same file and address show the
// same view.

import { Kind, type Profile } from "./data";
import { all, type Filter, type Grouping, type TextMode, type Weighing } from "./samples";

export const views = ["flame", "tree", "sandwich", "timeline", "source-view"] as const;
export type ViewName = (typeof views)[number];
export type LanesBy = "thread" | "cpu";
export type LanesColor = "kind" | "state" | "cpu" | "process";

export interface State extends Omit<Filter, "matches" | "hidden"> {
  view: ViewName;
  isInverted: boolean;
  isFlipped: boolean;
  search: string;
  hidden: Set<Kind>;
  selected: number; // function; `all`: none
  focus: number[]; // labels from below the root to the box that fills the width
  lanesBy: LanesBy;
  lanesColor: LanesColor;
}

export function hasStates(profile: Profile): boolean {
  return profile.sampleState.some((state) => state > 0);
}

export function initialState(profile: Profile): State {
  const hasProcesses = profile.perProcess || profile.processes.length > 1;
  return {
    view: "flame",
    isInverted: false,
    isFlipped: false,
    search: "",
    textMode: "mark",
    selected: all,
    focus: [],
    lanesBy: "thread",
    lanesColor: hasStates(profile) ? "state" : "kind",
    source: 0,
    container: all,
    process: all,
    thread: all,
    state: all,
    from: 0,
    to: profile.durationSeconds,
    // The runtime's own frames say how Python runs, not what the program does: shown on request.
    hidden: new Set([Kind.Interpreter]),
    collapsesImports: true,
    collapsesRecursion: false,
    grouping: profile.perThread ? "thread" : hasProcesses ? "process" : "none",
    weighing: "both",
  };
}

interface Field {
  read(text: string, state: State, profile: Profile): void;
  write(state: State): string;
}

const text = <Key extends keyof State>(key: Key, allowed: readonly string[] | null): Field => ({
  read: (value, state) => {
    if (allowed === null || allowed.includes(value)) (state[key] as string) = value;
  },
  write: (state) => String(state[key]),
});

const flag = (key: "isInverted" | "isFlipped" | "collapsesImports" | "collapsesRecursion"): Field => ({
  read: (value, state) => (state[key] = value === "1"),
  write: (state) => (state[key] ? "1" : "0"),
});

type NumberKey = "source" | "container" | "process" | "thread" | "state" | "selected" | "from" | "to";
const number = (key: NumberKey, limit: (profile: Profile) => number): Field => ({
  read: (value, state, profile) => {
    const parsed = Number(value);
    if (parsed >= all && parsed <= limit(profile)) state[key] = parsed;
  },
  write: (state) => String(Math.round(state[key] * 1e6) / 1e6),
});

const groupings: readonly Grouping[] = ["none", "container", "process", "thread", "state"];
const modes: readonly TextMode[] = ["mark", "only", "without"];
const weighings: readonly Weighing[] = ["both", "base", "head"];

const fields: Record<string, Field> = {
  view: text("view", views),
  bottomup: flag("isInverted"),
  flip: flag("isFlipped"),
  search: text("search", null),
  mode: text("textMode", modes),
  source: number("source", (profile) => profile.sources.length - 1),
  container: number("container", (profile) => profile.containers.length),
  process: number("process", (profile) => profile.processes.length - 1),
  thread: number("thread", (profile) => profile.threads.length - 1),
  state: number("state", () => 255),
  from: number("from", (profile) => profile.durationSeconds),
  to: number("to", (profile) => profile.durationSeconds),
  group: text("grouping", groupings),
  width: text("weighing", weighings),
  imports: flag("collapsesImports"),
  recursion: flag("collapsesRecursion"),
  lanes: text("lanesBy", ["thread", "cpu"]),
  color: text("lanesColor", ["kind", "state", "cpu", "process"]),
  function: number("selected", (profile) => profile.functionCount - 1),
  hide: {
    read: (value, state) => {
      state.hidden = new Set(value === "" ? [] : value.split(".").map(Number));
    },
    write: (state) => [...state.hidden].sort().join("."),
  },
  zoom: {
    read: (value, state) => (state.focus = value === "" ? [] : value.split(".").map(Number)),
    write: (state) => state.focus.join("."),
  },
};

// Only what differs from the beginning.
export function toHash(profile: Profile, state: State): string {
  const initial = initialState(profile);
  const parameters = new URLSearchParams();
  for (const [name, field] of Object.entries(fields)) {
    const value = field.write(state);
    if (value !== field.write(initial)) parameters.set(name, value);
  }
  return parameters.toString();
}

// What is wrong in it is ignored: a link may be cut or of another file.
export function fromHash(profile: Profile, hash: string): State {
  const state = initialState(profile);
  for (const [name, value] of new URLSearchParams(hash.replace(/^#/, "")))
    if (Object.hasOwn(fields, name)) fields[name]!.read(value, state, profile);
  if (state.from >= state.to) Object.assign(state, { from: 0, to: profile.durationSeconds });
  return state;
}
