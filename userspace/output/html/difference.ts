// SPDX-License-Identifier: Apache-2.0
// Words for the difference of two profiles.

import type { Profile, Verdict } from "./data";

const verdictNames = [
  "unclear: the difference may be chance",
  "unchanged",
  "slower",
  "faster",
  "new",
  "gone",
] as const;

export function verdictOf(profile: Profile, label: number): Verdict | undefined {
  return profile.verdicts.find((verdict) => verdict.function === label);
}

// With a sign, in points of percent.
export function points(value: number): string {
  const text = Math.abs(100 * value).toFixed(2);
  return `${value < 0 ? "−" : "+"}${text} points`;
}

// A ratio of two weights.
export function ratio(base: number, head: number): string {
  if (base === 0) return head === 0 ? "" : "new";
  if (head === 0) return "gone";
  const percents = 100 * (head / base - 1);
  if (Math.abs(percents) < 0.05) return "0 %";
  const digits = Math.abs(percents) < 99.95 ? 1 : 0;
  return `${percents < 0 ? "−" : "+"}${Math.abs(percents).toFixed(digits)} %`;
}

export function differenceText(profile: Profile, label: number): string {
  const verdict = verdictOf(profile, label);
  if (verdict === undefined) return "not among the functions that were judged";
  const sure = `${(100 * profile.confidence).toFixed(0)} %`;
  return [
    verdictNames[verdict.verdict] ?? "",
    `${points(verdict.head - verdict.base)}, with ${sure} confidence between ` +
      `${points(verdict.low)} and ${points(verdict.high)}`,
    verdict.note,
  ]
    .filter(Boolean)
    .join("; ");
}
