// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: one browser, pages of the cases of write_output, ways to look at
// them. CHROMIUM, WRITE_OUTPUT and WORK come from run.mjs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { pathToFileURL } from "node:url";

const { CHROMIUM, WRITE_OUTPUT } = process.env;
export const { WORK } = process.env;
const require = createRequire(join(WORK, "package.json"));
export const { default: puppeteer } = await import(
  pathToFileURL(require.resolve("puppeteer-core")).href
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

export function writePage(name) {
  const file = join(WORK, `${name}.html`);
  execFileSync(WRITE_OUTPUT, [name, file]);
  return file;
}

// Opens the page of a case of write_output; on leaving, demands that it asked for nothing and
// complained about nothing, but for `expected`. Pages save files into WORK.
export async function withPage(name, use, { hash = "", expected = /^$/ } = {}) {
  const file = writePage(name);
  const page = await browser.newPage();
  const complaints = [];
  const requests = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => requests.push(request.url()));
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: WORK });
  await page.setViewport({ width: 1280, height: 800 });
  await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
  const url = pathToFileURL(file).href;
  await page.goto(url + (hash === "" ? "" : `#${hash}`));
  await ready(page);
  try {
    await use(page);
    assert.deepEqual(
      complaints.filter((text) => !expected.test(text)),
      [],
    );
    assert.deepEqual(
      requests.filter((request) => !request.startsWith(url) && !/^(data|blob):/.test(request)),
      [],
    );
  } finally {
    await page.close();
  }
}

export const ready = async (page) => {
  await page.waitForFunction(() => window.pyebpf || !document.getElementById("failure").hidden);
  await settled(page);
};
export const settled = (page) =>
  page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
export const textOf = (page, selector) =>
  page.$eval(selector, (element) => element.textContent);
export const hashOf = (page) => page.evaluate(() => location.hash.slice(1));
export const breadcrumb = (page) =>
  page.$$eval("#breadcrumb button", (buttons) => buttons.map((button) => button.textContent));
export const shot = (page, name) => page.screenshot({ path: join(WORK, `${name}.png`) });

// The rows of the table of functions.
export const rows = (page) =>
  page.$$eval("#function-rows tr", (list) =>
    list.map((row) => ({
      self: row.cells[0].textContent,
      total: row.cells[1].textContent,
      change: row.cells.length > 3 ? row.cells[2].textContent : "",
      name: row.querySelector(".name").textContent,
      place: row.title.split("\n")[1],
    })),
  );
export const cells = (page, selector) =>
  page.$$eval(`${selector} tr`, (list) =>
    list.map((row) => [...row.cells].map((cell) => cell.textContent)),
  );

// What the tree holds: names of the functions in it, weight, and the place on the screen of one of
// them.
export const look = (page, name = "") =>
  page.evaluate((wanted) => {
    const { tree, profile, graphs } = window.pyebpf.inspect();
    const names = Array.from(tree.label, (label) => profile.functionName[label] ?? "");
    const node = names.indexOf(wanted);
    return {
      names,
      size: tree.size,
      samples: tree.samples,
      total: tree.total[0],
      height: tree.height,
      box: graphs.flame.boxOf(node),
      focused: names[graphs.flame.focused],
    };
  }, name);

export async function clickFrame(page, name) {
  await settled(page);
  const { box } = await look(page, name);
  assert.ok(box, `${name} is on the screen`);
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await settled(page);
}

export async function setSearch(page, text) {
  await page.$eval("#search", (box) => (box.value = ""));
  await page.type("#search", text || " ");
  if (text === "") await page.keyboard.press("Backspace");
}

export const choose = async (page, selector, part) => {
  const value = await page.$eval(
    selector,
    (select, text) => [...select.options].find((option) => option.text.includes(text)).value,
    part,
  );
  await page.select(selector, value);
};

// Drags over the middle of an element, from and to in shares of its width.
export async function drag(page, selector, from, to) {
  const box = await (await page.$(selector)).boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + (box.width * (from + to)) / 2, y);
  await page.mouse.move(box.x + box.width * to, y);
  await page.mouse.up();
  await settled(page);
}

// Violations that axe calls serious or critical.
export async function seriousViolations(page) {
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run());
  assert.ok(found.passes.length > 10, "axe looked at the page");
  return found.violations
    .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
    .flatMap((violation) =>
      violation.nodes.map((node) => `${violation.id}: ${node.html} ${node.failureSummary}`),
    );
}
