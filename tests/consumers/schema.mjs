// SPDX-License-Identifier: Apache-2.0
// schema.mjs FILE: checks a speedscope file against the JSON schema that speedscope publishes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const Ajv = require("ajv");
const folder = join(dirname(require.resolve("speedscope/package.json")), "dist/release");
const { readdirSync } = require("node:fs");
const name = readdirSync(folder).find((entry) => /^file-format-schema.*\.json$/.test(entry));
const schema = JSON.parse(readFileSync(join(folder, name), "utf8"));
const validate = new Ajv({ strict: false }).compile(schema);
if (!validate(JSON.parse(readFileSync(process.argv[2], "utf8")))) {
  console.error(validate.errors);
  process.exit(1);
}
