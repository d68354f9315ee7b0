// SPDX-License-Identifier: Apache-2.0
// Two profiles in one page. The profiles are job_before() and job_after().
import assert from "node:assert/strict";
import { test } from "node:test";

import { clickFrame, look, rows, seriousViolations, settled, shot, textOf, withPage } from "./support.mjs";

const boxes = (page) =>
  page.evaluate(() => {
    const { tree, profile } = window.pyebpf.inspect();
    return Object.fromEntries(
      Array.from(tree.label, (label, node) => [
        profile.functionName[label] ?? "",
        [tree.total[node], tree.pair.base[node], tree.pair.head[node]].map(
          (value) => Number(value.toPrecision(6)),
        ),
      ]),
    );
  });

test("a pair shows both, with the change and what is known of it", async () => {
  await withPage("pair_html", async (page) => {
    await shot(page, "pair");
    assert.equal(
      await textOf(page, "#headline"),
      "before.pyebpf (100 samples) → after.pyebpf (160 samples) · cpu-clock 99 Hz",
    );
    assert.match(await textOf(page, "#conclusion"), /^parse became slower/);
    const seen = await boxes(page);
    assert.deepEqual(seen["parse"], [0.43125, 0.3, 0.5625], "lines that moved do not matter");
    assert.deepEqual(seen["audit"], [0.1, 0.2, 0]);
    assert.deepEqual(seen["cache"], [0.0625, 0, 0.125]);
    const list = await rows(page);
    assert.deepEqual(list[0], {
      self: "43.1 %",
      total: "43.1 %",
      change: "+87.5 %",
      name: "parse",
      place: "/srv/report.py",
    });
    assert.equal(list.find((row) => row.name === "audit").change, "gone");
    assert.equal(list.find((row) => row.name === "cache").change, "new");
    await clickFrame(page, "parse");
    assert.equal(
      await textOf(page, "#details-note"),
      "slower; +26.25 points, with 95 % confidence between +15.00 points and +37.00 points; three times the samples",
    );
    await page.keyboard.press("Escape");
    await page.select("#weighing", "base");
    assert.deepEqual((await boxes(page))["parse"], [0.3, 0.3, 0.5625]);
    assert.ok(await page.$eval("#timeline-tab", (tab) => tab.hidden));
    assert.deepEqual(await seriousViolations(page), []);
  });
});

test("colors have two sides, and are pale where the difference may be chance", async () => {
  await withPage("pair_html", async (page) => {
    const colors = await page.evaluate(() => {
      const { scene } = window.pyebpf.inspect();
      const { tree, palette, profile } = scene;
      const node = (name) => tree.label.findIndex((label) => profile.functionName[label] === name);
      const hsl = (name) => palette.fill(tree, node(name)).match(/[\d.]+/g).map(Number);
      return { parse: hsl("parse"), audit: hsl("audit"), render: hsl("render") };
    });
    assert.equal(colors.parse[0], 24, "more is orange");
    assert.equal(colors.audit[0], 207, "less is blue");
    assert.ok(colors.render[1] < colors.audit[1] / 2, "unclear is pale");
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await settled(page);
    await shot(page, "pair-dark");
    assert.ok((await look(page)).size > 4);
  });
});
