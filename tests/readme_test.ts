import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", root));
const { tasks, imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  tasks: Record<string, unknown>;
  imports: Record<string, string>;
};

Deno.test("README begins with the two commands", () => {
  const [demo, test] = readme.split("```sh\n")[1]!.split("\n");
  assert.match(demo!, /^npx -y deno task demo\b/);
  assert.match(test!, /^npx -y deno task test\b/);
});

Deno.test("README leads to the settings", () => {
  assert.ok(readme.includes("(docs/configuration.md)"));
});

Deno.test("README has every task", () => {
  for (const name of Object.keys(tasks)) {
    assert.match(readme, new RegExp(`^\\| \`${name}[ \`]`, "m"), `row of ${name}`);
  }
});

Deno.test("README gives a reason for every dependency", () => {
  const section = readme.split("### Dependencies")[1]!;
  for (const name of Object.keys(imports)) {
    assert.ok(section.includes(`\`${name.replace(/\/$/, "")}\``), name);
  }
});
