import assert from "node:assert/strict";
import { typed } from "../../runtime/typed.ts";
import { rebuildKpis } from "../../streams/kpis/kpis_rebuild.ts";
import { freePort } from "../../tools/engines/free_port.ts";
import { taskArguments } from "../../tools/engines/task_arguments.ts";
import { type Api, openApi, orderBodyOf, storeOrder } from "../routes/api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("serve_command");
});
Deno.test.afterAll(() => api.close());

const root = new URL("../../", import.meta.url);

/** A running `serve` with the permissions of its task, told to listen on a port of its own choice. */
async function startServe(env: Record<string, string> = {}) {
  const process = new Deno.Command(Deno.execPath(), {
    args: await taskArguments("serve"),
    cwd: root,
    env: { ...api.env, PORT: "0", LOG_FORMAT: "json", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(process.stderr).text();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  while (!output.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`serve ended: ${output}${await errors}`);
    output += value;
  }
  const url = /^Listening on (http:\/\/\S+)/.exec(output)?.[1];
  assert.ok(url, output);
  return { process, url, reader, errors };
}

Deno.test("serve answers on a real port and ends in order on SIGTERM", async () => {
  const { process, url, reader, errors } = await startServe();
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const body = JSON.stringify(orderBodyOf());
  const headers = { "content-type": "application/json" };
  const taken = await fetch(`${url}/orders`, { method: "POST", body, headers });
  assert.equal(taken.status, 202);
  const { id } = await taken.json();
  assert.equal(taken.headers.get("location"), `/orders/${id}`);
  const order = await fetch(`${url}${taken.headers.get("location")}`);
  assert.equal((await order.json()).id, id);
  const { hostname, port } = new URL(url);
  for (const [host, status] of [["ga rbage", 400], ["evil.example", 421], ["localhost", 200]]) {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head = `GET /kpis HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head));
    const answer = await new Response(connection.readable).text();
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer);
  }
  const chunked = ReadableStream.from([JSON.stringify(orderBodyOf())])
    .pipeThrough(new TextEncoderStream());
  const streamed = await fetch(`${url}/orders`, { method: "POST", body: chunked, headers });
  assert.equal(streamed.status, 202);
  await streamed.body?.cancel();
  const ready = await fetch(`${url}/readyz`);
  assert.equal(ready.status, 200);
  await ready.body?.cancel();

  const inHand = Array.from(
    { length: 50 },
    () =>
      fetch(`${url}/orders`, { method: "POST", body: JSON.stringify(orderBodyOf()), headers })
        .then(async (response) => {
          await response.body?.cancel();
          return response.status;
        }, () => "refused"),
  );
  await Promise.race(inHand);
  process.kill("SIGTERM");
  const { code } = await process.status;
  assert.equal(code, 0);
  const answers = await Promise.all(inHand);
  assert.ok(answers.includes(202));
  assert.deepEqual(answers.filter((answer) => answer !== 202 && answer !== "refused"), []);
  await assert.rejects(fetch(`${url}/livez`));
  await reader.cancel();
  const lines = (await errors).trim().split("\n").map((line) => JSON.parse(line).event);
  assert.deepEqual(lines, ["stopping"]);
});

Deno.test("serve ends in order when its terminal is closed", async () => {
  const { process, reader } = await startServe();
  process.kill("SIGHUP");
  const { code, signal } = await process.status;
  await reader.cancel();
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
});

Deno.test("serve waits no longer than its time for a request that never ends, and exits 0", async () => {
  const { process, url, reader, errors } = await startServe({ SHUTDOWN_TIMEOUT_MS: "1000" });
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `POST /orders HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
    "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
  await connection.write(new TextEncoder().encode(head));
  const alive = await fetch(`${url}/livez`);
  await alive.body?.cancel();
  for (let n = 0; n < 3; n++) {
    const gone = await Deno.connect({ hostname, port: Number(port) });
    await gone.write(new TextEncoder().encode(head));
    gone.close();
  }
  process.kill("SIGINT");
  const { code } = await process.status;
  connection.close();
  await reader.cancel();
  assert.equal(code, 0, await errors);
  assert.doesNotMatch(await errors, /request failed/, "callers that go away are no error");
});

Deno.test("serve says in one line that its port is taken", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    await assert.rejects(startServe({ PORT: String(listener.addr.port) }), ({ message }) => {
      assert.match(
        message,
        /serve: Cannot listen on 127\.0\.0\.1:\d+: somebody listens there already; PORT=\d+ .* takes another port/,
      );
      assert.equal(message.trim().split("\n").length, 1, message);
      return true;
    });
  } finally {
    listener.close();
  }
});

Deno.test("serve answers figures in a changed BASE_CURRENCY right from its first answer on", async () => {
  await storeOrder(api.deps.db, { currency: "GBP", totalCents: 700 });
  await rebuildKpis(api.deps);
  const { process, url, reader, errors } = await startServe({ BASE_CURRENCY: "GBP" });
  const answer = await fetch(`${url}/kpis?date=2024-05-06`);
  const { kpis } = await answer.json();
  assert.deepEqual([kpis[0].currency, kpis[0].revenue_cents], ["GBP", 700]);

  // One that is set otherwise does not start beside it.
  const second = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "main.ts", "kpis", "--json"],
    cwd: root,
    env: { ...api.env, BASE_CURRENCY: "EUR", LOG_FORMAT: "json" },
  }).output();
  assert.equal(second.code, 1);
  assert.match(
    new TextDecoder().decode(second.stderr),
    /are EUR UTC here, but GBP UTC for processes that are alive/,
  );
  process.kill("SIGTERM");
  assert.equal((await process.status).code, 0);
  await reader.cancel();
  await errors;
  const { keys, redis } = api.deps;
  assert.equal(await redis.exists(keys.kpiBasisAlive), 0, "it has ended, and said so");
});

