// SPDX-License-Identifier: Apache-2.0
// The current view as files and as text to paste.

import { boxHeight, visibleBoxes, type Window } from "./boxes";
import type { Palette } from "./colors";
import { isPair, type Profile } from "./data";
import { byId, make } from "./dom";
import type { FlameGraph } from "./flame";
import { describe, isFunction } from "./labels";
import { boxName, fontFamily, smallestText, textInset } from "./paint";
import { type Scene, weightText } from "./scene";
import type { State } from "./state";
import type { FunctionTable } from "./table";
import { pathTo, type Tree } from "./tree";

function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// navigator.clipboard is missing where the page is not from a secure origin.
async function copy(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = make("textarea", { class: "unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (!isCopied) throw new Error("the browser did not allow it");
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function markup(text: string): string {
  return text.replace(/[&<>"]/g, (c) => escapes[c]!);
}

const letterWidth = 6.4; // CSS pixels: an estimate, so that names end within their boxes

// What the graph shows, over its whole height, with names and shares as tooltips.
function toSvg(
  profile: Profile,
  state: State,
  tree: Tree,
  view: Window,
  palette: Palette,
): string {
  const parts: string[] = [];
  const whole = tree.total[0]!;
  visibleBoxes(tree, view, (box) => {
    const { node, x, y, width } = box;
    const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.1, width - (width > 3 ? 1 : 0)).toFixed(1)}" height="${boxHeight}"`;
    if (box.isRest) {
      parts.push(`${rect} fill="${palette.fill(tree, node)}" opacity="0.45"/>`);
      return;
    }
    const { name, place } = describe(profile, tree.label[node]!);
    const share = whole > 0 ? ((100 * tree.total[node]!) / whole).toFixed(2) : "0";
    const title = `${name}${place === "" ? "" : ` (${place})`}: ${weightText(profile, state, tree.total[node]!)}, ${share} %`;
    parts.push(`<g><title>${markup(title)}</title>${rect} fill="${palette.fill(tree, node)}"/>`);
    const letters = Array.from(boxName(profile, tree, node));
    const room = Math.floor((width - 2 * textInset) / letterWidth);
    if (width >= smallestText && room >= 3) {
      const text = letters.length > room ? `${letters.slice(0, room - 1).join("")}…` : letters.join("");
      parts.push(
        `<text x="${(x + textInset).toFixed(1)}" y="${y + boxHeight / 2 + 4}" fill="${palette.ink(tree, node)}">${markup(text)}</text>`,
      );
    }
    parts.push("</g>");
  });
  const family = markup(fontFamily);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${view.width}" height="${view.height}" viewBox="0 0 ${view.width} ${view.height}" font-family="${family}" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="${palette.background}"/>\n${parts.join("\n")}\n</svg>\n`
  );
}

// One line a stack, root first: "a;b;c 12", in samples of the tree's own weight.
function toCollapsed(profile: Profile, state: State, tree: Tree, top: number): string {
  const period = profile.sources[state.source]?.period || 1;
  const clean = (label: number): string => {
    const { name, place } = describe(profile, label);
    const text = isFunction(profile, label) && place !== "" ? `${name} (${place})` : name;
    return text.replaceAll(";", ":");
  };
  const lines: string[] = [];
  const isBelow = new Uint8Array(tree.size);
  for (let node = 0; node < tree.size; node++) {
    const parent = tree.parent[node]!;
    isBelow[node] = node === top || (parent >= 0 && isBelow[parent] === 1) ? 1 : 0;
    if (isBelow[node] === 0 || node === 0 || tree.self[node] === 0) continue;
    // Of two profiles a weight is a share: in millionths.
    const count = isPair(profile) ? tree.self[node]! * 1e6 : tree.self[node]! / period;
    const names = pathTo(tree, node).slice(1).map((one) => clean(tree.label[one]!));
    lines.push(`${names.join(";")} ${Math.max(1, Math.round(count))}`);
  }
  return lines.join("\n") + "\n";
}

interface Exported {
  scene: Scene;
  graph: FlameGraph;
  table: FunctionTable;
}

export async function exportView(what: string, from: Exported, top: number): Promise<void> {
  const { profile, state, palette, shown } = from.scene;
  try {
    if (what === "table") await copy(from.table.text);
    else if (what === "link") await copy(location.href);
    else if (what === "collapsed") {
      const text = toCollapsed(profile, state, shown, top);
      download("pyebpf.collapsed", new Blob([text], { type: "text/plain" }));
    } else if (what === "svg") {
      const { shownTree } = from.graph;
      const svg = toSvg(profile, state, shownTree, from.graph.wholeWindow(), palette);
      download("pyebpf.svg", new Blob([svg], { type: "image/svg+xml" }));
    } else {
      download("pyebpf.png", await from.graph.toPng());
    }
    say(what === "table" || what === "link" ? "Copied" : "Saved");
  } catch (error) {
    say(`Not done: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function say(text: string): void {
  const toast = byId("toast");
  toast.textContent = text;
  setTimeout(() => (toast.textContent = ""), 2500);
}
