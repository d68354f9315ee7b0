// SPDX-License-Identifier: Apache-2.0
// Which labels a search text matches: a regular expression over name and place, or the text itself
// if it is not one. Capital letters make it case-sensitive.

import type { Profile } from "./data";
import { describe } from "./labels";
import { labelCount } from "./tree";

export interface Search {
  matches: Uint8Array | null; // by label; null: nothing is searched for
  isPlainText: boolean; // the text is not a regular expression
}

export function search(profile: Profile, text: string): Search {
  if (text === "") return { matches: null, isPlainText: false };
  const flags = /[A-Z]/.test(text) ? "u" : "iu";
  let pattern: RegExp;
  let isPlainText = false;
  try {
    pattern = new RegExp(text, flags);
  } catch {
    isPlainText = true;
    pattern = new RegExp(escaped(text), flags);
  }
  const matches = new Uint8Array(labelCount(profile));
  for (let label = 0; label < matches.length; label++) {
    const { name, place } = describe(profile, label);
    matches[label] =
      pattern.test(name) || (place !== "" && pattern.test(`${name} (${place})`)) ? 1 : 0;
  }
  return { matches, isPlainText };
}

// The text as a regular expression that matches only itself.
export function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
