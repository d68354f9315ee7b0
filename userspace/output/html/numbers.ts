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

const times = [
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

// Three digits, or all that are before the point.
function scaled(value: number, steps: readonly (readonly [number, string])[]): string {
  const [size, name] = steps.find(([least]) => value >= least) ?? steps[steps.length - 1]!;
  const number = value / size;
  return `${number >= 100 ? grouped(number) : number.toPrecision(3)} ${name}`;
}

// A weight of a source with this unit.
export function amount(value: number, unit: string): string {
  if (value === 0) return "0";
  if (unit === "nanoseconds") return scaled(value, times);
  if (unit === "bytes") return scaled(value, sizes);
  return `${grouped(value)} ${unit}`;
}
