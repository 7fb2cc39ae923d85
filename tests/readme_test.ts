import assert from "node:assert/strict";
import { settings } from "../config/config.ts";

const root = new URL("../", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", root));
const configuration = await Deno.readTextFile(new URL("docs/configuration.md", root));
const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  tasks: Record<string, string>;
};

Deno.test("README begins with the two commands", () => {
  const [demo, test] = readme.split("```sh\n")[1]!.split("\n");
  assert.match(demo!, /^npx -y deno task demo\b/);
  assert.match(test!, /^npx -y deno task test\b/);
});

Deno.test("docs/configuration.md has every setting with its default and meaning", () => {
  for (const { name, fallback, meaning } of settings) {
    const value = fallback === undefined
      ? "required"
      : fallback === ""
      ? "empty"
      : `\`${fallback}\``;
    assert.ok(configuration.includes(`| \`${name}\` | ${value} | ${meaning} |`), `row of ${name}`);
  }
});

Deno.test("tasks that run in production may read every setting and nothing else of the environment", () => {
  const names = settings.map(({ name }) => name).join(",");
  for (const name of ["start", "serve", "consume", "import"]) {
    const more = name === "import" ? ",INIT_CWD" : "";
    assert.ok(tasks[name]!.includes(`--ignore-env --allow-env=${names}${more} `), name);
    assert.doesNotMatch(tasks[name]!, /(^| )(-A|--allow-all|--allow-run)\b/);
  }
});
