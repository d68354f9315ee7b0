// SPDX-License-Identifier: Apache-2.0
// Every view re-aggregates in the page: time range, lanes, call tree, sandwich, sources, what is
// folded; and links and exports of them. The profile is pool_profile(): 406 samples.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  cells, choose, clickFrame, drag, hashOf, look, rows, setSearch, settled, shot, textOf, withPage,
  WORK,
} from "./support.mjs";

const samples = async (page) => (await look(page)).samples;
const lanes = (page) =>
  page.evaluate(() =>
    window.pyebpf.timeline.shownLanes.map(({ kind, name, rows }) => [kind, name.trim(), rows.length]),
  );

test("a range of time can be dragged, typed and given up", async () => {
  await withPage("pool_html", async (page) => {
    assert.equal(await samples(page), 406);
    await drag(page, "#strip canvas", 0, 0.5);
    const half = await samples(page);
    assert.ok(half > 150 && half < 250, `${half} samples in the first half`);
    assert.match(await hashOf(page), /^to=0\.\d+$/);
    const list = await rows(page);
    assert.ok(list.length > 0);
    await shot(page, "range");
    await page.click("#whole-time");
    assert.equal(await samples(page), 406);
    assert.equal(await hashOf(page), "");
    await page.$eval("#from", (input) => {
      input.value = "0.5";
      input.dispatchEvent(new Event("change"));
    });
    const rest = await samples(page);
    assert.ok(rest > 0 && rest < 406);
    await page.keyboard.press("Escape");
    assert.equal(await samples(page), 406);
  });
});

test("container and state choose samples", async () => {
  await withPage("pool_html", async (page) => {
    await choose(page, "#container", "web");
    assert.equal(await samples(page), 201);
    assert.equal(await page.$$eval("#process option", (list) => list.length), 3);
    await page.click("#clear-filters");
    assert.equal(await samples(page), 406);
    await choose(page, "#state", "GIL");
    assert.equal(await samples(page), 160);
    await choose(page, "#state", "any");
    await choose(page, "#grouping", "container");
    assert.ok((await look(page)).size > 0);
    assert.equal(await samples(page), 406);
  });
});

test("the search keeps or leaves out what it matches", async () => {
  await withPage("pool_html", async (page) => {
    await setSearch(page, "^crunch$");
    await choose(page, "#text-mode", "only these");
    assert.equal(await samples(page), 126);
    await choose(page, "#text-mode", "without these");
    assert.equal(await samples(page), 280);
    await page.click("#clear-filters");
    assert.equal(await samples(page), 406);
    assert.equal(await page.$eval("#search", (box) => box.value), "");
  });
});

test("import machinery and recursion are folded, and no weight is lost", async () => {
  await withPage("pool_html", async (page) => {
    const before = await look(page);
    assert.ok(!before.names.includes("_find_and_load"), "folded at first");
    await page.click("#simplify summary");
    await page.click("#collapse-imports");
    const unfolded = await look(page);
    assert.ok(unfolded.names.includes("_find_and_load"));
    assert.equal(unfolded.total, before.total);
    const calls = (seen) => seen.names.filter((name) => name === "walk").length;
    assert.equal(calls(unfolded), 4 * 6);
    await page.click("#collapse-recursion");
    const folded = await look(page);
    assert.equal(calls(folded), 4);
    assert.equal(folded.total, before.total);
    const walk = (await rows(page)).find((row) => row.name === "walk");
    assert.deepEqual([walk.self, walk.total], ["14.8 %", "14.8 %"]);
  });
});

test("bottom-up: what ran, then its callers", async () => {
  await withPage("pool_html", async (page) => {
    await page.select("#grouping", "none");
    await page.keyboard.press("b");
    const seen = await page.evaluate(() => {
      const { tree, profile } = window.pyebpf.inspect();
      const below = (node) =>
        [...tree.children.subarray(tree.childrenAt[node], tree.childrenAt[node + 1])].map(
          (child) => profile.functionName[tree.label[child]],
        );
      return { leaves: below(0), callers: below(tree.children[0]), total: tree.total[0] };
    });
    assert.deepEqual(seen.leaves.slice(0, 3), ["take_gil", "crunch", "walk"]);
    assert.deepEqual(seen.callers, ["start_thread"]);
    assert.equal(await samples(page), 406);
    await settled(page);
    await shot(page, "bottom-up");
  });
});

