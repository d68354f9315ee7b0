#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Runs the browser tests:
//   run.mjs --write-output BUILD/tests/golden/write_output --work BUILD/tests/browser
// Chromium is the one that CHROMIUM names, or the first in the PATH, and so is Firefox; without them
// the tests fail. TEST_FILES after the options run only these.
// Packages are installed in the work folder when the lock file has changed. Screenshots are left
// there.
import { spawnSync } from "node:child_process";
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));

function fail(text) {
  console.error(`run.mjs: ${text}`);
  process.exit(1);
}

function findBrowser(variable, names) {
  if (process.env[variable]) return process.env[variable];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // not here
      }
    }
  }
  return fail(`no ${names[0]} found: install the package, or name one in ${variable}`);
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

const { values, positionals } = parseArgs({
  options: { "write-output": { type: "string" }, work: { type: "string" } },
  allowPositionals: true,
});
if (!values["write-output"] || !values.work)
  fail("usage: run.mjs --write-output PROGRAM --work FOLDER [TEST_FILE...]");
const work = resolve(values.work);
mkdirSync(work, { recursive: true });
const chromium = findBrowser("CHROMIUM", ["chromium", "chromium-browser", "google-chrome"]);
const firefox = findBrowser("FIREFOX", ["firefox-esr", "firefox"]);
installPackages(work);
const files = readdirSync(here).filter((name) => name.endsWith("_test.mjs"));
const chosen = positionals.length > 0 ? positionals : files.map((name) => join(here, name));
// One file at a time: they share the work folder.
const tests = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...chosen], {
  stdio: "inherit",
  env: {
    ...process.env,
    CHROMIUM: chromium,
    FIREFOX: firefox,
    WRITE_OUTPUT: resolve(values["write-output"]),
    WORK: work,
  },
});
process.exit(tests.status ?? 1);
