// SPDX-License-Identifier: Apache-2.0
// The controls beside the views: grouping, what is folded, how lanes are colored.

import { isPair, type Profile } from "./data";
import { byId } from "./dom";
import { hasStates, type State } from "./state";

export interface Options {
  show(): void; // brings the controls in line with the state
}

export function connectOptions(profile: Profile, state: State, onChange: () => void): Options {
  const selects = {
    "text-mode": "textMode",
    grouping: "grouping",
    weighing: "weighing",
    "lanes-by": "lanesBy",
    "lanes-color": "lanesColor",
  } as const;
  const boxes = {
    "collapse-imports": "collapsesImports",
    "collapse-recursion": "collapsesRecursion",
  } as const;
  for (const [id, key] of Object.entries(selects)) {
    const select = byId<HTMLSelectElement>(id);
    select.addEventListener("change", () => {
      (state[key] as string) = select.value;
      onChange();
    });
  }
  for (const [id, key] of Object.entries(boxes)) {
    const box = byId<HTMLInputElement>(id);
    box.addEventListener("change", () => {
      state[key] = box.checked;
      onChange();
    });
  }
  const drop = (id: string, value: string): void =>
    byId(id).querySelector(`option[value=${value}]`)!.remove();
  if (profile.containers.length === 0) drop("grouping", "container");
  if (!hasStates(profile)) for (const id of ["grouping", "lanes-color"]) drop(id, "state");
  if (isPair(profile)) {
    byId("timeline-tab").hidden = true;
    byId("source-view-tab").hidden = true;
    byId("to-source").hidden = true;
    for (const one of document.querySelectorAll<HTMLElement>(".for-pair")) one.hidden = false;
  }
  return {
    show() {
      for (const [id, key] of Object.entries(selects)) byId<HTMLSelectElement>(id).value = state[key];
      for (const [id, key] of Object.entries(boxes)) byId<HTMLInputElement>(id).checked = state[key];
      byId("invert").setAttribute("aria-pressed", String(state.isInverted));
      byId("flip").setAttribute("aria-pressed", String(state.isFlipped));
      const shows = (style: string, isShown: boolean): void => {
        for (const one of document.querySelectorAll<HTMLElement>(`.options .${style}`))
          one.hidden = !isShown;
      };
      const hasTree = state.view === "flame" || state.view === "tree";
      shows("for-tree", hasTree);
      shows("for-flame", state.view === "flame");
      shows("for-timeline", state.view === "timeline");
    },
  };
}