test("sandwich: callers above, calls below", async () => {
  await withPage("pool_html", async (page) => {
    await page.keyboard.press("3");
    assert.ok(await page.$eval("#sandwich-hint", (hint) => !hint.hidden));
    await page.click("#function-rows tr:nth-child(3)");
    assert.match(await textOf(page, "#sandwich-title"), /^walk: 606 ms, 14\.8 %/);
    await settled(page);
    await shot(page, "sandwich");
    const heights = await page.$$eval("#sandwich .graph canvas", (list) =>
      list.map((canvas) => canvas.clientHeight),
    );
    assert.ok(heights.every((height) => height > 60), `${heights}`);
  });
});

test("call tree opens and closes by keys, and says so", async () => {
  await withPage("pool_html", async (page) => {
    await page.keyboard.press("2");
    const first = await textOf(page, "#tree-rows tr:first-child .name");
    assert.match(first, /^pool-\d \(pid 50\d, Python 3\.13\.5\)$/);
    await page.focus("#tree-rows tr");
    const expanded = () =>
      page.evaluate(() => document.activeElement.getAttribute("aria-expanded"));
    assert.equal(await expanded(), "true");
    const open = await page.$$eval("#tree-rows tr", (list) => list.length);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await expanded(), "false");
    assert.ok((await page.$$eval("#tree-rows tr", (list) => list.length)) < open);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate(() => document.activeElement.ariaLevel), "2");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.evaluate(() => document.activeElement.ariaLevel), "1");
    await shot(page, "tree");
  });
});

test("timeline: a lane for each thread, below its process; or for each CPU", async () => {
  await withPage("pool_html", async (page) => {
    await page.keyboard.press("4");
    await settled(page);
    await shot(page, "timeline");
    const all = await lanes(page);
    assert.equal(all.length, 12);
    assert.deepEqual(all.slice(0, 3), [
      ["process", "pool-3 503", 103],
      ["thread", "pool-3 503", 53],
      ["thread", "helper 603", 50],
    ]);
    await drag(page, "#timeline canvas", 0.4, 0.5);
    assert.ok((await samples(page)) < 406);
    await page.click("#whole-time");
    await page.select("#lanes-by", "cpu");
    assert.deepEqual((await lanes(page)).map(([kind, name]) => [kind, name]), [
      ["cpu", "CPU 0"],
      ["cpu", "CPU 1"],
    ]);
    await page.select("#lanes-by", "thread");
    await page.focus("#timeline canvas");
    await page.keyboard.press("ArrowDown");
    assert.match(await textOf(page, "#selection"), /^pool-3 503 · ran 0\.54 s, \d+ % of a CPU$/);
    await page.keyboard.press("Enter");
    assert.equal(await samples(page), 53);
    assert.deepEqual(await lanes(page), [["thread", "pool-3 503", 53]]);
  });
});

test("the tooltip of a lane tells CPU, state and function", async () => {
  await withPage("pool_html", async (page) => {
    await page.keyboard.press("4");
    await settled(page);
    const box = await (await page.$("#timeline canvas")).boundingBox();
    await page.mouse.move(box.x + 190 + (box.width - 190) * 0.6, box.y + 18 + 24 + 17 + 8);
    await page.waitForSelector("#tooltip:not([hidden])");
    const text = await page.$eval("#tooltip", (tooltip) => tooltip.innerText);
    for (const part of ["helper 603", "CPU 1", "waiting for the GIL", "take_gil"])
      assert.ok(text.includes(part), `${part} in ${text}`);
  });
});

