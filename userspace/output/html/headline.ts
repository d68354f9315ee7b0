// SPDX-License-Identifier: Apache-2.0
// The recording in one line.

import { isPair, type Profile } from "./data";
import { byId } from "./dom";
import { grouped } from "./numbers";

function count(value: number, one: string, many: string): string {
  return `${grouped(value)} ${value === 1 ? one : many}`;
}

export function showHeadline(profile: Profile): void {
  const samples = profile.sides.map(() => 0);
  profile.sampleTicks.forEach((ticks, row) => (samples[profile.sampleSide[row]!]! += ticks));
  const rates = profile.sources.map(
    (source) =>
      `${source.name}${source.frequencyHz > 0 ? ` ${grouped(source.frequencyHz)} Hz` : ""}`,
  );
  if (isPair(profile)) {
    const [base, head] = profile.sides.map(
      (side, i) => `${side.name} (${count(samples[i]!, "sample", "samples")})`,
    );
    byId("headline").textContent = [`${base} → ${head}`, ...rates].join(" · ");
    document.title = "pyebpf difference";
    byId("conclusion").textContent = profile.conclusion;
    byId("conclusion").hidden = profile.conclusion === "";
    return;
  }
  const pythons = profile.processes.filter((process) => process.python !== "").length;
  byId("headline").textContent = [
    `${count(samples[0]!, "sample", "samples")} in ${profile.durationSeconds.toFixed(1)} s`,
    `${count(profile.processes.length, "process", "processes")} (${pythons} Python)`,
    count(profile.threads.length, "thread", "threads"),
    ...rates,
  ].join(" · ");
}
