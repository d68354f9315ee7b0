// SPDX-License-Identifier: Apache-2.0
// Elements in few words. Text goes in as text, never as markup: names come from foreign processes.

import { percent } from "./numbers";

type Content = Node | string;

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string> = {},
  ...content: Content[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

export function byId<Type extends HTMLElement>(id: string): Type {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element as Type;
}

// A table cell with a percentage and a bar as long.
export function shareCell(part: number, whole: number): HTMLTableCellElement {
  const cell = make("td", { class: "share" }, percent(part, whole));
  cell.style.setProperty("--share", `${whole > 0 ? (100 * part) / whole : 0}%`);
  return cell;
}

// Makes the tabs of a list work by mouse and by arrow keys.
export function connectTabs(list: HTMLElement, open: (panel: string) => void): void {
  const tabs = [...list.querySelectorAll<HTMLButtonElement>("[role=tab]")];
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => open(tab.dataset["panel"]!));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined) return;
      const other = tabs.filter((one) => !one.hidden);
      const next = other[(other.indexOf(tabs[at]!) + step + other.length) % other.length]!;
      open(next.dataset["panel"]!);
      next.focus();
    });
  });
}

export function showTab(list: HTMLElement, panel: string): void {
  for (const tab of list.querySelectorAll<HTMLButtonElement>("[role=tab]")) {
    const isOpen = tab.dataset["panel"] === panel;
    tab.setAttribute("aria-selected", String(isOpen));
    tab.tabIndex = isOpen ? 0 : -1;
    byId(tab.dataset["panel"]!).hidden = !isOpen;
  }
}
