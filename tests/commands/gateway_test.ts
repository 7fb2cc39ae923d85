import assert from "node:assert/strict";
import { taskArguments } from "../../tools/engines/task_arguments.ts";

const root = new URL("../../", import.meta.url);

/** Runs the task with its own permissions until it has printed what it needs. */
async function startGateway(args: string[], lines: number) {
  const process = new Deno.Command(Deno.execPath(), {
    args: [...await taskArguments("gateway"), ...args],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(process.stderr).text();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  while (output.split("\n").length <= lines) {
    const { done, value } = await reader.read();
    if (done) break;
    output += value;
  }
  return { process, output, errors, reader };
}

Deno.test("gateway charges over HTTP, prints the secret it made, and ends on SIGTERM", async () => {
  const { process, output, errors, reader } = await startGateway(
    ["--port=0", "--callback=http://127.0.0.1:9/none", "--delay-ms=0"],
    2,
  );
  const url = /^Provider on (http:\S+)$/m.exec(output)![1];
  assert.match(output, /^Secret, for GATEWAY_SECRETS: whsec_[\w+/]{43}=$/m);
  const response = await fetch(`${url}/charges`, {
    method: "POST",
    body: JSON.stringify({ order_id: 1, amount_cents: 100, currency: "EUR" }),
    headers: { "idempotency-key": "order-1", "content-type": "application/json" },
  });
  assert.equal(response.status, 202);
  const { id, status } = await response.json();
  assert.equal(status, "pending");
  const shown = await fetch(`${url}/charges/order-1`);
  assert.equal((await shown.json()).id, id);
  const refund = await fetch(`${url}/refunds`, {
    method: "POST",
    body: JSON.stringify({ order_id: 1, amount_cents: 101, currency: "EUR" }),
    headers: { "idempotency-key": "refund-1", "content-type": "application/json" },
  });
  const answer = await refund.json();
  assert.equal(answer.status, "refused");
  assert.deepEqual(await (await fetch(`${url}/refunds/refund-1`)).json(), answer);
  const unknown = await fetch(`${url}/refunds/refund-2`);
  assert.equal(unknown.status, 404);
  await unknown.body?.cancel();
  process.kill("SIGTERM");
  assert.equal((await process.status).code, 0, await errors);
  await reader.cancel();
});

Deno.test("gateway refuses options that make no sense", async () => {
  const options = [
    "--errors=101",
    "--wrong-amounts=-1",
    "--secret=secret",
    "--callback=nowhere",
    "--percent=1",
  ];
  for (const option of options) {
    const { process, errors, reader } = await startGateway([option], 1);
    assert.equal((await process.status).code, 2, option);
    assert.equal((await errors).trim().split("\n").length, 1);
    await reader.cancel();
  }
});
