// SPDX-License-Identifier: Apache-2.0
// The page in Firefox, from file://. FIREFOX comes from run.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { look, puppeteer, ready, rows, settled, shot, textOf, writePage } from "./support.mjs";

test("Firefox shows the same", async () => {
  const firefox = await puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX,
  });
  try {
    const page = await firefox.newPage();
    const complaints = [];
    page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    await page.setViewport({ width: 1280, height: 800 });
    await page.goto(pathToFileURL(writePage("pool_html")).href);
    await ready(page);
    assert.match(await textOf(page, "#headline"), /^406 samples in /);
    assert.equal((await look(page)).samples, 406);
    assert.equal((await rows(page))[0].name, "take_gil");
    for (const [at, view] of ["flame", "tree", "sandwich", "timeline", "source"].entries()) {
      await page.keyboard.press(String(at + 1));
      await settled(page);
      await shot(page, `firefox-${view}`);
    }
    assert.deepEqual(complaints, []);
  } finally {
    await firefox.close();
  }
});
