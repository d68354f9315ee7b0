// SPDX-License-Identifier: Apache-2.0
// What the labels of a tree are called, where they are and how they look.

import { functionPlace, Kind, kindNames, type Profile } from "./data";
import { allLabel, labelCount, processLabel, threadLabel } from "./tree";

export interface Label {
  name: string;
  place: string; // file:line or module; a process's command
  kind: string; // for people
}

export function describe(profile: Profile, label: number): Label {
  if (label === allLabel)
    return { name: "all", place: "", kind: "everything that the filters let through" };
  if (label < processLabel(profile, 0)) {
    const kind = profile.functionKind[label] as Kind;
    return {
      name: profile.functionName[label]!,
      place: functionPlace(profile, label),
      kind: kindNames[kind],
    };
  }
  if (label < threadLabel(profile, 0)) {
    const process = profile.processes[label - processLabel(profile, 0)]!;
    const python = process.python === "" ? "" : `, Python ${process.python}`;
    return {
      name: `${process.name} (pid ${process.pid}${python})`,
      place: process.command,
      kind: "Process",
    };
  }
  const thread = profile.threads[label - threadLabel(profile, 0)]!;
  const process = profile.processes[thread.process];
  const place = process === undefined ? "" : `${process.name} (pid ${process.pid})`;
  return { name: `${thread.name} (tid ${thread.tid})`, place, kind: "Thread" };
}

// Two words for the box of a place that is too long: the last part of a path.
export function shortPlace(place: string): string {
  return place.slice(place.lastIndexOf("/") + 1);
}

// Hue, saturation, lightness. Any two kinds are at least 27 apart (CIE 1976 Lab distance) for
// normal sight and for protanopia, deuteranopia and tritanopia as simulated by Machado, Oliveira
// and Fernandes (2009, severity 1); ink on any of them has a contrast of at least 5 to 1.
interface Tone {
  hue: number;
  saturation: number;
  lightness: number;
  ink: string;
}

const darkInk = "#1d2430";
const lightInk = "#ffffff";

const lightTones: Record<Kind, Tone> = {
  [Kind.Python]: { hue: 43, saturation: 92, lightness: 66, ink: darkInk },
  [Kind.Native]: { hue: 207, saturation: 68, lightness: 68, ink: darkInk },
  [Kind.Interpreter]: { hue: 220, saturation: 12, lightness: 82, ink: darkInk },
  [Kind.Kernel]: { hue: 325, saturation: 42, lightness: 45, ink: lightInk },
  [Kind.Marker]: { hue: 0, saturation: 0, lightness: 92, ink: darkInk },
};

const darkTones: Record<Kind, Tone> = {
  [Kind.Python]: { hue: 42, saturation: 78, lightness: 60, ink: darkInk },
  [Kind.Native]: { hue: 207, saturation: 58, lightness: 58, ink: darkInk },
  [Kind.Interpreter]: { hue: 220, saturation: 8, lightness: 68, ink: darkInk },
  [Kind.Kernel]: { hue: 325, saturation: 42, lightness: 42, ink: lightInk },
  [Kind.Marker]: { hue: 0, saturation: 0, lightness: 36, ink: lightInk },
};

function hash(text: string): number {
  let value = 2166136261;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619);
  return (value ^ (value >>> 13)) >>> 0;
}

export interface Palette {
  fill: string[]; // by label
  ink: string[];
  all: string;
  allInk: string;
  background: string;
  outline: string;
}

// Functions of one file or library share a shade of their kind's color.
export function makePalette(profile: Profile, dark: boolean): Palette {
  const tones = dark ? darkTones : lightTones;
  const fill: string[] = [];
  const ink: string[] = [];
  for (let id = 0; id < profile.functionCount; id++) {
    const kind = profile.functionKind[id] as Kind;
    const tone = tones[kind];
    const varies = kind !== Kind.Marker;
    const value = hash(profile.functionFile[id] || profile.functionModule[id]!);
    const hue = varies ? tone.hue + ((value & 0xff) / 255 - 0.5) * 12 : tone.hue;
    const lightness = varies
      ? tone.lightness + (((value >>> 8) & 0xff) / 255 - 0.5) * 9
      : tone.lightness;
    fill.push(`hsl(${hue.toFixed(1)} ${tone.saturation}% ${lightness.toFixed(1)}%)`);
    ink.push(tone.ink);
  }
  const group = dark ? "hsl(215 16% 30%)" : "hsl(215 25% 88%)";
  const groupInk = dark ? lightInk : darkInk;
  for (let label = profile.functionCount; label < labelCount(profile); label++) {
    fill.push(group);
    ink.push(groupInk);
  }
  return {
    fill,
    ink,
    all: dark ? "hsl(215 14% 24%)" : "hsl(215 22% 93%)",
    allInk: groupInk,
    background: dark ? "#14181f" : "#ffffff",
    outline: dark ? "#ffffff" : "#10151d",
  };
}
