// SPDX-License-Identifier: Apache-2.0
// Wires the page: state -> filter -> trees -> views; and what the user does back into the state.

import { buildTree, invert } from "./build";
import { CallTree } from "./calltree";
import { makePalette, type Palette } from "./colors";
import type { Profile } from "./data";
import { showDetails } from "./details";
import { byId, connectTabs, make, showTab } from "./dom";
import { exportView } from "./export";
import { Filters } from "./filters";
import { find, Graphs } from "./graphs";
import { connectKeys } from "./keys";
import { describe, isFunction } from "./labels";
import type { Lane } from "./lanes";
import { percent } from "./numbers";
import { connectOptions, type Options } from "./options";
import { showHeadline } from "./headline";
import { showQuality } from "./quality";
import { all, type Filter } from "./samples";
import { type Scene, weightText } from "./scene";
import { escaped, search } from "./search";
import { SourceView } from "./source";
import { fromHash, type State, toHash, type ViewName } from "./state";
import { TimeStrip } from "./strip";
import { FunctionTable } from "./table";
import { Timeline } from "./timeline";
import { hideTooltip, showLines } from "./tooltip";
import { type FunctionTotals, functionTotals, matchedWeight } from "./totals";
import { pathTo, type Tree } from "./tree";

export class App {
  readonly graphs: Graphs;
  readonly timeline: Timeline;
  readonly state: State;
  private readonly table: FunctionTable;
  private readonly filters: Filters;
  private readonly options: Options;
  private readonly strip: TimeStrip;
  private readonly callTree = new CallTree((label) => this.select(label));
  private readonly sourceView = new SourceView();
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private palette: Palette;
  private scene!: Scene;
  private totals: { tree: Tree; top: number; of: FunctionTotals } | null = null;

  constructor(private readonly profile: Profile) {
    this.state = fromHash(profile, location.hash);
    this.palette = makePalette(profile, this.dark.matches);
    this.graphs = new Graphs(profile, {
      zoomed: (node) => this.onZoom(node),
      selected: (label) => this.select(isFunction(profile, label) ? label : all),
      announce: (tree, node) => this.announce(tree, node),
    });
    this.table = new FunctionTable(profile, (label) => this.select(label));
    this.filters = new Filters(profile, this.state, () => this.update());
    this.options = connectOptions(profile, this.state, () => this.update());
    this.strip = new TimeStrip(profile.durationSeconds, (from, to) => this.setRange(from, to));
    this.timeline = new Timeline({
      range: (from, to) => this.setRange(from, to),
      filter: (lane) => this.filterBy(lane),
      announce: (text) => (byId("selection").textContent = text),
      hover: (lines, x, y) => (lines === null ? hideTooltip() : showLines(lines, x, y)),
    });
    this.connect();
    showHeadline(profile);
    showQuality(profile);
    this.update();
  }

  // For tests: what is shown.
  inspect(): { tree: Tree; scene: Scene; profile: Profile; graphs: Graphs; timeline: Timeline } {
    const { scene, profile, graphs, timeline } = this;
    return { tree: scene.shown, scene, profile, graphs, timeline };
  }

  openView(view: ViewName): void {
    this.state.view = view;
    this.render();
  }

  openSide(panel: string): void {
    showTab(byId("sides"), panel);
    this.showDetails();
  }

  setSearch(text: string): void {
    this.state.search = text;
    this.applySearch();
  }

  toggle(what: "isInverted" | "isFlipped"): void {
    this.state[what] = !this.state[what];
    if (what === "isFlipped") return this.render();
    this.state.focus = [];
    this.update();
  }

  // Gives up one thing at a time, the last in mind first.
  stepBack(): void {
    const { state } = this;
    if (state.search !== "") this.setSearch("");
    else if (state.selected >= 0 || state.focus.length > 0) {
      // A click on a box selects and zooms: both are undone at once.
      this.zoom(0);
      this.unselect();
    } else this.setRange(0, this.profile.durationSeconds);
  }

  select(label: number): void {
    if (this.state.selected === label) return;
    this.state.selected = label;
    this.render();
  }

  private unselect(): void {
    this.graphs.flame.unselect();
    this.select(all);
  }

  private connect(): void {
    const box = byId<HTMLInputElement>("search");
    box.addEventListener("input", () => this.setSearch(box.value));
    byId("reset").addEventListener("click", () => this.zoom(0));
    byId("quality-badge").addEventListener("click", () => this.openSide("quality"));
    byId("invert").addEventListener("click", () => this.toggle("isInverted"));
    byId("flip").addEventListener("click", () => this.toggle("isFlipped"));
    byId("to-sandwich").addEventListener("click", () => this.openView("sandwich"));
    byId("to-source").addEventListener("click", () => this.openView("source-view"));
    byId("to-search").addEventListener("click", () =>
      this.setSearch(`^${escaped(describe(this.profile, this.state.selected).name)}$`),
    );
    byId("unselect").addEventListener("click", () => this.unselect());
    connectTabs(byId("views"), (panel) => this.openView(panel as ViewName));
    connectTabs(byId("sides"), (panel) => this.openSide(panel));
    for (const button of document.querySelectorAll<HTMLElement>("[data-export]"))
      button.addEventListener("click", () => {
        byId<HTMLDetailsElement>("export").open = false;
        const content = { scene: this.scene, graph: this.graphs.current, table: this.table };
        void exportView(button.dataset["export"]!, content, this.focused);
      });
    this.dark.addEventListener("change", () => {
      this.palette = makePalette(this.profile, this.dark.matches);
      this.scene.palette = this.palette;
      this.strip.setMatches(this.scene);
      this.render();
    });
    addEventListener("hashchange", () => {
      if (location.hash.slice(1) === toHash(this.profile, this.state)) return;
      Object.assign(this.state, fromHash(this.profile, location.hash));
      this.update();
    });
    connectKeys(this);
  }

