// SPDX-License-Identifier: Apache-2.0
// The page as a person uses it: the graph, the table, filters and search.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  breadcrumb, cells, choose, clickFrame, look, rows, setSearch, settled, shot, textOf, withPage,
} from "./support.mjs";

test("opens and draws", async () => {
  await withPage("html", async (page) => {
    await shot(page, "light");
    assert.equal(
      await textOf(page, "#headline"),
      "552 samples in 5.6 s · 3 processes (2 Python) · 5 threads · cpu-clock 99 Hz",
    );
    const colors = await page.$eval("#flame canvas", (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4 * 97)
        seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      return seen.size;
    });
    assert.ok(colors > 20, `only ${colors} colors on the canvas`);
    const list = await rows(page);
    assert.deepEqual(list[0], {
      self: "28.1 %",
      total: "28.1 %",
      change: "",
      name: "dgemm_kernel_HASWELL",
      place: "libopenblas.so.0",
    });
  });
});

test("may not reach the network even if it tried", async () => {
  const tryIt = async (page) => {
    const directive = await page.evaluate(
      () =>
        new Promise((done) => {
          document.addEventListener("securitypolicyviolation", (event) =>
            done(event.effectiveDirective),
          );
          fetch("http://127.0.0.1:9/").then(
            () => done("fetched"),
            () => {},
          );
        }),
    );
    assert.equal(directive, "connect-src");
  };
  await withPage("html", tryIt, { expected: /Content Security Policy/ });
});

test("click zooms, breadcrumb and Escape lead back", async () => {
  await withPage("html", async (page) => {
    await clickFrame(page, "checkout");
    assert.equal((await look(page)).focused, "checkout");
    const path = await breadcrumb(page);
    assert.equal(path[0], "all");
    assert.equal(path.at(-1), "checkout");
    const top = (await rows(page)).find((row) => row.name === "checkout");
    assert.equal(top.total, "100.0 %");

    await clickFrame(page, "PQexec");
    assert.equal((await breadcrumb(page)).at(-1), "PQexec");
    await page.click("#breadcrumb li:nth-child(2) button");
    assert.deepEqual(await breadcrumb(page), ["all", "gunicorn (pid 2301, Python 3.13.5)"]);
    await page.keyboard.press("Escape");
    assert.deepEqual(await breadcrumb(page), ["all"]);
  });
});

test("search takes regular expressions, tells the share and narrows the table", async () => {
  await withPage("html", async (page) => {
    await setSearch(page, "genexpr|dgemm_k");
    assert.equal(await textOf(page, "#matched"), "43.5 % matched");
    assert.deepEqual(
      (await rows(page)).map((row) => row.name),
      ["dgemm_kernel_HASWELL", "Basket.total.<locals>.<genexpr>"],
    );
    await setSearch(page, "basket.py");
    assert.equal(await textOf(page, "#matched"), "18.5 % matched");
    await setSearch(page, "JSONencoder");
    assert.equal(await textOf(page, "#matched"), "0 % matched");
    await setSearch(page, "jsonencoder");
    assert.equal(await textOf(page, "#matched"), "10.3 % matched");
    await setSearch(page, "(pid 2301");
    assert.ok(await page.$eval("#search", (box) => box.classList.contains("plain")));
    assert.equal(await textOf(page, "#matched"), "53.6 % matched");
    await page.keyboard.press("Escape");
    assert.equal(await textOf(page, "#matched"), "");
    await page.click("#function-rows tr:first-child");
    assert.equal(await textOf(page, "#details-title"), "dgemm_kernel_HASWELL");
    await page.click("#to-search");
    assert.equal(await page.$eval("#search", (box) => box.value), "^dgemm_kernel_HASWELL$");
    assert.equal(await textOf(page, "#matched"), "28.1 % matched");
  });
});

test("process and thread filters, grouping", async () => {
  await withPage("html", async (page) => {
    assert.equal((await look(page)).samples, 552);
    await choose(page, "#process", "pid 4410");
    assert.equal((await look(page)).samples, 251);
    assert.ok(!(await look(page)).names.includes("checkout"));
    assert.deepEqual(await page.$$eval("#thread option", (list) => list.length), 3);
    await choose(page, "#thread", "openblas");
    const blas = await look(page);
    assert.equal(blas.samples, 71);
    assert.ok(blas.names.includes("blas_thread_server"));
    await choose(page, "#process", "all");
    await choose(page, "#thread", "all");
    assert.equal((await look(page)).samples, 552);
    const byProcess = (await look(page)).size;
    await page.select("#grouping", "none");
    const merged = await look(page);
    assert.ok(merged.size < byProcess);
    assert.equal(merged.samples, 552);
    await page.select("#grouping", "thread");
    assert.equal((await look(page)).samples, 552);
  });
});

