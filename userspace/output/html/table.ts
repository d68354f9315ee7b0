// SPDX-License-Identifier: Apache-2.0
// The table of functions: self and total of what the graph is zoomed to.

import { Kind, kindNames, type Profile } from "./data";
import { ratio, verdictOf } from "./difference";
import { byId, make, shareCell } from "./dom";
import { describe } from "./labels";
import { grouped, percent } from "./numbers";
import type { FunctionTotals } from "./totals";

type Column = "self" | "total" | "change" | "name";

const rowsAtOnce = 80; // more when the end comes into sight

export class FunctionTable {
  private readonly body = byId<HTMLElement>("function-rows");
  private readonly note = byId<HTMLElement>("function-note");
  private column: Column;
  private isAscending = false;
  private totals: FunctionTotals = {
    labels: [],
    self: new Float64Array(),
    total: new Float64Array(),
    pair: null,
  };
  private whole = 0;
  private matches: Uint8Array | null = null;
  private selected = -1;
  private labels: number[] = [];

  constructor(
    private readonly profile: Profile,
    onPick: (label: number) => void,
  ) {
    this.column = profile.sides.length > 1 ? "change" : "self";
    for (const button of document.querySelectorAll<HTMLButtonElement>("#functions th button")) {
      button.addEventListener("click", () => this.sortBy(button.dataset["column"] as Column));
    }
    const pick = (event: Event): void => {
      const row = (event.target as Element).closest("tr");
      if (row !== null) onPick(Number(row.dataset["label"]));
    };
    this.body.addEventListener("click", pick);
    new IntersectionObserver(([entry]) => {
      if (entry!.isIntersecting) this.addRows();
    }).observe(this.note);
    this.body.addEventListener("keydown", (event) => {
      const row = (event.target as Element).closest("tr");
      const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[
        event.key
      ];
      if (next instanceof HTMLElement) next.focus();
      else if (event.key === "Enter") pick(event);
      else return;
      event.preventDefault();
    });
  }

  show(totals: FunctionTotals, whole: number, matches: Uint8Array | null, selected: number): void {
    Object.assign(this, { totals, whole, matches, selected });
    this.render();
  }

  // The rows as text with tabs between the cells, all of them.
  get text(): string {
    const rows = this.sorted().map((label) => {
      const { name, place } = describe(this.profile, label);
      return [...this.numbers(label), name, place].join("\t");
    });
    const heads = this.totals.pair ? ["self", "total", "change"] : ["self", "total"];
    return [[...heads, "function", "place"].join("\t"), ...rows].join("\n") + "\n";
  }

  private numbers(label: number): string[] {
    const { self, total, pair } = this.totals;
    const shares = [percent(self[label]!, this.whole), percent(total[label]!, this.whole)];
    return pair ? [...shares, ratio(pair.base[label]!, pair.head[label]!)] : shares;
  }

  private sortBy(column: Column): void {
    this.isAscending = column === this.column ? !this.isAscending : column === "name";
    this.column = column;
    this.render();
  }

  private sorted(): number[] {
    const { self, total, pair } = this.totals;
    const names = this.profile.functionName;
    const byName = (a: number, b: number): number =>
      names[a]! < names[b]! ? -1 : names[a]! > names[b]! ? 1 : a - b;
    const moved = (label: number): number =>
      pair ? Math.abs(pair.head[label]! - pair.base[label]!) : 0;
    const compare = {
      self: (a: number, b: number) => self[a]! - self[b]! || total[a]! - total[b]!,
      total: (a: number, b: number) => total[a]! - total[b]! || self[a]! - self[b]!,
      change: (a: number, b: number) => moved(a) - moved(b) || total[a]! - total[b]!,
      name: byName,
    }[this.column];
    const sign = this.isAscending ? 1 : -1;
    const matches = this.matches;
    const labels = this.totals.labels.filter((label) => matches === null || matches[label]);
    return labels.sort((a, b) => sign * compare(a, b) || byName(a, b));
  }

  private render(): void {
    for (const heading of document.querySelectorAll<HTMLElement>("#functions th")) {
      const isSorted = heading.querySelector("button")!.dataset["column"] === this.column;
      heading.setAttribute(
        "aria-sort",
        isSorted ? (this.isAscending ? "ascending" : "descending") : "none",
      );
    }
    this.labels = this.sorted();
    this.body.replaceChildren();
    this.addRows();
  }

  private addRows(): void {
    const shown = this.body.children.length;
    const labels = this.labels.slice(shown, shown + rowsAtOnce);
    this.body.append(...labels.map((label) => this.row(label)));
    const hidden = this.labels.length - shown - labels.length;
    this.note.textContent = hidden > 0 ? `and ${grouped(hidden)} more` : "";
  }

  private row(label: number): HTMLElement {
    const { name, place } = describe(this.profile, label);
    const kind = kindNames[this.profile.functionKind[label] as Kind];
    const cells = [
      shareCell(this.totals.self[label]!, this.whole),
      shareCell(this.totals.total[label]!, this.whole),
    ];
    if (this.totals.pair) cells.push(this.changeCell(label));
    const row = make(
      "tr",
      { "data-label": String(label), tabindex: "0", title: `${name}\n${place}` },
      ...cells,
      make(
        "td",
        {},
        make(
          "div",
          { class: "function" },
          make("i", { class: `swatch ${kind.toLowerCase()}`, "aria-label": kind, role: "img" }),
          make("span", { class: "name" }, name),
          make("span", { class: "place" }, make("bdi", { dir: "ltr" }, place)),
        ),
      ),
    );
    if (label === this.selected) row.setAttribute("aria-current", "true");
    return row;
  }

  private changeCell(label: number): HTMLTableCellElement {
    const { base, head } = this.totals.pair!;
    const text = ratio(base[label]!, head[label]!);
    const verdict = verdictOf(this.profile, label)?.verdict ?? 0;
    const style = verdict < 2 ? "unclear" : head[label]! > base[label]! ? "more" : "less";
    return make("td", { class: `change ${style}` }, text);
  }
}
