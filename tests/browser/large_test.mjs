// SPDX-License-Identifier: Apache-2.0
// The page with 200,000 nodes.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  look, setSearch, settled, shot, withPage,
} from "./support.mjs";

test("200,000 nodes: every view is there; how long it took is told", async (context) => {
  await withPage("large_html", async (page) => {
    const seen = await look(page);
    assert.ok(seen.size > 190_000, `${seen.size} nodes`);
    const times = await page.evaluate(async () => {
      const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      const time = async (action) => {
        const begin = performance.now();
        action();
        await frame();
        return Math.round(performance.now() - begin);
      };
      const measured = (name) => Math.round(performance.getEntriesByName(name)[0].duration);
      const box = document.getElementById("search");
      const graph = document.querySelector("#flame .graph");
      const type = (text) => () => {
        box.value = text;
        box.dispatchEvent(new Event("input"));
      };
      return {
        inflate: measured("inflate"),
        load: measured("load"),
        first_view: measured("first view"),
        first_search: await time(type("method_1[0-9]*$")),
        search: await time(type("method_2[0-9]*$")),
        filter: await time(() => document.querySelector("[data-kind=native]").click()),
        scroll: await time(() => (graph.scrollTop = 400)),
        flip: await time(() => document.getElementById("flip").click()),
        bottom_up: await time(() => document.getElementById("invert").click()),
      };
    });
    context.diagnostic(`milliseconds for ${seen.size} nodes: ${JSON.stringify(times)}`);
    const inverted = await look(page);
    assert.equal(inverted.samples, seen.samples);
    await setSearch(page, "");
    await page.click("#flip");
    await page.click("#invert");
    await settled(page);
    await shot(page, "large");
    assert.equal((await look(page)).samples, seen.samples);
  });
});
