// SPDX-License-Identifier: Apache-2.0
// Wires the page: data -> filters -> tree -> graph, table, breadcrumb.

import { load, type Profile } from "./data";
import { byId, make } from "./dom";
import { Filters } from "./filters";
import { FlameGraph, type Direction } from "./flame";
import { describe, makePalette } from "./labels";
import { showLines } from "./lines";
import { amount, grouped, percent } from "./numbers";
import { showQuality } from "./quality";
import { escaped, search } from "./search";
import { FunctionTable } from "./table";
import { buildTree, functionTotals, matchedWeight, type Tree } from "./tree";

class Page {
  private readonly graph: FlameGraph;
  private readonly table: FunctionTable;
  private readonly filters: Filters;
  private readonly searchBox = byId<HTMLInputElement>("search");
  private readonly tooltip = byId("tooltip");
  private readonly flip = byId<HTMLButtonElement>("flip");
  private direction: Direction = "down";
  private matches: Uint8Array | null = null;
  private tree!: Tree;

  constructor(private readonly profile: Profile) {
    this.graph = new FlameGraph(profile, byId("graph"), {
      hover: (node, x, y) => this.showTooltip(node, x, y),
      select: (node) => this.onSelect(node),
      focus: (node) => this.onFocus(node),
    });
    this.table = new FunctionTable(profile, (label) =>
      this.searchFor(`^${escaped(describe(profile, label).name)}$`),
    );
    this.filters = new Filters(profile, () => this.rebuild());
    this.connect();
    this.showHeadline();
    showQuality(profile);
    this.updatePalette();
    this.rebuild();
  }

  // For tests: what is shown, and where.
  inspect(): { tree: Tree; profile: Profile; graph: FlameGraph } {
    return { tree: this.tree, profile: this.profile, graph: this.graph };
  }

