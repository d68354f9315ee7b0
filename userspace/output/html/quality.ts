// SPDX-License-Identifier: Apache-2.0
// What the recording is worth: losses, all statistics, settings. Nothing here depends on the
// filters.

import type { Profile } from "./data";
import { byId, make } from "./dom";
import { grouped } from "./numbers";

export function showQuality(profile: Profile): void {
  const losses = profile.statistics.filter((statistic) => statistic.loss && statistic.value > 0);
  const badge = byId<HTMLElement>("quality-badge");
  badge.textContent =
    losses.length === 0
      ? "complete"
      : losses.length === 1
        ? "1 kind of loss"
        : `${losses.length} kinds of loss`;
  badge.classList.toggle("lossy", losses.length > 0);

  const panel = byId<HTMLElement>("quality");
  const verdict =
    losses.length === 0
      ? make(
          "p",
          { class: "verdict" },
          "Nothing was lost: every sample that was due is here, with its whole stack.",
        )
      : make("p", { class: "verdict lossy" }, "This profile is not complete. What is missing:");
  panel.append(verdict);
  if (losses.length > 0) {
    const rows = losses.map((loss) =>
      make("tr", {}, make("td", {}, grouped(loss.value)), make("td", {}, loss.text || loss.name)),
    );
    panel.append(make("table", { class: "numbers losses" }, make("tbody", {}, ...rows)));
  }
  panel.append(
    make("h2", {}, "Statistics"),
    make(
      "table",
      { class: "numbers" },
      make(
        "tbody",
        {},
        ...profile.statistics.map((statistic) =>
          make(
            "tr",
            { title: statistic.name },
            make("td", {}, grouped(statistic.value)),
            make("td", {}, statistic.text || statistic.name),
          ),
        ),
      ),
    ),
    make("h2", {}, "Recording"),
    make(
      "dl",
      {},
      ...facts(profile).flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]),
    ),
  );
}

function facts(profile: Profile): [string, string][] {
  const list: [string, string][] = [];
  if (profile.startUnixMs > 0)
    list.push([
      "started",
      new Date(profile.startUnixMs).toISOString().replace("T", " ").slice(0, 19) + " UTC",
    ]);
  list.push(["duration", `${profile.durationSeconds.toFixed(1)} s`]);
  for (const source of profile.sources) {
    const rate = source.frequencyHz > 0 ? ` at ${grouped(source.frequencyHz)} Hz` : "";
    list.push(["event source", `${source.name}${rate}, in ${source.unit}`]);
  }
  for (const [key, value] of profile.settings) list.push([key.replaceAll("_", " "), value]);
  return list;
}
