// SPDX-License-Identifier: Apache-2.0
// What is to be shown, handed to every view.

import type { Palette } from "./colors";
import type { Profile } from "./data";
import { amount, percent } from "./numbers";
import type { Filter } from "./samples";
import type { State } from "./state";
import type { Tree } from "./tree";

export interface Scene {
  profile: Profile;
  state: State;
  filter: Filter;
  tree: Tree; // callers above what they call
  shown: Tree; // the same, or inverted
  matches: Uint8Array | null; // of the search, by label
  palette: Palette;
}

// A weight for people: an amount in the unit of its source; of scaled pairs, a share of the whole.
export function weightText(profile: Profile, state: State, value: number): string {
  const isShare = profile.sides.some((side) => side.scale === 0) && profile.sides.length > 1;
  if (isShare) return percent(value, 1);
  return amount(value, profile.sources[state.source]?.unit ?? "samples");
}