  private connect(): void {
    this.searchBox.addEventListener("input", () => this.applySearch());
    this.flip.addEventListener("click", () => this.flipDirection());
    byId("reset").addEventListener("click", () => this.reset());
    byId("help-button").addEventListener("click", () =>
      byId<HTMLDialogElement>("help").showModal(),
    );
    byId("quality-badge").addEventListener("click", () => this.openTab("quality"));
    for (const tab of document.querySelectorAll<HTMLButtonElement>("[role=tab]")) {
      tab.addEventListener("click", () => this.openTab(tab.dataset["panel"]!));
      tab.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const other = document.querySelector<HTMLButtonElement>("[role=tab][aria-selected=false]")!;
        this.openTab(other.dataset["panel"]!);
        other.focus();
      });
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      this.updatePalette(),
    );
    document.addEventListener("keydown", (event) => this.onKey(event));
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === "Escape" && !byId<HTMLDialogElement>("help").open) {
      if (this.searchBox.value !== "") this.searchFor("");
      else this.reset();
      return;
    }
    const isTyping =
      event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Record<string, () => void> = {
      "/": () => this.searchBox.focus(),
      "?": () => byId<HTMLDialogElement>("help").showModal(),
      f: () => this.flipDirection(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  private rebuild(): void {
    this.tree = buildTree(this.profile, this.filters.filter);
    this.graph.setTree(this.tree);
  }

  private reset(): void {
    this.graph.select(0);
    this.graph.zoomTo(0);
  }

  private flipDirection(): void {
    this.direction = this.direction === "down" ? "up" : "down";
    this.flip.setAttribute("aria-pressed", String(this.direction === "up"));
    this.graph.setDirection(this.direction);
  }

  private searchFor(text: string): void {
    this.searchBox.value = this.searchBox.value === text ? "" : text;
    this.applySearch();
  }

  private applySearch(): void {
    const found = search(this.profile, this.searchBox.value);
    this.matches = found.matches;
    this.searchBox.classList.toggle("plain", found.isPlainText);
    this.searchBox.title = found.isPlainText
      ? "not a regular expression: searched for as it is"
      : "";
    this.graph.setMatches(found.matches);
    this.table.setMatches(found.matches);
    this.showMatched();
  }

  private showMatched(): void {
    const top = this.graph.focusedNode;
    byId("matched").textContent =
      this.matches === null
        ? ""
        : `${percent(matchedWeight(this.tree, top, this.matches), this.tree.total[top]!)} matched`;
  }

  private onFocus(node: number): void {
    this.showBreadcrumb(node);
    this.table.show(functionTotals(this.profile, this.tree, node), this.tree.total[node]!);
    this.showMatched();
    byId<HTMLButtonElement>("reset").disabled = node === 0;
    byId("empty").hidden = this.tree.total[0]! > 0;
  }

  private showBreadcrumb(node: number): void {
    const path: number[] = [];
    for (let at = node; at >= 0; at = this.tree.parent[at]!) path.unshift(at);
    const items = path.map((at) => {
      const label = describe(this.profile, this.tree.label[at]!);
      const button = make("button", { type: "button", title: label.place }, label.name);
      if (at === node) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => {
        this.graph.select(at);
        this.graph.zoomTo(at);
      });
      return make("li", {}, button);
    });
    const list = byId("breadcrumb");
    list.replaceChildren(...items);
    list.scrollLeft = list.scrollWidth;
  }

  private unit(): string {
    return this.profile.sources[this.filters.filter.source]?.unit ?? "samples";
  }

  private showTooltip(node: number | null, x: number, y: number): void {
    this.tooltip.hidden = node === null;
    if (node === null) return;
    const { tree } = this;
    const label = describe(this.profile, tree.label[node]!);
    const kind = tree.inlined[node] ? `${label.kind}, inlined` : label.kind;
    const whole = tree.total[0]!;
    const shown = tree.total[this.graph.focusedNode]!;
    const row = (name: string, value: number): HTMLElement =>
      make(
        "tr",
        {},
        make("th", {}, name),
        make("td", {}, amount(value, this.unit())),
        make("td", {}, percent(value, whole)),
      );
    this.tooltip.replaceChildren(
      make("strong", {}, label.name),
      ...(label.place === "" ? [] : [make("div", { class: "place" }, label.place)]),
      make("div", { class: "kind-name" }, kind),
      make(
        "table",
        {},
        make("tbody", {}, row("total", tree.total[node]!), row("self", tree.self[node]!)),
      ),
      ...(shown < whole
        ? [make("div", {}, `${percent(tree.total[node]!, shown)} of the zoomed frame`)]
        : []),
    );
    const box = this.tooltip.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - box.width - 12 : x + 16;
    const top = y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18;
    this.tooltip.style.left = `${Math.max(4, left)}px`;
    this.tooltip.style.top = `${Math.max(4, top)}px`;
  }

  private onSelect(node: number): void {
    this.announce(node);
    showLines(this.profile, this.filters.filter, this.tree, node);
  }

  private announce(node: number): void {
    const label = describe(this.profile, this.tree.label[node]!);
    const total = this.tree.total[node]!;
    const self = this.tree.self[node]!;
    const whole = this.tree.total[0]!;
    byId("selection").textContent =
      `${label.name}${label.place === "" ? "" : ` · ${label.place}`} · total ${amount(total, this.unit())} (${percent(total, whole)})` +
      ` · self ${amount(self, this.unit())} (${percent(self, whole)})`;
  }

  private openTab(panel: string): void {
    for (const tab of document.querySelectorAll<HTMLButtonElement>("[role=tab]")) {
      const isOpen = tab.dataset["panel"] === panel;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
      byId(tab.dataset["panel"]!).hidden = !isOpen;
    }
  }

  private showHeadline(): void {
    const { profile } = this;
    const samples = profile.sampleTicks.reduce((sum, ticks) => sum + ticks, 0);
    const count = (value: number, one: string, many: string): string =>
      `${grouped(value)} ${value === 1 ? one : many}`;
    const pythons = profile.processes.filter((process) => process.python !== "").length;
    byId("headline").textContent = [
      `${count(samples, "sample", "samples")} in ${profile.durationSeconds.toFixed(1)} s`,
      `${count(profile.processes.length, "process", "processes")} (${pythons} Python)`,
      count(profile.threads.length, "thread", "threads"),
      ...profile.sources.map(
        (source) =>
          `${source.name}${source.frequencyHz > 0 ? ` ${grouped(source.frequencyHz)} Hz` : ""}`,
      ),
    ].join(" · ");
  }

  private updatePalette(): void {
    this.graph.setPalette(
      makePalette(this.profile, matchMedia("(prefers-color-scheme: dark)").matches),
    );
  }
}

declare global {
  interface Window {
    pyebpf?: Page;
  }
}

try {
  window.pyebpf = new Page(load(byId("data").textContent ?? ""));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  byId("failure").hidden = false;
  byId("failure").textContent = `This profile cannot be shown: ${message}`;
  throw error;
}