  private get filter(): Filter {
    const { matches } = search(this.profile, this.state.search);
    return { ...this.state, matches };
  }

  // After a change of what samples or frames are looked at.
  private update(): void {
    const { profile, state } = this;
    const { filter } = this;
    const tree = buildTree(profile, filter);
    const shown = state.isInverted ? invert(tree, profile.functionCount) : tree;
    if (find(shown, state.focus) === 0) state.focus = [];
    const { matches } = filter;
    this.scene = { profile, state, filter, tree, shown, matches, palette: this.palette };
    this.filters.show();
    this.strip.show(this.scene);
    byId("empty").hidden = tree.samples > 0;
    byId("selection").textContent = "";
    this.render();
  }

  // After a change of how it is looked at.
  private render(): void {
    const { state, scene } = this;
    scene.palette = this.palette;
    hideTooltip();
    showTab(byId("views"), state.view);
    this.options.show();
    const box = byId<HTMLInputElement>("search");
    if (box.value !== state.search) box.value = state.search;
    if (state.view === "flame") this.graphs.showFlame(scene);
    else if (state.view === "tree") this.callTree.show(scene);
    else if (state.view === "sandwich") this.graphs.showSandwich(scene);
    else if (state.view === "timeline") this.timeline.show(scene);
    else this.sourceView.show(scene);
    this.showMatched();
    this.showFocus();
    this.showDetails();
    this.saveState();
  }

  private saveState(): void {
    const hash = toHash(this.profile, this.state);
    if (hash === location.hash.slice(1)) return;
    history.replaceState(null, "", hash === "" ? location.pathname + location.search : `#${hash}`);
  }

  private applySearch(): void {
    const { state } = this;
    const found = search(this.profile, state.search);
    const box = byId<HTMLInputElement>("search");
    box.classList.toggle("plain", found.isPlainText);
    box.title = found.isPlainText ? "not a regular expression: searched for as it is" : "";
    if (state.textMode !== "mark") return this.update();
    this.scene.matches = found.matches;
    this.strip.setMatches(this.scene);
    this.render();
  }

  private setRange(from: number, to: number): void {
    this.state.from = from;
    this.state.to = to;
    this.update();
  }

  private filterBy(lane: Lane): void {
    if (lane.kind === "cpu") return;
    const isOn = this.state[lane.kind] === lane.id;
    this.state[lane.kind] = isOn ? all : lane.id;
    this.update();
  }

  private zoom(node: number): void {
    this.graphs.flame.focusOn(node, true);
    this.graphs.flame.unselect();
    this.onZoom(node);
  }

  private onZoom(node: number): void {
    const { shown } = this.scene;
    this.state.focus = pathTo(shown, node)
      .slice(1)
      .map((one) => shown.label[one]!);
    this.showMatched();
    this.showFocus();
    this.saveState();
  }

  private get focused(): number {
    return find(this.scene.shown, this.state.focus);
  }

  private showMatched(): void {
    const { shown, matches } = this.scene;
    const top = this.focused;
    byId("matched").textContent =
      matches === null
        ? ""
        : `${percent(matchedWeight(shown, top, matches), shown.total[top]!)} matched`;
  }

  // Breadcrumb and table follow the zoom.
  private showFocus(): void {
    const { profile, state, tree, shown, matches } = this.scene;
    const node = this.focused;
    // Self and total of functions are those of the tree that has leaves at its leaves.
    const top = state.isInverted || state.view !== "flame" ? 0 : node;
    if (this.totals?.tree !== tree || this.totals.top !== top)
      this.totals = { tree, top, of: functionTotals(profile, tree, top) };
    this.table.show(this.totals.of, tree.total[top]!, matches, state.selected);
    byId<HTMLButtonElement>("reset").disabled = node === 0;
    const items = pathTo(shown, node).map((at) => {
      const label = describe(profile, shown.label[at]!);
      const button = make("button", { type: "button", title: label.place }, label.name);
      if (at === node) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => this.zoom(at));
      return make("li", {}, button);
    });
    const list = byId("breadcrumb");
    list.replaceChildren(...items);
    if (node > 0) list.scrollLeft = list.scrollWidth; // costs a layout
    list.closest<HTMLElement>("nav")!.hidden = state.view !== "flame";
  }

  private showDetails(): void {
    if (byId("functions").hidden) byId("details").hidden = true;
    else showDetails(this.scene);
  }

  private announce(tree: Tree, node: number): void {
    const { profile, state } = this;
    const { name, place } = describe(profile, tree.label[node]!);
    const whole = tree.total[0]!;
    const part = (what: string, value: number): string =>
      `${what} ${weightText(profile, state, value)} (${percent(value, whole)})`;
    byId("selection").textContent = [
      name,
      place,
      part("total", tree.total[node]!),
      part("self", tree.self[node]!),
    ]
      .filter(Boolean)
      .join(" · ");
  }
}
