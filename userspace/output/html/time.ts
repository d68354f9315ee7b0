// SPDX-License-Identifier: Apache-2.0
// Time on a horizontal axis: round steps for it, and ranges chosen by dragging.

import type { Palette } from "./colors";
import { seconds } from "./numbers";

// Round times, at least `least` seconds apart.
export function timeStep(least: number): number {
  const size = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * size).find((step) => step >= least)!;
}

// Draws times along the top edge of an area.
export function drawAxis(
  context: CanvasRenderingContext2D,
  palette: Palette,
  area: { x: number; width: number; height: number },
  from: number,
  to: number,
): void {
  const step = timeStep(((to - from) * 70) / Math.max(70, area.width));
  for (let time = Math.ceil(from / step) * step; time < to; time += step) {
    const x = Math.round(area.x + ((time - from) / (to - from)) * area.width) + 0.5;
    context.fillStyle = palette.line;
    context.fillRect(x, 0, 1, area.height);
    context.fillStyle = palette.faint;
    const text = seconds(time, step);
    if (x + 4 + context.measureText(text).width < area.x + area.width)
      context.fillText(text, x + 4, 8);
  }
}

export interface DragEvents {
  timeAt(x: number): number; // x relative to the element
  dragged(from: number, to: number): void;
  chosen(from: number, to: number): void;
  clicked(event: PointerEvent): void;
}

const smallestDrag = 4; // CSS pixels

export function onDrag(element: HTMLElement, events: DragEvents): void {
  let begin: number | null = null;
  const at = (event: PointerEvent): number =>
    event.clientX - element.getBoundingClientRect().x;
  const range = (event: PointerEvent): [number, number] => {
    const times = [events.timeAt(begin!), events.timeAt(at(event))] as const;
    return [Math.min(...times), Math.max(...times)];
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    begin = at(event);
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (begin !== null && Math.abs(at(event) - begin) >= smallestDrag)
      events.dragged(...range(event));
  });
  element.addEventListener("pointerup", (event) => {
    if (begin === null) return;
    if (Math.abs(at(event) - begin) < smallestDrag) events.clicked(event);
    else events.chosen(...range(event));
    begin = null;
  });
  element.addEventListener("pointercancel", () => (begin = null));
}
