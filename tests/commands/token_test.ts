import assert from "node:assert/strict";
import { parseApiTokens, tokenHash } from "../../domain/operation/api_token.ts";
import { taskArguments } from "../../tools/engines/task_arguments.ts";

const root = new URL("../../", import.meta.url);

/** Runs the task with its own permissions. */
async function token(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...await taskArguments("token"), ...args],
    cwd: root,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

Deno.test("token prints a new token and its entry, which holds only its hash", async () => {
  const seen = new Set<string>();
  for (const scopes of ["--scopes=read,orders", "--scopes=read+orders"]) {
    const { code, output, errors } = await token("shop", scopes);
    assert.equal(code, 0, errors);
    const [, secret, , entry] = output.split("\n").map((line) => line.trim());
    assert.match(secret!, /^ow_[\w-]{43}$/);
    assert.deepEqual(parseApiTokens(entry!, assert.fail), [
      { name: "shop", hash: tokenHash(secret!), scopes: ["read", "orders"] },
    ]);
    assert.ok(!entry!.includes(secret!));
    seen.add(secret!);
  }
  assert.equal(seen.size, 2);
});

Deno.test("token refuses names and scopes that API_TOKENS would", async () => {
  const wrong = [["a:b", "--scopes=read"], ["shop"], ["shop", "--scopes=all"], ["--scopes=read"]];
  for (const args of wrong) {
    const { code, output, errors } = await token(...args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(output, "");
    assert.equal(errors.trim().split("\n").length, 1, errors);
  }
});
