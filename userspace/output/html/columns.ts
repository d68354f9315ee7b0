// SPDX-License-Identifier: Apache-2.0
// The page's data, inflated: columns of numbers and a JSON object that says where they are
// (page_columns.h).

// Its shape follows from its version.
export type Json = any;

export interface Tables {
  directory: Json;
  bytes: Uint8Array;
}

// From the text of the data element.
export async function inflate(base64: string): Promise<Tables> {
  if (typeof DecompressionStream === "undefined")
    throw new Error("this browser is too old: it has no DecompressionStream");
  const text = atob(base64.trim());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const end = buffer.byteLength - 4;
  const length = new DataView(buffer).getUint32(end, true);
  const json = new TextDecoder().decode(new Uint8Array(buffer, end - length, length));
  return { directory: JSON.parse(json), bytes: new Uint8Array(buffer) };
}

type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

// Column `name` of `table` as the typed array `make` makes; `more` rows are left at the end.
export function column<Type extends Column>(
  tables: Tables,
  table: string,
  name: string,
  make: new (length: number) => Type,
  more = 0,
): Type {
  const rows: number = tables.directory[table].rows;
  const { at, bytes: width, base, deltas } = tables.directory[table][name];
  const result = new make(rows + more);
  for (let row = 0; row < rows; row++) result[row] = base;
  for (let byte = 0, factor = 1; byte < width; byte++, factor *= 256) {
    const plane = tables.bytes.subarray(at + byte * rows, at + (byte + 1) * rows);
    for (let row = 0; row < rows; row++) result[row]! += plane[row]! * factor;
  }
  if (deltas) for (let row = 1; row < rows; row++) result[row]! += result[row - 1]!;
  return result;
}
