// SPDX-License-Identifier: Apache-2.0
// Which labels a search text matches: a regular expression over name and place, or the text itself
// if it is not one. Capital letters make it case-sensitive.

import type { Profile } from "./data";
import { describe } from "./labels";
import { labelCount } from "./samples";

export interface Search {
  matches: Uint8Array | null; // by label; null: nothing is searched for
  isPlainText: boolean; // the text is not a regular expression
}

// "name (place)" of every label, made once.
let texts: string[] | null = null;

export function search(profile: Profile, text: string): Search {
  if (text === "") return { matches: null, isPlainText: false };
  texts ??= Array.from({ length: labelCount(profile) }, (_, label) => {
    const { name, place } = describe(profile, label);
    return place === "" ? name : `${name}\n${place}`;
  });
  const flags = /[A-Z]/.test(text) ? "mu" : "imu";
  let pattern: RegExp;
  let isPlainText = false;
  try {
    pattern = new RegExp(text, flags);
  } catch {
    isPlainText = true;
    pattern = new RegExp(escaped(text), flags);
  }
  const matches = Uint8Array.from(texts, (one) => (pattern.test(one) ? 1 : 0));
  return { matches, isPlainText };
}

// The text as a regular expression that matches only itself.
export function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