Deno.test("serve takes the next free port where PORT ends with a plus, and says which", async () => {
  const first = await freePort();
  const taken = Deno.listen({ hostname: "127.0.0.1", port: first });
  const { process, url, reader, errors } = await startServe({ PORT: `${first}+` });
  try {
    const port = Number(new URL(url).port);
    assert.ok(port > first && port <= first + 50, url);
    process.kill("SIGTERM");
    assert.equal((await process.status).code, 0);
    assert.match(await errors, new RegExp(`"Port ${first} is taken: using ${port}"`));
    const refused = new Deno.Command(Deno.execPath(), {
      args: await taskArguments("serve"),
      cwd: root,
      env: { ...api.env, PORT: String(first), LOG_LEVEL: "error" },
      stdin: "null",
    });
    const { code, stderr } = await refused.output();
    assert.equal(code, 1, "one that is named is that one or none");
    assert.match(
      new TextDecoder().decode(stderr),
      new RegExp(
        `Cannot listen on 127.0.0.1:${first}: somebody listens there already; PORT=${first + 1} ` +
          `${typed("serve")} takes another port, and PORT=${first}\\+ the first`,
      ),
    );
  } finally {
    await reader.cancel();
    taken.close();
  }
});

Deno.test("start and consume end in order when their terminal is closed", async () => {
  for (const task of ["start", "consume"]) {
    const process = new Deno.Command(Deno.execPath(), {
      args: await taskArguments(task),
      cwd: root,
      env: { ...api.env, PORT: "0", LOG_FORMAT: "json", LOG_LEVEL: "info" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let said = "";
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
      if (!said.includes("consumers started") && (said + text).includes("consumers started")) {
        process.kill("SIGHUP");
      }
      said += text;
    }
    assert.equal((await process.status).code, 0, said);
    assert.match(said, /"stopping"[\s\S]*"consumers stopped"/, task);
  }
});
