// SPDX-License-Identifier: Apache-2.0
// Numbers for people.

export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

export function percent(part: number, whole: number): string {
  if (whole <= 0 || part === 0) return "0 %";
  const share = (100 * part) / whole;
  return `${share.toFixed(share < 9.995 ? 2 : 1)} %`;
}

function scaled(value: number, steps: readonly (readonly [number, string])[]): string {
  for (const [size, name] of steps) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${name}`;
  }
  return `${value} ${steps[steps.length - 1]![1]}`;
}

const times = [
  [60e9 * 100, "min"],
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
  [1, "ns"],
] as const;

const sizes = [
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
] as const;

// A weight of a source with this unit.
export function amount(value: number, unit: string): string {
  if (unit === "nanoseconds") {
    const minutes = times[0];
    if (value >= minutes[0]) return `${grouped(value / 60e9)} min`;
    return value >= 100e9 ? `${grouped(value / 1e9)} s` : scaled(value, times.slice(1));
  }
  if (unit === "bytes") return scaled(value, sizes);
  return `${grouped(value)} ${unit}`;
}
