import assert from "node:assert/strict";

const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));

Deno.test("README begins with the two commands", () => {
  const [demo, test] = readme.split("```sh\n")[1]!.split("\n");
  assert.match(demo!, /^npx -y deno task demo\b/);
  assert.match(test!, /^npx -y deno task test\b/);
});
