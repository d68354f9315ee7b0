// SPDX-License-Identifier: Apache-2.0
// What the recording is worth: losses, all statistics, settings. Nothing here depends on the
// filters.

import type { Profile, Side, Statistic } from "./data";
import { byId, make } from "./dom";
import { grouped } from "./numbers";

function lossesOf(side: Side): Statistic[] {
  const losses = side.statistics.filter((statistic) => statistic.loss && statistic.value > 0);
  const cut = { name: "is_cut", text: "the recording was not ended: its last second may be missing" };
  return side.isCut ? [{ ...cut, value: 1, loss: true }, ...losses] : losses;
}

export function showQuality(profile: Profile): void {
  const kinds = new Set(profile.sides.flatMap(lossesOf).map((loss) => loss.name)).size;
  const badge = byId<HTMLElement>("quality-badge");
  badge.textContent =
    kinds === 0 ? "complete" : kinds === 1 ? "1 kind of loss" : `${kinds} kinds of loss`;
  badge.classList.toggle("lossy", kinds > 0);
  const panel = byId<HTMLElement>("quality");
  for (const side of profile.sides) {
    if (profile.sides.length > 1) panel.append(make("h2", { class: "side" }, side.name));
    panel.append(...sideParts(profile, side));
  }
}

function sideParts(profile: Profile, side: Side): HTMLElement[] {
  const losses = lossesOf(side);
  const parts: HTMLElement[] = [
    losses.length === 0
      ? make(
          "p",
          { class: "verdict" },
          "Nothing was lost: every sample that was due is here, with its whole stack.",
        )
      : make("p", { class: "verdict lossy" }, "This profile is not complete. What is missing:"),
  ];
  if (losses.length > 0) parts.push(statisticTable(losses, "numbers losses"));
  parts.push(make("h2", {}, "Statistics"), statisticTable(side.statistics, "numbers"));
  const terms = facts(profile, side).flatMap(([key, value]) => [
    make("dt", {}, key),
    make("dd", {}, value),
  ]);
  parts.push(make("h2", {}, "Recording"), make("dl", {}, ...terms));
  return parts;
}

function statisticTable(statistics: Statistic[], style: string): HTMLElement {
  const rows = statistics.map((statistic) =>
    make(
      "tr",
      { title: statistic.name },
      make("td", {}, grouped(statistic.value)),
      make("td", {}, statistic.text || statistic.name),
    ),
  );
  return make("table", { class: style }, make("tbody", {}, ...rows));
}

function facts(profile: Profile, side: Side): [string, string][] {
  const list: [string, string][] = [];
  if (side.startUnixMs > 0) {
    const started = new Date(side.startUnixMs).toISOString().replace("T", " ").slice(0, 19);
    list.push(["started", `${started} UTC`]);
  }
  list.push(["duration", `${side.durationSeconds.toFixed(1)} s`]);
  for (const source of profile.sources) {
    const rate = source.frequencyHz > 0 ? ` at ${grouped(source.frequencyHz)} Hz` : "";
    list.push(["event source", `${source.name}${rate}, in ${source.unit}`]);
  }
  for (const [key, value] of side.settings) list.push([key.replaceAll("_", " "), value]);
  return list;
}
