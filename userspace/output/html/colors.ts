// SPDX-License-Identifier: Apache-2.0
// How boxes and lanes are colored.

import { isPair, Kind, type Profile } from "./data";
import { isFunction } from "./labels";
import { allLabel } from "./samples";
import type { Tree } from "./tree";

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

// Orange: more than before; blue: less. Safe for the three kinds of color blindness, and the sign
// is told in words too. From no change to all of it.
const steps = 12;
const more = { hue: 24, saturation: 92, lightness: 60 };
const less = { hue: 207, saturation: 80, lightness: 62 };

function hash(text: string): number {
  let value = 2166136261;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619);
  return (value ^ (value >>> 13)) >>> 0;
}

export interface Palette {
  isDark: boolean;
  fill(tree: Tree, node: number): string;
  ink(tree: Tree, node: number): string;
  kind: Record<Kind, string>;
  background: string;
  outline: string;
  text: string;
  faint: string;
  line: string;
  accent: string;
  selection: string;
}

const css = (tone: Omit<Tone, "ink">): string =>
  `hsl(${tone.hue.toFixed(1)} ${tone.saturation}% ${tone.lightness.toFixed(1)}%)`;

// Functions of one file or library share a shade of their kind's color.
function shades(profile: Profile, tones: Record<Kind, Tone>): string[] {
  const made = new Map<string, string>();
  return Array.from(profile.functionKind, (kind: Kind, id) => {
    const tone = tones[kind];
    if (kind === Kind.Marker) return css(tone);
    const place = profile.functionFile[id] || profile.functionModule[id]!;
    const key = `${kind}${place}`;
    let color = made.get(key);
    if (color === undefined) {
      const value = hash(place);
      const hue = tone.hue + ((value & 0xff) / 255 - 0.5) * 12;
      const lightness = tone.lightness + (((value >>> 8) & 0xff) / 255 - 0.5) * 9;
      color = css({ hue, saturation: tone.saturation, lightness });
      made.set(key, color);
    }
    return color;
  });
}

// -1: vanished, 0: as before, 1: appeared.
export function change(base: number, head: number): number {
  const larger = Math.max(base, head);
  return larger > 0 ? (head - base) / larger : 0;
}

function ramp(isDark: boolean, end: { hue: number; saturation: number; lightness: number }): string[] {
  const grey = isDark ? 72 : 90;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const t = i / steps;
    return css({
      hue: end.hue,
      saturation: 10 + (end.saturation - 10) * t,
      lightness: grey + (end.lightness - grey) * t,
    });
  });
}

// What is unclear, or known not to have changed, is pale.
const strengths = [0.4, 0.15, 1, 1, 1, 1];

function differenceColor(profile: Profile, isDark: boolean): (tree: Tree, node: number) => string {
  const up = ramp(isDark, more);
  const down = ramp(isDark, less);
  const strength = new Float64Array(profile.functionCount).fill(profile.verdicts.length > 0 ? 0.4 : 1);
  for (const verdict of profile.verdicts) strength[verdict.function] = strengths[verdict.verdict] ?? 1;
  return (tree, node) => {
    const { base, head } = tree.pair!;
    const by = change(base[node]!, head[node]!);
    const shown = Math.sign(by) * Math.sqrt(Math.abs(by)) * (strength[tree.label[node]!] ?? 1);
    return (shown >= 0 ? up : down)[Math.round(Math.abs(shown) * steps)]!;
  };
}

export function makePalette(profile: Profile, isDark: boolean): Palette {
  const tones = isDark ? darkTones : lightTones;
  const fill = shades(profile, tones);
  const difference = isPair(profile) ? differenceColor(profile, isDark) : null;
  const group = isDark ? "hsl(215 16% 30%)" : "hsl(215 25% 88%)";
  const everything = isDark ? "hsl(215 14% 24%)" : "hsl(215 22% 93%)";
  const groupInk = isDark ? lightInk : darkInk;
  return {
    isDark,
    fill: (tree, node) => {
      const label = tree.label[node]!;
      if (label === allLabel) return everything;
      if (difference !== null) return difference(tree, node);
      return fill[label] ?? group;
    },
    ink: (tree, node) => {
      const label = tree.label[node]!;
      if (label !== allLabel && difference !== null) return darkInk;
      if (!isFunction(profile, label)) return groupInk;
      return tones[profile.functionKind[label] as Kind].ink;
    },
    kind: Object.fromEntries(
      Object.entries(tones).map(([kind, tone]) => [kind, css(tone)]),
    ) as Record<Kind, string>,
    background: isDark ? "#14181f" : "#ffffff",
    outline: isDark ? "#ffffff" : "#10151d",
    text: isDark ? "#e6eaf0" : "#1d2430",
    faint: isDark ? "#9aa6b5" : "#5b6675",
    line: isDark ? "#2d3642" : "#dde3ea",
    accent: isDark ? "#6cb4ee" : "#1f6fb2",
    selection: isDark ? "rgb(108 180 238 / 0.22)" : "rgb(31 111 178 / 0.14)",
  };
}

// Eight colors that the color-blind can tell apart: Okabe and Ito, "Color Universal Design" (2008),
// yellow made darker and black grey; then again from the first.
const categories = [
  "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#8a8f98",
];

export function categoryColor(number: number): string {
  return categories[number % categories.length]!;
}

// Running is green-blue, waiting for something scarce warm, waiting for the world cold and pale.
const stateColors = [
  "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#b45a8a", "#c3cad3", "#8a6d3b",
  "#56b4e9", "#7fa7c9", "#a3b1bf", "#b8a800", "#9fc5e8", "#aeb6c0",
];

export function stateColor(state: number): string {
  return stateColors[state] ?? "#aeb6c0";
}
