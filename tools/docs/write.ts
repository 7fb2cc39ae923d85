/** `deno task docs`: writes what is generated from the table of settings and from the schema of profiles. */
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { fileVariable, secretSettings } from "../../config/secret_files.ts";
import { settings } from "../../config/settings.ts";
import { profileJsonSchema } from "../../services/imports/profile_schema.ts";
import { configurationPage } from "./configuration.ts";

const root = new URL("../../", import.meta.url);

/** Variables besides the settings: who types a command and where, and whether it is in earnest. */
const ofTheOperator = ["USER", "INIT_CWD", "NODE_ENV"];

/** The text of every generated file, by its path from the root. */
export async function generatedFiles(): Promise<Record<string, string>> {
  return {
    "docs/configuration.md": configurationPage(),
    "docs/import-profile.schema.json": profileJsonSchema(),
    "deno.json": withEnvironment(await readFile(new URL("deno.json", root), "utf8")),
  };
}

/** The tasks of the product may read every setting. */
function withEnvironment(denoJson: string): string {
  const project = JSON.parse(denoJson);
  project.permissions.app.env.allow = [
    ...settings.map(({ name }) => name),
    ...secretSettings.map(({ name }) => fileVariable(name)),
    ...ofTheOperator,
  ];
  return `${JSON.stringify(project, null, 2)}\n`;
}

const help = `
Writes what is generated: docs/configuration.md, docs/import-profile.schema.json, and the settings that the tasks may
read, into deno.json.

Usage: deno task docs`.trim();

if (import.meta.main) {
  const [option] = process.argv.slice(2);
  if (option !== undefined) {
    const isHelp = option === "--help";
    (isHelp ? console.log : console.error)(isHelp ? help : "docs takes no arguments (see --help)");
    process.exit(isHelp ? 0 : 2);
  }
  for (const [path, text] of Object.entries(await generatedFiles())) {
    await writeFile(new URL(path, root), text);
  }
}
