#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Runs the browser tests:
//   run.mjs --write-output BUILD/tests/golden/write_output --work BUILD/tests/browser
// Chromium is the one that CHROMIUM names, or the first in the PATH; without any the tests fail.
// Packages are installed in the work folder when the lock file has changed. Screenshots are left
// there.
import { spawnSync } from "node:child_process";
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));

function fail(text) {
  console.error(`run.mjs: ${text}`);
  process.exit(1);
}

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // not here
      }
    }
  }
  return fail("no Chromium found: install the package chromium, or name one in CHROMIUM");
}

function installPackages(work) {
  const same = (name) =>
    existsSync(join(work, name)) &&
    readFileSync(join(work, name)).equals(readFileSync(join(here, name)));
  if (same("package-lock.json") && existsSync(join(work, "node_modules", "puppeteer-core"))) return;
  for (const name of ["package.json", "package-lock.json"])
    copyFileSync(join(here, name), join(work, name));
  const npm = spawnSync(
    "npm",
    ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"],
    { cwd: work, stdio: "inherit" },
  );
  if (npm.status !== 0) fail("npm ci failed");
}

const { values } = parseArgs({
  options: { "write-output": { type: "string" }, work: { type: "string" } },
});
if (!values["write-output"] || !values.work)
  fail("usage: run.mjs --write-output PROGRAM --work FOLDER");
const work = resolve(values.work);
mkdirSync(work, { recursive: true });
const chromium = findChromium();
installPackages(work);
const tests = spawnSync(process.execPath, ["--test", join(here, "page_test.mjs")], {
  stdio: "inherit",
  env: {
    ...process.env,
    CHROMIUM: chromium,
    WRITE_OUTPUT: resolve(values["write-output"]),
    WORK: work,
  },
});
process.exit(tests.status ?? 1);
