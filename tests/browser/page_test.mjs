// SPDX-License-Identifier: Apache-2.0
// The HTML page as a person uses it, in a real browser. Started by run.mjs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const { CHROMIUM, WRITE_OUTPUT, WORK } = process.env;
const { default: puppeteer } = await import(
  pathToFileURL(createRequire(join(WORK, "package.json")).resolve("puppeteer-core")).href
);

let browser;
let profileFolder;

before(async () => {
  profileFolder = mkdtempSync(join(tmpdir(), "pyebpf-browser-"));
  browser = await puppeteer.launch({
    executablePath: CHROMIUM,
    userDataDir: profileFolder,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser?.close();
  rmSync(profileFolder, { recursive: true, force: true });
});

// Opens the page of a case of write_output; on leaving, demands that it asked for nothing and
// complained about nothing, but for `expected`.
async function withPage(name, use, expected = /^$/) {
  const file = join(WORK, `${name}.html`);
  execFileSync(WRITE_OUTPUT, [name, file]);
  const page = await browser.newPage();
  const complaints = [];
  const requests = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => requests.push(request.url()));
  await page.setViewport({ width: 1280, height: 800 });
  await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
  const url = pathToFileURL(file).href;
  await page.goto(url);
  await settled(page);
  try {
    await use(page);
    assert.deepEqual(
      complaints.filter((text) => !expected.test(text)),
      [],
    );
    assert.deepEqual(
      requests.filter((request) => request !== url && !request.startsWith("data:")),
      [],
    );
  } finally {
    await page.close();
  }
}

const settled = (page) =>
  page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
const textOf = (page, selector) => page.$eval(selector, (element) => element.textContent);
const breadcrumb = (page) =>
  page.$$eval("#breadcrumb button", (buttons) => buttons.map((button) => button.textContent));
const rows = (page) =>
  page.$$eval("#function-rows tr", (list) =>
    list.map((row) => ({
      self: row.cells[0].textContent,
      total: row.cells[1].textContent,
      name: row.querySelector(".name").textContent,
      place: row.title.split("\n")[1],
    })),
  );

// What the tree holds: names of the functions in it, weight, and the place on the screen of one of
// them.
const look = (page, name = "") =>
  page.evaluate((wanted) => {
    const { tree, profile, graph } = window.pyebpf.inspect();
    const names = Array.from(tree.label, (label) => profile.functionName[label] ?? "");
    const node = names.indexOf(wanted);
    return {
      names,
      size: tree.size,
      samples: tree.samples,
      total: tree.total[0],
      height: tree.height,
      box: graph.boxOf(node),
      focused: names[graph.focusedNode],
    };
  }, name);

async function clickFrame(page, name) {
  await settled(page);
  const { box } = await look(page, name);
  assert.ok(box, `${name} is on the screen`);
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await settled(page);
}

async function setSearch(page, text) {
  await page.$eval("#search", (box) => (box.value = ""));
  await page.type("#search", text || " ");
  if (text === "") await page.keyboard.press("Backspace");
}

const choose = async (page, selector, part) => {
  const value = await page.$eval(
    selector,
    (select, text) => [...select.options].find((option) => option.text.includes(text)).value,
    part,
  );
  await page.select(selector, value);
};

test("opens and draws", async () => {
  await withPage("html", async (page) => {
    await page.screenshot({ path: join(WORK, "light.png") });
    assert.equal(
      await textOf(page, "#headline"),
      "552 samples in 5.6 s · 3 processes (2 Python) · 5 threads · cpu-clock 99 Hz",
    );
    const colors = await page.$eval("canvas", (canvas) => {
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
  await withPage("html", tryIt, /Content Security Policy/);
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
    assert.ok(await page.$eval("#lines", (panel) => panel.hidden));
    const lines = () =>
      page.$$eval("#line-rows tr", (list) =>
        list.map((row) => [...row.cells].map((cell) => cell.textContent)),
      );
    await clickFrame(page, "thumbnail");
    assert.equal(await textOf(page, "#lines-title"), "Lines of thumbnail");
    assert.deepEqual(await lines(), [
      ["0 %", "7.07 %", "line 22"],
      ["0 %", "2.90 %", "line 25"],
    ]);
    await page.screenshot({ path: join(WORK, "lines.png") });
    await page.click("[data-kind=native]");
    assert.ok(
      await page.$eval("#lines", (panel) => panel.hidden),
      "nothing is selected in a new tree",
    );
    await clickFrame(page, "thumbnail");
    assert.deepEqual((await lines())[0], ["7.07 %", "7.07 %", "line 22"]);
    await page.keyboard.press("Escape");
    assert.ok(await page.$eval("#lines", (panel) => panel.hidden));
  });
});

test("recursion counts once in the table", async () => {
  await withPage("html", async (page) => {
    const depth = (await rows(page)).find((row) => row.name === "tree_depth");
    assert.deepEqual([depth.self, depth.total], ["4.35 %", "4.35 %"]);
  });
});

test("keyboard only", async () => {
  await withPage("html", async (page) => {
    await page.focus("canvas");
    for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowDown");
    assert.match(await textOf(page, "#selection"), /^<module> · \/srv\/shop\/wsgi\.py:1 · total /);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowRight");
    assert.match(await textOf(page, "#selection"), /^clone3 · libc\.so\.6/);
    await page.keyboard.press("Enter");
    assert.equal((await look(page)).focused, "clone3");
    await page.keyboard.press("Backspace");
    assert.equal((await breadcrumb(page)).at(-1), "gunicorn (pid 2301, Python 3.13.5)");
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "search");
    await page.keyboard.type("f?");
    assert.equal(
      await page.$eval("#search", (box) => box.value),
      "f?",
      "keys are text while typing",
    );
    await page.keyboard.press("Escape");
    await page.focus("canvas");
    await page.keyboard.type("?");
    assert.ok(await page.$eval("#help", (dialog) => dialog.open));
    await page.keyboard.press("Escape");
    assert.ok(!(await page.$eval("#help", (dialog) => dialog.open)));
  });
});

test("graph can be turned over", async () => {
  await withPage("html", async (page) => {
    const down = [(await look(page, "Basket.total")).box.y, (await look(page, "checkout")).box.y];
    assert.ok(down[0] > down[1]);
    await page.keyboard.press("f");
    await settled(page);
    await page.screenshot({ path: join(WORK, "flipped.png") });
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
    await page.screenshot({ path: join(WORK, "tooltip.png") });
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
    await page.screenshot({ path: join(WORK, "quality.png") });
  });
});

test("dark mode", async () => {
  await withPage("html", async (page) => {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await settled(page);
    await page.screenshot({ path: join(WORK, "dark.png") });
    const pixel = await page.$eval("canvas", (canvas) => [
      ...canvas.getContext("2d").getImageData(5, canvas.height - 5, 1, 1).data,
    ]);
    assert.deepEqual(pixel, [0x14, 0x18, 0x1f, 0xff]);
    assert.equal(
      await page.$eval("body", (body) => getComputedStyle(body).backgroundColor),
      "rgb(20, 24, 31)",
    );
  });
});

test("nothing serious in the eyes of axe", async () => {
  const axe = readFileSync(
    createRequire(join(WORK, "package.json")).resolve("axe-core/axe.min.js"),
    "utf8",
  );
  for (const scheme of ["light", "dark"]) {
    await withPage("html", async (page) => {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await clickFrame(page, "checkout");
      await page.mouse.move(5, 5);
      await page.evaluate(axe);
      const found = await page.evaluate(() => window.axe.run());
      assert.ok(found.passes.length > 10, "axe looked at the page");
      const serious = found.violations
        .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
        .flatMap((violation) =>
          violation.nodes.map((node) => `${violation.id}: ${node.html} ${node.failureSummary}`),
        );
      assert.deepEqual(serious, [], scheme);
    });
  }
});

test("hostile names are text", async () => {
  await withPage("hostile_html", async (page) => {
    assert.equal(await page.title(), "pyebpf profile");
    assert.equal(
      await page.$$eval("img, body script", (list) => list.length),
      2,
      "only the page's own scripts",
    );
    const names = (await rows(page)).map((row) => row.name);
    assert.ok(names.includes("</script><script>document.title='broken'</script>"));
    assert.ok(names.includes("line\\x0afeed") && names.includes("line\\x5cx0afeed"));
    assert.ok(names.includes("right\\u{202e}to-left"));
    await setSearch(page, "onerror");
    await settled(page);
    await page.mouse.move(300, 300);
    await page.click("#quality-badge");
    await settled(page);
    await page.screenshot({ path: join(WORK, "hostile.png") });
    assert.equal(await page.title(), "pyebpf profile");
  });
});

test("200,000 nodes stay quick", async (context) => {
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
      const box = document.getElementById("search");
      const graph = document.getElementById("graph");
      return {
        load: Math.round(performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd),
        search: await time(() => {
          box.value = "method_1[0-9]*$";
          box.dispatchEvent(new Event("input"));
        }),
        filter: await time(() => document.querySelector("[data-kind=native]").click()),
        scroll: await time(() => (graph.scrollTop = 400)),
        flip: await time(() => document.getElementById("flip").click()),
      };
    });
    context.diagnostic(`milliseconds for ${seen.size} nodes: ${JSON.stringify(times)}`);
    await setSearch(page, "");
    await page.click("#flip");
    await settled(page);
    await page.screenshot({ path: join(WORK, "large.png") });
    // Only what is not linear in the nodes takes so long, however slow and busy the machine.
    for (const [action, ms] of Object.entries(times))
      assert.ok(ms < 5000, `${action} took ${ms} ms`);
  });
});
