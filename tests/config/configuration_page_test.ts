import assert from "node:assert/strict";
import { settings } from "../../config/settings.ts";
import { configurationPage } from "../../tools/docs/configuration.ts";
import { generatedFiles } from "../../tools/docs/write.ts";

const root = new URL("../../", import.meta.url);

Deno.test("what is generated from the settings is up to date", async () => {
  for (const [path, text] of Object.entries(await generatedFiles())) {
    const found = await Deno.readTextFile(new URL(path, root));
    assert.ok(found === text, `${path} is out of date: run deno task docs`);
  }
});

Deno.test("configurationPage() has every setting with its default, values and meaning", () => {
  const page = configurationPage();
  for (const { name, fallback, kind, meaning } of settings) {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` |`)) ?? "";
    assert.ok(row.includes(`| ${kind.values} | ${meaning}`), name);
    assert.ok(row.includes(fallback === undefined ? "| none |" : fallback), name);
  }
});
