// SPDX-License-Identifier: Apache-2.0
// The table of functions: self and total of what the graph is zoomed to.

import { Kind, kindNames, type Profile } from "./data";
import { byId, make } from "./dom";
import { describe } from "./labels";
import { grouped, percent } from "./numbers";
import type { FunctionTotals } from "./tree";

type Column = "self" | "total" | "name";

const shownRows = 250;

export class FunctionTable {
  private readonly body = byId<HTMLElement>("function-rows");
  private readonly note = byId<HTMLElement>("function-note");
  private column: Column = "self";
  private isAscending = false;
  private totals: FunctionTotals = {
    labels: [],
    self: new Float64Array(),
    total: new Float64Array(),
  };
  private whole = 0;
  private matches: Uint8Array | null = null;

  constructor(
    private readonly profile: Profile,
    onPick: (label: number) => void,
  ) {
    for (const button of document.querySelectorAll<HTMLButtonElement>("#functions th button")) {
      button.addEventListener("click", () => this.sortBy(button.dataset["column"] as Column));
    }
    this.body.addEventListener("click", (event) => {
      const row = (event.target as Element).closest("tr");
      if (row !== null) onPick(Number(row.dataset["label"]));
    });
    this.body.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      const row = (event.target as Element).closest("tr");
      if (row !== null) onPick(Number(row.dataset["label"]));
    });
  }

  show(totals: FunctionTotals, whole: number): void {
    this.totals = totals;
    this.whole = whole;
    this.render();
  }

  setMatches(matches: Uint8Array | null): void {
    this.matches = matches;
    this.render();
  }

  private sortBy(column: Column): void {
    this.isAscending = column === this.column ? !this.isAscending : column === "name";
    this.column = column;
    this.render();
  }

  private sorted(): number[] {
    const { self, total } = this.totals;
    const names = this.profile.functionName;
    const byName = (a: number, b: number): number =>
      names[a]! < names[b]! ? -1 : names[a]! > names[b]! ? 1 : a - b;
    const compare = {
      self: (a: number, b: number) => self[a]! - self[b]! || total[a]! - total[b]!,
      total: (a: number, b: number) => total[a]! - total[b]! || self[a]! - self[b]!,
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
    const labels = this.sorted();
    this.body.replaceChildren(...labels.slice(0, shownRows).map((label) => this.row(label)));
    const hidden = labels.length - shownRows;
    this.note.textContent =
      hidden > 0 ? `and ${grouped(hidden)} more: search to narrow the list` : "";
  }

  private row(label: number): HTMLElement {
    const { name, place } = describe(this.profile, label);
    const kind = kindNames[this.profile.functionKind[label] as Kind];
    const share = (value: number): HTMLElement => {
      const cell = make("td", { class: "share" }, percent(value, this.whole));
      cell.style.setProperty("--share", `${this.whole > 0 ? (100 * value) / this.whole : 0}%`);
      return cell;
    };
    return make(
      "tr",
      { "data-label": String(label), tabindex: "0", title: `${name}\n${place}` },
      share(this.totals.self[label]!),
      share(this.totals.total[label]!),
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
  }
}
