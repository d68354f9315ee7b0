// SPDX-License-Identifier: Apache-2.0
// Which lines of a function were running: in itself (self) or in what it called from there (total).

import type { Profile } from "./data";
import { byId, make } from "./dom";
import { describe } from "./labels";
import { percent } from "./numbers";
import { includes, type Filter, type Tree } from "./tree";

interface LineTotal {
  line: number;
  self: number;
  total: number;
}

const shownLines = 12;

// A recursive function counts with the call nearest to the leaf.
export function lineTotals(profile: Profile, filter: Filter, wanted: number): LineTotal[] {
  const { stackParent, stackFrame, frameFunction, frameLine, sampleStack, sampleWeight } = profile;
  const lines = new Map<number, LineTotal>();
  for (let sample = 0; sample < profile.sampleCount; sample++) {
    if (!includes(profile, filter, sample)) continue;
    const leaf = sampleStack[sample]!;
    // Frames that the filter hides belong to their caller.
    let isLeaf = true;
    for (let stack = leaf; stack >= 0; stack = stackParent[stack]!) {
      const frame = stackFrame[stack]!;
      if (frameFunction[frame] === wanted) {
        const line = frameLine[frame]!;
        const entry = lines.get(line) ?? { line, self: 0, total: 0 };
        entry.total += sampleWeight[sample]!;
        if (isLeaf) entry.self += sampleWeight[sample]!;
        lines.set(line, entry);
        break;
      }
      if (!filter.hidden.has(profile.functionKind[frameFunction[frame]!]!)) isLeaf = false;
    }
  }
  return [...lines.values()].sort((a, b) => b.total - a.total || a.line - b.line);
}

// The panel below the table: the lines of the selected function, nothing if none is known.
export function showLines(profile: Profile, filter: Filter, tree: Tree, node: number): void {
  const label = tree.label[node]!;
  const isFunction = label >= 0 && label < profile.functionCount;
  const known = isFunction
    ? lineTotals(profile, filter, label).filter((entry) => entry.line > 0)
    : [];
  const panel = byId("lines");
  panel.hidden = known.length === 0;
  if (panel.hidden) return;
  const whole = tree.total[0]!;
  const share = (value: number): HTMLElement => {
    const cell = make("td", { class: "share" }, percent(value, whole));
    cell.style.setProperty("--share", `${(100 * value) / whole}%`);
    return cell;
  };
  const { name, place } = describe(profile, label);
  const rows = known
    .slice(0, shownLines)
    .map((entry) =>
      make("tr", {}, share(entry.self), share(entry.total), make("td", {}, `line ${entry.line}`)),
    );
  byId("lines-title").textContent = `Lines of ${name}`;
  byId("lines-title").title = place;
  byId("line-rows").replaceChildren(...rows);
  const hidden = known.length - shownLines;
  byId("lines-note").textContent =
    `shares of all samples${hidden > 0 ? `, and ${hidden} more lines` : ""}`;
}
