// SPDX-License-Identifier: Apache-2.0
// The source view: the file of the selected function, each line with its share. Without an embedded
// source the lines that were seen, by number.

import { byId, make, shareCell } from "./dom";
import { functionsOf, type LineTotal, lineTotals } from "./lines";
import type { Scene } from "./scene";

const shownLines = 20_000;

export class SourceView {
  private readonly body = byId("source-rows");
  private readonly title = byId("source-title");

  show(scene: Scene): void {
    const { profile, state } = scene;
    const file = state.selected < 0 ? "" : profile.functionFile[state.selected]!;
    const hint = byId("source-hint");
    hint.hidden = file !== "";
    hint.textContent =
      state.selected >= 0
        ? `${profile.functionName[state.selected]!} has no source file.`
        : "Select a function, in the table or the graph: the lines of its file are shown here.";
    this.title.hidden = file === "";
    this.body.replaceChildren();
    if (file === "") return;
    const { lines, whole } = lineTotals(profile, scene.filter, functionsOf(profile, file));
    const text = profile.sourceTexts.get(file);
    this.title.textContent = file;
    if (text === undefined) {
      const command = "pyebpf record --embed-source";
      this.title.append(make("small", {}, ` its text is not in this report (${command})`));
    }
    const known = [...lines.values()].filter((entry) => entry.line > 0);
    const most = Math.max(0, ...known.map((entry) => entry.total));
    if (text === undefined) {
      known.sort((a, b) => a.line - b.line);
      this.body.append(...known.map((entry) => this.row(entry.line, "", entry, whole, most)));
    } else {
      const all = text.replace(/\n$/, "").split("\n").slice(0, shownLines);
      const rows = all.map((line, at) => this.row(at + 1, line, lines.get(at + 1), whole, most));
      this.body.append(...rows);
    }
    this.scrollTo(profile.functionLine[state.selected]!, known);
  }

  private row(
    number: number,
    text: string,
    entry: LineTotal | undefined,
    whole: number,
    most: number,
  ): HTMLTableRowElement {
    const row = make("tr", { "data-line": String(number) }, make("th", { scope: "row" }, `${number}`));
    if (entry === undefined) row.append(make("td"), make("td"));
    else row.append(shareCell(entry.self, whole), shareCell(entry.total, whole));
    const heat = entry === undefined || most === 0 ? 0 : entry.total / most;
    const cell = make("td", { class: "text" }, make("code", {}, text));
    cell.style.setProperty("--heat", `${Math.round(heat * 100)}%`);
    row.append(cell);
    return row;
  }

  // To the first line of the function, or to what was seen first of it.
  private scrollTo(line: number, known: LineTotal[]): void {
    const wanted = line > 0 ? line : Math.min(...known.map((entry) => entry.line));
    const rows = [...this.body.querySelectorAll<HTMLElement>("tr")];
    const row = rows.find((one) => Number(one.dataset["line"]) >= wanted);
    row?.scrollIntoView({ block: "start" });
    row?.classList.add("first");
  }
}
