import assert from "node:assert/strict";
import { type Message, messageField } from "../../../domain/messages/messages.ts";
import { shareOut } from "../queue/share_out.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { openWorkflow } from "../../workflow.ts";

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

  const flow = await openWorkflow("every_type");
  try {
    const { redis, keys } = flow;
    await redis.xadd(keys.stream("orders"), "*", messageField, "order.invented 1 1 EUR");
    const turn = await consumeOnce(flow.consumerOf("orders"));
    assert.equal(turn.dead, 1, "at its first delivery");
    const [letter] = await flow.rows("select error from dead_letters");
    assert.equal(letter!.error, 'unknown message type "order.invented"');
  } finally {
    await flow.close();
  }
});
