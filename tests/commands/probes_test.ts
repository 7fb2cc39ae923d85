import assert from "node:assert/strict";
import { freePort } from "../../tools/engines/free_port.ts";
import { taskArguments } from "../../tools/engines/task_arguments.ts";
import { type Api, openApi } from "../routes/api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("probes");
});
Deno.test.afterAll(() => api.close());

Deno.test("consume answers probes where HEALTH_PORT says so, nothing else, and ends in order", async () => {
  const port = await freePort();
  const process = new Deno.Command(Deno.execPath(), {
    args: [...await taskArguments("consume"), "--group=notifications"],
    cwd: new URL("../../", import.meta.url),
    env: { ...api.env, HEALTH_PORT: String(port), LOG_FORMAT: "json" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const errors = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("answering probes")) {
    const { done, value } = await errors.read();
    assert.ok(!done, said);
    said += value;
  }
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.json()];
  };
  assert.deepEqual(await ask("/livez"), [200, { status: "ok" }]);
  const [status, { checks }] = await ask("/readyz");
  assert.deepEqual([status, checks], [200, { database: "ok", redis: "ok", migrations: "ok" }]);
  for (const path of ["/orders", "/metrics", "/dashboard"]) {
    assert.equal((await ask(path))[0], 404, path);
  }
  process.kill("SIGTERM");
  assert.equal((await process.status).code, 0);
  await errors.cancel();
});
