// SPDX-License-Identifier: Apache-2.0
// The flame graph and the sandwich: three graphs that act alike.

import { sandwich } from "./build";
import type { Profile } from "./data";
import { byId } from "./dom";
import { FlameGraph } from "./flame";
import { describe, isFunction } from "./labels";
import { percent } from "./numbers";
import { type Scene, weightText } from "./scene";
import { hideTooltip, showNode } from "./tooltip";
import type { Tree } from "./tree";

export interface GraphEvents {
  zoomed(node: number): void; // of the flame graph
  selected(label: number): void;
  announce(tree: Tree, node: number): void;
}

export class Graphs {
  readonly flame: FlameGraph;
  private readonly callers: FlameGraph;
  private readonly callees: FlameGraph;
  private scene: Scene | null = null;
  private drawnTree: Tree | null = null;
  private wasFlipped = false;

  constructor(
    private readonly profile: Profile,
    events: GraphEvents,
  ) {
    const select = (tree: Tree, node: number): void => {
      events.announce(tree, node);
      events.selected(tree.label[node]!);
    };
    const graph = (element: HTMLElement, focus: (node: number) => void): FlameGraph => {
      const made: FlameGraph = new FlameGraph(profile, element, {
        hover: (tree, node, x, y) => {
          if (node === null || this.scene === null) hideTooltip();
          else showNode(this.scene, tree, node, made.focused, x, y);
        },
        select,
        focus: (_, node) => focus(node),
      });
      return made;
    };
    this.flame = graph(document.querySelector<HTMLElement>("#flame .graph")!, (node) =>
      events.zoomed(node),
    );
    this.callers = graph(byId("callers"), () => {});
    this.callees = graph(byId("callees"), () => {});
  }

  // The graph that export and keys mean.
  get current(): FlameGraph {
    return this.scene?.state.view === "sandwich" ? this.callees : this.flame;
  }

  showFlame(scene: Scene): void {
    this.scene = scene;
    const { state, shown } = scene;
    if (this.drawnTree !== shown || this.wasFlipped !== state.isFlipped) {
      this.flame.setTree(shown, state.isFlipped ? "up" : "down");
      this.drawnTree = shown;
      this.wasFlipped = state.isFlipped;
      const node = find(shown, state.focus);
      if (node > 0) this.flame.focusOn(node, false);
    }
    this.flame.setLook(scene.palette, scene.matches, state.selected);
  }

  showSandwich(scene: Scene): void {
    this.scene = scene;
    const { selected } = scene.state;
    const hasFunction = isFunction(this.profile, selected);
    byId("sandwich-hint").hidden = hasFunction;
    for (const part of document.querySelectorAll<HTMLElement>("#sandwich h2, #sandwich .graph"))
      part.hidden = !hasFunction;
    if (!hasFunction) return;
    const { callers, callees } = sandwich(scene.tree, selected);
    const total = callees.total[0]!;
    const { name } = describe(this.profile, selected);
    byId("sandwich-title").textContent =
      `${name}: ${weightText(this.profile, scene.state, total)}, ` +
      `${percent(total, scene.tree.total[0]!)}; what it calls`;
    this.callers.setTree(callers, "up");
    this.callees.setTree(callees, "down");
    for (const graph of [this.callers, this.callees])
      graph.setLook(scene.palette, scene.matches, -1);
  }
}

// The node that is reached by labels; 0 if there is none.
export function find(tree: Tree, labels: readonly number[]): number {
  let node = 0;
  for (const label of labels) {
    const children = tree.children.subarray(tree.childrenAt[node]!, tree.childrenAt[node + 1]!);
    const next = children.find((child) => tree.label[child] === label);
    if (next === undefined) return 0;
    node = next;
  }
  return node;
}
