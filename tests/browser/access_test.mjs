// SPDX-License-Identifier: Apache-2.0
// The page without a mouse, in the dark, for screen readers, and with hostile names.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  breadcrumb, clickFrame, look, rows, seriousViolations, setSearch, settled, shot, textOf, withPage,
} from "./support.mjs";

test("keyboard only", async () => {
  await withPage("html", async (page) => {
    await page.focus("#flame canvas");
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
    await page.focus("#flame canvas");
    await page.keyboard.type("?");
    assert.ok(await page.$eval("#help", (dialog) => dialog.open));
    await page.keyboard.press("Escape");
    assert.ok(!(await page.$eval("#help", (dialog) => dialog.open)));
  });
});

test("dark mode", async () => {
  await withPage("html", async (page) => {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await settled(page);
    await shot(page, "dark");
    const pixel = await page.$eval("#flame canvas", (canvas) => [
      ...canvas.getContext("2d").getImageData(5, canvas.height - 5, 1, 1).data,
    ]);
    assert.deepEqual(pixel, [0x14, 0x18, 0x1f, 0xff]);
    assert.equal(
      await page.$eval("body", (body) => getComputedStyle(body).backgroundColor),
      "rgb(20, 24, 31)",
    );
  });
});

test("nothing serious in the eyes of axe, in any view, light and dark", async () => {
  for (const scheme of ["light", "dark"]) {
    await withPage("pool_html", async (page) => {
      await page.emulateMediaFeatures([
        { name: "prefers-color-scheme", value: scheme },
        { name: "prefers-reduced-motion", value: "reduce" },
      ]);
      await clickFrame(page, "crunch");
      await page.mouse.move(5, 5);
      for (const view of ["1", "2", "3", "4", "5"]) {
        await page.keyboard.press(view);
        await settled(page);
        assert.deepEqual(await seriousViolations(page), [], `view ${view}, ${scheme}`);
        await shot(page, `view-${view}-${scheme}`);
      }
      await page.click("#quality-badge");
      await page.click("#export summary");
      assert.deepEqual(await seriousViolations(page), [], `menu, ${scheme}`);
    });
  }
});

test("a narrow window keeps everything reachable", async () => {
  await withPage("pool_html", async (page) => {
    for (const width of [1024, 640, 390]) {
      await page.setViewport({ width, height: 800 });
      await settled(page);
      await shot(page, `narrow-${width}`);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
    }
  });
});

test("hostile names are text", async () => {
  await withPage("hostile_html", async (page) => {
    assert.equal(await page.title(), "pyebpf profile");
    assert.equal(
      await page.$$eval("img, body script", (list) => list.length),
      1,
      "only the page's own script",
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
    await shot(page, "hostile");
    assert.equal(await page.title(), "pyebpf profile");
  });
});

