import assert from "node:assert/strict";
import { type Message, messageField } from "../../../domain/messages/messages.ts";
import { shareOut } from "../queue/share_out.ts";
import { consumeOnce, makeConsumer } from "../../../streams/queue/consumer.ts";
import { isDrained } from "../../../streams/run_consumers.ts";
import type { Consumer } from "../../../streams/workflow/consumer.ts";
import type { WorkflowTypes } from "../../../streams/workflow/handler.ts";
import { workflow } from "../../../streams/workflow/work.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";

const root = new URL("../../../", import.meta.url);

/** Checks the types of a copy of the sources in which one file says something else. */
async function checkWith(
  path: string,
  change: (source: string) => string,
): Promise<{ ok: boolean; text: string }> {
  const folder = await Deno.makeTempDir({ prefix: "types-" });
  try {
    for (const name of ["domain", "config", "db", "streams", "std", "runtime"]) {
      await copyFolder(new URL(`${name}/`, root), `${folder}/${name}`);
    }
    for (const name of ["deno.json", "deno.lock"]) {
      await Deno.copyFile(new URL(name, root), `${folder}/${name}`);
    }
    const source = await Deno.readTextFile(`${folder}/${path}`);
    const changed = change(source);
    assert.notEqual(changed, source);
    await Deno.writeTextFile(`${folder}/${path}`, changed);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "streams/run_consumers.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    return { ok: success, text: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copyFolder(from: URL, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(new URL(`${name}/`, from), `${to}/${name}`);
    else await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}

/** The files in which the compiler finds errors. */
function faultyFiles(text: string): string[] {
  const files = text.matchAll(
    /at file:\/\/\S*\/((?:domain|config|db|streams|runtime)\/[\w/]+\.ts):\d+:\d+/g,
  );
  return [...new Set([...files].map(([, file]) => file!))].sort();
}

/** Checks the types with one more row in a table of `domain/messages/work.ts`. */
function checkWithRow(table: string, row: string): Promise<{ ok: boolean; text: string }> {
  const start = `export const ${table} = {`;
  return checkWith(
    "domain/messages/work.ts",
    (source) => source.replace(start, `${start}\n${row}`),
  );
}

Deno.test("the compiler refuses a type of message that no handler takes, and one that is not told whole", async () => {
  const type = (rest: string) => `"order.invented": { group: "orders", shape: "order", ${rest} },`;
  const unhandled = await checkWithRow("typeTable", type('brings: ["reserve"]'));
  assert.equal(unhandled.ok, false);
  assert.deepEqual(faultyFiles(unhandled.text), ["streams/handlers/handlers.ts"]);
  for (const rest of ["", "brings: []", 'brings: ["invented"]']) {
    const { ok, text } = await checkWithRow("typeTable", type(rest));
    assert.equal(ok, false, rest);
    assert.ok(faultyFiles(text).includes("domain/messages/work.ts"), rest);
  }
});

Deno.test("the compiler refuses a handler of other messages than it is put down for", async () => {
  const { ok, text } = await checkWith("streams/handlers/handlers.ts", (source) =>
    source.replace(
      '"refund.process": applyRefunds',
      '"refund.process": reversePayments',
    ));
  assert.equal(ok, false);
  assert.deepEqual(faultyFiles(text), ["streams/handlers/handlers.ts"]);
});

Deno.test("the compiler refuses a need whose open work recovery and verification don't know", async () => {
  const { ok, text } = await checkWithRow(
    "needTable",
    'invented: { of: "order", open: "invented" },',
  );
  assert.equal(ok, false);
  assert.deepEqual(faultyFiles(text), ["streams/recovery/open_work.ts"]);
});

Deno.test("a message of a type without a handler is named at once", async () => {
  const message = { type: "order.invented", orderId: 1, amountCents: 1, currency: "EUR" };
  const delivery = { id: "1-1", message: message as unknown as Message, attempt: 1 };
  const [share] = shareOut([delivery]);
  assert.deepEqual(await share!.handle({} as never, share!.deliveries), [
    { kind: "dead", error: 'no handler takes messages of the type "order.invented"' },
  ]);
});

Deno.test("a message of a type that only a newer version knows waits for it, beside all others, and dies after a day", () =>
  withWorkflow("every_type", async (flow) => {
    const { redis, keys } = flow;
    const stream = keys.stream("orders");
    const old = String(Date.now() - 86_400_001);
    await redis.xadd(stream, `${old}-0`, messageField, "order.invented 7 1 EUR");
    await redis.xadd(stream, "*", messageField, "order.invented 8 1 EUR of-a-newer-version");
    await flow.add([anOrder("one", [{ sku: "a", qty: 1, unitPriceCents: 100 }])]);
    const turn = await flow.turn("orders");
    assert.deepEqual(turn, { handled: 1, retried: 0, dead: 1, delayed: 0 });
    const letters = await flow.rows("select error, message_id from dead_letters");
    assert.deepEqual(letters, [
      { error: 'unknown message type "order.invented"', message_id: `${old}-0` },
    ]);
    // Due again and again, it stands in nobody's way, loses no try and ends no drain too late.
    for (let look = 0; look < 20; look++) {
      const [id] = await redis.zrange(keys.retries("orders"), 0, -1);
      await redis.zadd(keys.retries("orders"), 1, id!);
      assert.deepEqual(await flow.turn("orders"), { handled: 0, retried: 0, dead: 0, delayed: 0 });
    }
    assert.equal(await redis.hlen(keys.errors("orders")), 0);
    assert.equal(await isDrained(flow, ["orders"]), true);
    assert.equal(await redis.xlen(stream), 1);

    // As in a version that knows the type.
    const [id] = await redis.zrange(keys.retries("orders"), 0, -1);
    await redis.zadd(keys.retries("orders"), 1, id!);
    const codec = { ...workflow.codec, read: () => ({ type: "order.invented" }) as never };
    const newer: Consumer = makeConsumer<WorkflowTypes>(flow.consumerOf("orders").deps, {
      ...flow.consumerOf("orders").options,
      work: {
        ...workflow,
        codec,
        handlers: {
          "order.invented": (_, deliveries) =>
            Promise.resolve(
              deliveries.map(({ attempt }) => {
                assert.equal(attempt, 1, "it was never tried before");
                return { kind: "done", followUps: [], events: [] };
              }),
            ),
        },
      },
      share: undefined,
    });
    assert.equal((await consumeOnce(newer)).handled, 1);
    assert.equal(await redis.xlen(stream), 0);
  }));
