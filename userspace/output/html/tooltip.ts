// SPDX-License-Identifier: Apache-2.0
// What floats beside the pointer.

import { ratio, verdictOf } from "./difference";
import { byId, make } from "./dom";
import { describe } from "./labels";
import { percent } from "./numbers";
import { type Scene, weightText } from "./scene";
import type { Tree } from "./tree";

const element = (): HTMLElement => byId("tooltip");

export function hideTooltip(): void {
  element().hidden = true;
}

function place(x: number, y: number): void {
  const tooltip = element();
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  const left = x + 16 + box.width > innerWidth ? x - box.width - 12 : x + 16;
  const top = y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18;
  tooltip.style.left = `${Math.max(4, left)}px`;
  tooltip.style.top = `${Math.max(4, top)}px`;
}

export function showLines(lines: string[], x: number, y: number): void {
  const [first, ...others] = lines;
  element().replaceChildren(
    make("strong", {}, first ?? ""),
    ...others.map((line) => make("div", {}, line)),
  );
  place(x, y);
}

export function showNode(
  scene: Scene,
  tree: Tree,
  node: number,
  focused: number,
  x: number,
  y: number,
): void {
  const { profile, state } = scene;
  const label = describe(profile, tree.label[node]!);
  const kind = tree.inlined[node] ? `${label.kind}, inlined` : label.kind;
  const row = (name: string, value: number, whole: number): HTMLElement =>
    make(
      "tr",
      {},
      make("th", {}, name),
      make("td", {}, weightText(profile, state, value)),
      make("td", {}, percent(value, whole)),
    );
  const whole = tree.total[0]!;
  const shown = tree.total[focused]!;
  const { pair } = tree;
  const rows =
    pair === null
      ? [row("total", tree.total[node]!, whole), row("self", tree.self[node]!, whole)]
      : [
          row(profile.sides[0]!.name, pair.base[node]!, pair.base[0]!),
          row(profile.sides[1]!.name, pair.head[node]!, pair.head[0]!),
        ];
  element().replaceChildren(
    make("strong", {}, label.name),
    ...(label.place === "" ? [] : [make("div", { class: "place" }, label.place)]),
    make("div", { class: "kind-name" }, kind),
    make("table", {}, make("tbody", {}, ...rows)),
    ...(pair === null ? [] : [make("div", {}, ratio(pair.base[node]!, pair.head[node]!))]),
    ...(pair !== null && (verdictOf(profile, tree.label[node]!)?.verdict ?? 0) === 0
      ? [make("div", { class: "kind-name" }, "may be chance")]
      : []),
    ...(shown < whole && pair === null
      ? [make("div", {}, `${percent(tree.total[node]!, shown)} of the zoomed frame`)]
      : []),
  );
  place(x, y);
}