test("kinds of code can be hidden without losing weight", async () => {
  await withPage("html", async (page) => {
    const first = await look(page);
    assert.ok(
      !first.names.includes("_PyEval_EvalFrameDefault"),
      "the interpreter is hidden at first",
    );
    await page.click("[data-kind=interpreter]");
    const all = await look(page);
    assert.ok(all.names.includes("_PyEval_EvalFrameDefault"));
    assert.equal(all.total, first.total);
    for (const kind of ["native", "interpreter", "kernel"]) await page.click(`[data-kind=${kind}]`);
    const python = await look(page);
    assert.equal(python.total, first.total);
    assert.ok(!python.names.includes("PQexec") && !python.names.includes("do_syscall_64"));
    assert.ok(python.names.includes("checkout"));
    const execute = (await rows(page)).find((row) => row.name === "CursorWrapper.execute");
    assert.equal(execute.self, "8.51 %");
    assert.equal(execute.total, "8.51 %");
  });
});

test("lines of the selected function", async () => {
  await withPage("html", async (page) => {
    assert.ok(await page.$eval("#details", (panel) => panel.hidden));
    await clickFrame(page, "thumbnail");
    assert.equal(await textOf(page, "#details-title"), "thumbnail");
    assert.equal(await textOf(page, "#details-place"), "Python · /srv/shop/images.py:14");
    assert.deepEqual(await cells(page, "#line-rows"), [
      ["0 %", "7.07 %", "line 22"],
      ["0 %", "2.90 %", "line 25"],
    ]);
    await shot(page, "lines");
    await page.click("[data-kind=native]");
    assert.deepEqual((await cells(page, "#line-rows"))[0], ["7.07 %", "7.07 %", "line 22"]);
    await page.keyboard.press("Escape");
    assert.ok(await page.$eval("#details", (panel) => panel.hidden));
  });
});

test("recursion counts once in the table", async () => {
  await withPage("html", async (page) => {
    const depth = (await rows(page)).find((row) => row.name === "tree_depth");
    assert.deepEqual([depth.self, depth.total], ["4.35 %", "4.35 %"]);
  });
});

test("graph can be turned over", async () => {
  await withPage("html", async (page) => {
    const down = [(await look(page, "Basket.total")).box.y, (await look(page, "checkout")).box.y];
    assert.ok(down[0] > down[1]);
    await page.keyboard.press("f");
    await settled(page);
    await shot(page, "flipped");
    const up = [(await look(page, "Basket.total")).box.y, (await look(page, "checkout")).box.y];
    assert.ok(up[0] < up[1]);
    await clickFrame(page, "Basket.total");
    assert.equal((await look(page)).focused, "Basket.total");
  });
});

test("tooltip tells name, place, kind and shares", async () => {
  await withPage("html", async (page) => {
    const { box } = await look(page, "encoder_listencode_dict");
    await page.mouse.move(box.x + 5, box.y + 5);
    await page.waitForSelector("#tooltip:not([hidden])");
    const text = await textOf(page, "#tooltip");
    for (const part of [
      "encoder_listencode_dict",
      "_json.cpython-313-x86_64-linux-gnu.so",
      "Native, inlined",
      "485 ms",
      "8.70 %",
    ]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
    await shot(page, "tooltip");
  });
});

test("table sorts by each column", async () => {
  await withPage("html", async (page) => {
    await page.click("[data-column=total]");
    assert.deepEqual(
      (await rows(page)).slice(0, 2).map((row) => row.total),
      ["75.7 %", "43.7 %"],
    );
    await page.click("[data-column=name]");
    const names = (await rows(page)).map((row) => row.name);
    assert.deepEqual(
      names,
      [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
    );
    assert.equal(
      await page.$eval("#functions th:last-child", (heading) => heading.getAttribute("aria-sort")),
      "ascending",
    );
  });
});

test("losses, statistics and settings are shown", async () => {
  await withPage("html", async (page) => {
    assert.equal(await textOf(page, "#quality-badge"), "2 kinds of loss");
    await page.click("#quality-badge");
    const text = await page.$eval("#quality", (panel) => panel.innerText);
    for (const part of [
      "samples lost because the ring buffer was full",
      "12",
      "not in memory",
      "pyebpf record -a -d 10",
      "6.12.48",
      "2026-01-01 00:00:00 UTC",
    ]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
    await shot(page, "quality");
  });
});

