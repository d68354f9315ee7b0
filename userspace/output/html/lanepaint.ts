// SPDX-License-Identifier: Apache-2.0
// Draws the lanes of the timeline.

import { categoryColor, stateColor } from "./colors";
import { Kind, kindNames, stateNames } from "./data";
import { type Lane, sampleSeconds } from "./lanes";
import type { Scene } from "./scene";

export const nameWidth = 190; // CSS pixels, at the left

export function xOf(scene: Scene, time: number, width: number): number {
  const { from, to } = scene.state;
  const share = Math.min(1, Math.max(0, (time - from) / (to - from)));
  return nameWidth + share * (width - nameWidth);
}

export function drawName(
  context: CanvasRenderingContext2D,
  scene: Scene,
  lane: Lane,
  y: number,
): void {
  context.fillStyle = scene.palette.background;
  context.save();
  context.beginPath();
  context.rect(0, y, nameWidth - 8, lane.height);
  context.clip();
  context.fillStyle = lane.kind === "thread" ? scene.palette.faint : scene.palette.text;
  const indent = lane.name.startsWith("  ") ? 18 : 6;
  context.fillText(lane.name.trimStart(), indent, y + lane.height / 2);
  context.restore();
}

export function colorOf(scene: Scene, row: number): string {
  const { profile, state, palette } = scene;
  if (state.lanesColor === "cpu") return categoryColor(profile.sampleCpu[row]!);
  if (state.lanesColor === "state") return stateColor(profile.sampleState[row]!);
  if (state.lanesColor === "process")
    return categoryColor(profile.threads[profile.sampleThread[row]!]?.process ?? 0);
  const leaf = leafOf(scene, row);
  return palette.kind[leaf < 0 ? Kind.Marker : (profile.functionKind[leaf] as Kind)];
}

// The innermost function that is not hidden.
export function leafOf(scene: Scene, row: number): number {
  const { profile, state } = scene;
  for (let at = profile.sampleStack[row]!; at >= 0; at = profile.stackParent[at]!) {
    const id = profile.frameFunction[profile.stackFrame[at]!]!;
    if (!state.hidden.has(profile.functionKind[id] as Kind)) return id;
  }
  return -1;
}

export function drawLane(
  context: CanvasRenderingContext2D,
  scene: Scene,
  lane: Lane,
  y: number,
  width: number,
): void {
  const { profile } = scene;
  let drawn = -1;
  for (const row of lane.rows) {
    const end = profile.sampleTime[row]!;
    const x1 = xOf(scene, end, width);
    if (x1 - drawn < 0.5) continue; // smaller than what can be seen
    const x0 = Math.max(drawn, xOf(scene, end - sampleSeconds(profile, row), width));
    context.fillStyle = colorOf(scene, row);
    context.fillRect(x0, y + 2, Math.max(x1 - x0, 0.75), lane.height - 4);
    drawn = x1;
  }
}

// How many threads at once.
export function drawProcess(
  context: CanvasRenderingContext2D,
  scene: Scene,
  lane: Lane,
  y: number,
  width: number,
): void {
  const { profile, state } = scene;
  const count = Math.max(1, Math.floor((width - nameWidth) / 2));
  const size = (state.to - state.from) / count;
  const busy = new Float64Array(count);
  for (const row of lane.rows) {
    if (profile.sampleState[row]! !== 0) continue;
    const end = profile.sampleTime[row]! - state.from;
    let left = sampleSeconds(profile, row);
    // A sample lies in its bar and those before it.
    for (let bar = Math.min(count - 1, Math.floor(end / size)); bar >= 0 && left > 0; bar--) {
      const part = Math.min(left, Math.max(0, Math.min(end, (bar + 1) * size) - bar * size));
      busy[bar]! += part / size;
      left -= part;
    }
  }
  const most = Math.max(1, ...busy);
  context.fillStyle = scene.palette.accent;
  context.globalAlpha = 0.65;
  for (let bar = 0; bar < count; bar++) {
    const tall = (busy[bar]! / most) * (lane.height - 6);
    if (tall > 0) context.fillRect(nameWidth + bar * 2, y + lane.height - 2 - tall, 2, tall);
  }
  context.globalAlpha = 1;
}

// Colors and what they mean.
export function legendOf(scene: Scene): [string, string][] {
  const { profile, state, palette } = scene;
  const entries: [string, string][] = [];
  if (state.lanesColor === "kind") {
    for (const kind of [Kind.Python, Kind.Native, Kind.Interpreter, Kind.Kernel])
      if (!state.hidden.has(kind)) entries.push([palette.kind[kind], kindNames[kind]]);
  } else if (state.lanesColor === "state") {
    for (const one of [...new Set(profile.sampleState)].sort((a, b) => a - b))
      entries.push([stateColor(one), stateNames[one] ?? String(one)]);
  } else if (state.lanesColor === "cpu") {
    const cpus = [...new Set(profile.sampleCpu)].sort((a, b) => a - b).slice(0, 16);
    for (const cpu of cpus) entries.push([categoryColor(cpu), `CPU ${cpu}`]);
  }
  return entries;
}
