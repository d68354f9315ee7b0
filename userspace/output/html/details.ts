// SPDX-License-Identifier: Apache-2.0
// The selected function: where it is, what can be done with it, its heaviest lines; in a pair, what
// is known of the difference.

import { differenceText } from "./difference";
import { byId, make, shareCell } from "./dom";
import { describe } from "./labels";
import { lineTotals, onlyFunction } from "./lines";
import type { Scene } from "./scene";

const shownLines = 12;

export function showDetails(scene: Scene): void {
  const { profile, state } = scene;
  const panel = byId("details");
  panel.hidden = state.selected < 0;
  if (panel.hidden) return;
  const { name, place, kind } = describe(profile, state.selected);
  byId("details-title").textContent = name;
  byId("details-title").title = name;
  const module = profile.modules.get(profile.functionModule[state.selected]!);
  const where = [kind, place];
  if (module !== undefined && module.path !== place) where.push(module.path);
  if (module?.buildId) where.push(`build id ${module.buildId.slice(0, 12)}`);
  byId("details-place").textContent = where.filter(Boolean).join(" · ");

  const isPair = profile.sides.length > 1;
  const { lines, whole } = lineTotals(
    profile,
    scene.filter,
    onlyFunction(profile, state.selected),
  );
  const known = [...lines.values()]
    .filter((entry) => entry.line > 0)
    .sort((a, b) => b.total - a.total || a.line - b.line);
  const file = profile.functionFile[state.selected]!;
  const text = profile.sourceTexts.get(file)?.split("\n");
  byId("lines").hidden = known.length === 0;
  byId("line-rows").replaceChildren(
    ...known.slice(0, shownLines).map((entry) => {
      const source = text?.[entry.line - 1]?.trim();
      const cell = make("td", {}, `line ${entry.line}`);
      if (source) cell.append(make("code", {}, source));
      return make("tr", {}, shareCell(entry.self, whole), shareCell(entry.total, whole), cell);
    }),
  );
  const hidden = known.length - shownLines;
  byId("details-note").textContent = isPair
    ? differenceText(profile, state.selected)
    : known.length === 0
      ? ""
      : `shares of all samples shown${hidden > 0 ? `, and ${hidden} more lines` : ""}`;
}
