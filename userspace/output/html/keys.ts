// SPDX-License-Identifier: Apache-2.0
// The keys that work everywhere on the page.

import type { App } from "./app";
import { byId } from "./dom";
import { views } from "./state";

export function connectKeys(app: App): void {
  const help = byId<HTMLDialogElement>("help");
  byId("help-button").addEventListener("click", () => help.showModal());
  const actions: Record<string, () => void> = {
    "/": () => byId("search").focus(),
    "?": () => help.showModal(),
    b: () => app.toggle("isInverted"),
    f: () => app.toggle("isFlipped"),
    s: () => app.openView("sandwich"),
    l: () => app.openView("source-view"),
  };
  views.forEach((view, at) => {
    actions[String(at + 1)] = () => {
      if (!byId(`${view}-tab`).hidden) app.openView(view);
    };
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !help.open) {
      const menu = document.querySelector<HTMLDetailsElement>("details.menu[open]");
      if (menu === null) return app.stepBack();
      menu.open = false;
      menu.querySelector("summary")!.focus();
      return;
    }
    const isTyping =
      (event.target instanceof HTMLInputElement && event.target.type !== "checkbox") ||
      event.target instanceof HTMLSelectElement;
    if (isTyping || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
  // A menu closes when something else is clicked.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]"))
      if (!menu.contains(event.target as Node)) menu.open = false;
  });
}
