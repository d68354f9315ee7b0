// SPDX-License-Identifier: Apache-2.0
// The call tree as rows that open: the view for reading, copying and for screen readers.

import { Kind, kindNames } from "./data";
import { byId, make, shareCell } from "./dom";
import { describe, isFunction } from "./labels";
import { boxName } from "./paint";
import type { Scene } from "./scene";
import { childrenOf, type Tree } from "./tree";

const shownChildren = 100;
const opensWhileAbove = 0.5; // share of the parent: the way down that matters is open at first
const deepestIndent = 40;

export class CallTree {
  private readonly body = byId<HTMLElement>("tree-rows");
  private readonly open = new Set<number>();
  private scene!: Scene;
  private drawn: Tree | null = null;

  constructor(private readonly onSelect: (label: number) => void) {
    this.body.addEventListener("click", (event) => {
      const row = (event.target as Element).closest("tr");
      if (row === null) return;
      if ((event.target as Element).closest(".twisty") !== null) this.toggle(row);
      else this.focusRow(row);
    });
    this.body.addEventListener("dblclick", (event) => {
      const row = (event.target as Element).closest("tr");
      if (row !== null) this.toggle(row);
    });
    this.body.addEventListener("keydown", (event) => this.onKey(event));
  }

  show(scene: Scene): void {
    this.scene = scene;
    const tree = scene.shown;
    // What is open stays open, and the focus where it is.
    if (tree === this.drawn) return this.mark();
    this.drawn = tree;
    this.open.clear();
    for (let node = 0; ; ) {
      this.open.add(node);
      const first = childrenOf(tree, node)[0];
      if (first === undefined) break;
      if (node > 0 && tree.total[first]! < opensWhileAbove * tree.total[node]!) break;
      node = first;
    }
    this.body.replaceChildren(...this.rowsBelow(0));
    this.body.querySelector("tr")?.setAttribute("tabindex", "0");
    this.mark();
  }

  // What the search does not match is pale; rows of the selected function stand out.
  private mark(): void {
    const { matches, state, shown } = this.scene;
    for (const row of this.body.querySelectorAll<HTMLElement>("tr[data-node]")) {
      const label = shown.label[Number(row.dataset["node"])]!;
      row.classList.toggle("pale", matches !== null && matches[label] !== 1);
      row.setAttribute("aria-selected", String(label === state.selected));
    }
  }

  private rowsBelow(parent: number): HTMLTableRowElement[] {
    const rows: HTMLTableRowElement[] = [];
    const pending: number[] = []; // nodes, and ~node for "and N smaller" below a node
    const push = (node: number): void => {
      if (childrenOf(this.scene.shown, node).length > shownChildren) pending.push(~node);
      pending.push(...this.shownChildrenOf(node).slice().reverse());
    };
    push(parent);
    while (pending.length > 0) {
      const node = pending.pop()!;
      rows.push(node < 0 ? this.rest(~node) : this.row(node));
      if (node >= 0 && this.open.has(node)) push(node);
    }
    return rows;
  }

  private shownChildrenOf(node: number): Uint32Array {
    return childrenOf(this.scene.shown, node).subarray(0, shownChildren);
  }

  private rest(parent: number): HTMLTableRowElement {
    const hidden = childrenOf(this.scene.shown, parent).length - shownChildren;
    const level = String(this.scene.shown.depth[parent]! + 1);
    const cell = make("td", { colspan: "3", class: "rest" }, `and ${hidden} smaller`);
    return make("tr", { "aria-level": level }, cell);
  }

  private row(node: number): HTMLTableRowElement {
    const { profile, shown: tree } = this.scene;
    const label = tree.label[node]!;
    const { place, kind } = describe(profile, label);
    const hasChildren = childrenOf(tree, node).length > 0;
    const swatch = isFunction(profile, label)
      ? kindNames[profile.functionKind[label] as Kind].toLowerCase()
      : "group";
    const depth = tree.depth[node]!;
    const cell = make(
      "td",
      { class: "call" },
      make("span", { class: "twisty", "aria-hidden": "true" }, hasChildren ? "" : "·"),
      make("i", { class: `swatch ${swatch}`, role: "img", "aria-label": kind }),
      make("span", { class: "name" }, boxName(profile, tree, node)),
      make("span", { class: "place" }, place),
    );
    cell.style.setProperty("--depth", String(Math.min(depth - 1, deepestIndent)));
    const whole = tree.total[0]!;
    const row = make(
      "tr",
      { role: "row", tabindex: "-1", "data-node": String(node), "aria-level": String(depth) },
      shareCell(tree.total[node]!, whole),
      shareCell(tree.self[node]!, whole),
      cell,
    );
    for (const one of row.cells) one.setAttribute("role", "gridcell");
    if (hasChildren) row.setAttribute("aria-expanded", String(this.open.has(node)));
    return row;
  }

  private toggle(row: HTMLTableRowElement): void {
    const node = Number(row.dataset["node"]);
    if (!row.hasAttribute("aria-expanded")) return;
    const isOpen = this.open.has(node);
    row.setAttribute("aria-expanded", String(!isOpen));
    if (!isOpen) {
      this.open.add(node);
      row.after(...this.rowsBelow(node));
      return this.mark();
    }
    this.open.delete(node);
    const depth = this.scene.shown.depth[node]!;
    for (let next = row.nextElementSibling; next !== null; next = row.nextElementSibling) {
      if (Number(next.getAttribute("aria-level")) <= depth) break;
      next.remove();
    }
  }

  private focusRow(row: HTMLTableRowElement): void {
    if (row.dataset["node"] === undefined) return;
    this.body.querySelector("tr[tabindex='0']")?.setAttribute("tabindex", "-1");
    row.setAttribute("tabindex", "0");
    row.focus();
    this.onSelect(this.scene.shown.label[Number(row.dataset["node"])]!);
  }

  private onKey(event: KeyboardEvent): void {
    const row = (event.target as Element).closest("tr");
    if (row === null || event.ctrlKey || event.altKey || event.metaKey) return;
    const isOpen = row.getAttribute("aria-expanded");
    const { parent } = this.scene.shown;
    const rowOf = (node: number): Element | null =>
      this.body.querySelector(`tr[data-node='${node}']`);
    const moves: Record<string, () => Element | null> = {
      ArrowDown: () => row.nextElementSibling,
      ArrowUp: () => row.previousElementSibling,
      Home: () => this.body.firstElementChild,
      End: () => this.body.lastElementChild,
      ArrowRight: () => (isOpen === "true" ? row.nextElementSibling : null),
      ArrowLeft: () => (isOpen === "true" ? null : rowOf(parent[Number(row.dataset["node"])]!)),
    };
    const opens =
      (event.key === "ArrowRight" && isOpen === "false") ||
      (event.key === "ArrowLeft" && isOpen === "true") ||
      event.key === "Enter" ||
      event.key === " ";
    if (opens) this.toggle(row);
    else if (event.key in moves) {
      const next = moves[event.key]!();
      if (next !== null) this.focusRow(next as HTMLTableRowElement);
    } else return;
    event.preventDefault();
  }
}
