// SPDX-License-Identifier: Apache-2.0
import { App } from "./app";
import { inflate } from "./columns";
import { load } from "./data";
import { byId } from "./dom";

declare global {
  interface Window {
    pyebpf?: App;
  }
}

async function start(): Promise<void> {
  const data = byId("data");
  performance.mark("begin");
  const tables = await inflate(data.textContent ?? "");
  performance.measure("inflate", "begin");
  data.remove(); // it is not needed twice
  performance.mark("inflated");
  const profile = load(tables);
  performance.measure("load", "inflated");
  performance.mark("loaded");
  window.pyebpf = new App(profile);
  // The first frame after this one has the graph.
  requestAnimationFrame(() => setTimeout(() => performance.measure("first view", "loaded")));
}

start().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  byId("failure").hidden = false;
  byId("failure").textContent = `This profile cannot be shown: ${message}`;
  throw error;
});