test("source: the embedded file, line by line", async () => {
  await withPage("pool_html", async (page) => {
    await clickFrame(page, "crunch");
    await page.keyboard.press("l");
    await settled(page);
    await shot(page, "source");
    const lines = await cells(page, "#source-rows");
    assert.equal(lines.length, 10);
    assert.deepEqual(lines[4], ["5", "11.3 %", "11.3 %", "    for row in rows:"]);
    assert.deepEqual(lines[5], ["6", "19.7 %", "19.7 %", "        total += row * row"]);
    assert.deepEqual(lines[6], ["7", "", "", "    return total"]);
    assert.deepEqual((await cells(page, "#line-rows"))[0], [
      "19.7 %",
      "19.7 %",
      "line 6total += row * row",
    ]);
    await page.click("#function-rows tr:first-child");
    assert.equal(await textOf(page, "#source-hint"), "take_gil has no source file.");
  });
});

test("a link shows the same view", async () => {
  let hash;
  let seen;
  const state = async (page) => ({
    ...(await look(page)),
    box: null,
    view: await page.$eval("#views [aria-selected=true]", (tab) => tab.id),
    search: await page.$eval("#search", (box) => box.value),
    title: await textOf(page, "#details-title"),
  });
  await withPage("pool_html", async (page) => {
    await choose(page, "#process", "pool-2");
    await page.click("[data-kind=python]");
    await page.click("[data-kind=python]");
    await setSearch(page, "walk|crunch");
    await clickFrame(page, "crunch");
    await drag(page, "#strip canvas", 0.4, 0.9);
    hash = await hashOf(page);
    seen = await state(page);
    assert.equal(seen.focused, "crunch");
  });
  await withPage("pool_html", async (page) => assert.deepEqual(await state(page), seen), { hash });
  const broken = "process=9999&view=nothing&zoom=1.x.9&hide=77&from=-4&to=x&__proto__=1&function=1e9";
  await withPage("pool_html", async (page) => assert.equal(await samples(page), 406), {
    hash: broken,
  });
});

test("the view is exported as SVG, PNG, collapsed stacks and a table", async () => {
  const saved = async (page, what, name) => {
    const file = join(WORK, name);
    rmSync(file, { force: true });
    await page.click("#export summary");
    await page.click(`[data-export=${what}]`);
    for (let tries = 0; tries < 200 && !existsSync(file); tries++) await sleep(50);
    return readFileSync(file);
  };
  await withPage("pool_html", async (page) => {
    const svg = String(await saved(page, "svg", "pyebpf.svg"));
    const parsed = await page.evaluate((text) => {
      const { documentElement } = new DOMParser().parseFromString(text, "image/svg+xml");
      return [documentElement.nodeName, documentElement.querySelectorAll("g").length];
    }, svg);
    assert.equal(parsed[0], "svg");
    assert.ok(parsed[1] > 20);
    const png = await saved(page, "png", "pyebpf.png");
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    const collapsed = String(await saved(page, "collapsed", "pyebpf.collapsed"));
    const counts = collapsed.trim().split("\n").map((line) => Number(/ (\d+)$/.exec(line)[1]));
    assert.equal(counts.reduce((sum, count) => sum + count), 406);
    assert.ok(collapsed.includes("<module> (/srv/pool/main.py:1);crunch (/srv/pool/work.py:3) "));
    const text = await page.evaluate(async () => {
      let copied = "";
      navigator.clipboard.writeText = async (one) => void (copied = one);
      document.querySelector("[data-export=table]").click();
      await new Promise((done) => setTimeout(done));
      return copied;
    });
    assert.match(text, /^self\ttotal\tfunction\tplace\n39\.4 %\t39\.4 %\ttake_gil\tlibpython\n/);
  });
});

test("an export of hostile names is well-formed", async () => {
  await withPage("hostile_html", async (page) => {
    const file = join(WORK, "pyebpf.svg");
    rmSync(file, { force: true });
    await page.click("#export summary");
    await page.click("[data-export=svg]");
    for (let tries = 0; tries < 200 && !existsSync(file); tries++) await sleep(50);
    const root = await page.evaluate(
      (text) => new DOMParser().parseFromString(text, "image/svg+xml").documentElement.nodeName,
      readFileSync(file, "utf8"),
    );
    assert.equal(root, "svg");
  });
});

test("a profile without samples says so", async () => {
  await withPage("empty_html", async (page) => {
    assert.ok(await page.$eval("#empty", (note) => !note.hidden));
    for (const key of ["2", "3", "4", "5", "1"]) {
      await page.keyboard.press(key);
      await settled(page);
    }
  });
});
