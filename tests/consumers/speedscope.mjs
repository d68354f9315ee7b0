// SPDX-License-Identifier: Apache-2.0
// speedscope.mjs FILE...: opens each file in speedscope in Chromium (the one that CHROMIUM names) and
// prints, as one JSON array, the sandwich tables of all profiles of each file:
//   [[{"name": "…", "rows": [{"total": "…", "self": "…", "name": "…"}, …]}, …], …]
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const work = process.cwd(); // where node_modules is
const require = createRequire(join(work, "package.json"));
const puppeteer = require("puppeteer-core");
const page = join(dirname(require.resolve("speedscope/package.json")), "dist/release/index.html");
const timeout = 120_000;

// The table is as tall as the window, and only what is visible is in the document.
const viewport = { width: 1600, height: 6000 };

async function readTable(tab) {
  return tab.evaluate(() => {
    const rows = [...document.querySelectorAll("tr")].map((row) =>
      [...row.querySelectorAll("th,td")].map((cell) => cell.innerText.trim()),
    );
    return rows.filter((row) => row.length === 3 && !row[0].startsWith("Total"));
  });
}

// The title in the tool bar: the name of the profile, and "(2/3)" if there are several.
const readTitle = (tab) => tab.evaluate(() => document.body.innerText);

async function tablesOf(browser, file) {
  const script = join(work, `${basename(file)}.js`);
  const data = readFileSync(file).toString("base64");
  writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(basename(file))}, "${data}");`);
  const tab = await browser.newPage();
  await tab.setViewport(viewport);
  await tab.goto(`${pathToFileURL(page)}#localProfilePath=${script}`);
  await tab.waitForFunction(() => /Sandwich/.test(document.body.innerText), { timeout });
  await tab.keyboard.press("3");
  await tab.waitForFunction(() => document.querySelectorAll("td").length > 0, { timeout });
  const count = Number(/\((\d+)\/(\d+)\)/.exec(await readTitle(tab))?.[2] ?? 1);
  const tables = [];
  for (let i = 1; i < count; i++) await tab.keyboard.press("p"); // to the first
  for (let i = 0; i < count; i++) {
    if (i > 0) await tab.keyboard.press("n");
    if (count > 1)
      await tab.waitForFunction((text) => document.body.innerText.includes(text), { timeout }, `(${i + 1}/${count})`);
    const rows = await readTable(tab);
    tables.push(rows.map(([total, self, name]) => ({ total, self, name })));
  }
  await tab.close();
  return tables;
}

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--allow-file-access-from-files",
  ],
});
const result = [];
for (const file of process.argv.slice(2)) result.push(await tablesOf(browser, file));
await browser.close();
console.log(JSON.stringify(result));
