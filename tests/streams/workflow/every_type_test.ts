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

/** What one file of the sources says instead, by the name of the mistake. */
const mistakes: Readonly<Record<string, { path: string; change(source: string): string }>> = {
  unhandled: withRow("typeTable", invented('brings: ["reserve"]')),
  brings_untold: withRow("typeTable", invented("")),
  brings_nothing: withRow("typeTable", invented("brings: []")),
  brings_unknown: withRow("typeTable", invented('brings: ["invented"]')),
  other_handler: {
    path: "streams/handlers/handlers.ts",
    change: (source) =>
      source.replace('"refund.process": applyRefunds', '"refund.process": reversePayments'),
  },
  unknown_need: withRow("needTable", 'invented: { of: "order", open: "invented" },'),
};

/** One more row in a table of `domain/messages/work.ts`. */
function withRow(table: string, row: string) {
  const start = `export const ${table} = {`;
  return {
    path: "domain/messages/work.ts",
    change: (source: string) => source.replace(start, `${start}\n${row}`),
  };
}

function invented(rest: string): string {
  return `"order.invented": { group: "orders", shape: "order", ${rest} },`;
}

/** Where the compiler finds errors in the sources as they are, under the name "none", and with each mistake. */
let faults: Promise<Map<string, string[]>> | undefined;

/** One run of the compiler for all copies of the sources: the types of packages take most of its time. */
async function checkAll(): Promise<Map<string, string[]>> {
  const folder = await Deno.makeTempDir({ prefix: "types-" });
  try {
    await copyFolder(new URL("std/", root), `${folder}/std`);
    for (const name of ["deno.json", "deno.lock"]) {
      await Deno.copyFile(new URL(name, root), `${folder}/${name}`);
    }
    const none = { path: "domain/messages/work.ts", change: (source: string) => source };
    const copies = Object.entries({ ...mistakes, none });
    for (const [name, { path, change }] of copies) {
      for (const part of ["domain", "config", "db", "streams", "runtime"]) {
        await copyFolder(new URL(`${part}/`, root), `${folder}/${name}/${part}`);
      }
      const source = await Deno.readTextFile(`${folder}/${name}/${path}`);
      const changed = change(source);
      assert.equal(changed === source, name === "none", name);
      await Deno.writeTextFile(`${folder}/${name}/${path}`, changed);
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", ...copies.map(([name]) => `${name}/streams/run_consumers.ts`)],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assert.equal(success, false, text);
    return new Map(copies.map(([name]) => [name, faultyFiles(text, name)]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The files of a copy in which the compiler finds errors. */
function faultyFiles(text: string, name: string): string[] {
  const files = text.matchAll(
    /at file:\/\/\S*\/(\w+)\/((?:domain|config|db|streams|runtime)\/[\w/]+\.ts):\d+:\d+/g,
  );
  return [...new Set([...files].filter(([, copy]) => copy === name).map(([, , file]) => file!))]
    .sort();
}

async function faultsWith(name: keyof typeof mistakes | "none"): Promise<string[]> {
  faults ??= checkAll();
  return (await faults).get(name)!;
}

async function copyFolder(from: URL, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(new URL(`${name}/`, from), `${to}/${name}`);
    else await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}

Deno.test("the compiler refuses a type of message that no handler takes, and one that is not told whole", async () => {
  assert.deepEqual(await faultsWith("none"), []);
  assert.deepEqual(await faultsWith("unhandled"), ["streams/handlers/handlers.ts"]);
  for (const name of ["brings_untold", "brings_nothing", "brings_unknown"]) {
    assert.ok((await faultsWith(name)).includes("domain/messages/work.ts"), name);
  }
});

Deno.test("the compiler refuses a handler of other messages than it is put down for", async () => {
  assert.deepEqual(await faultsWith("other_handler"), ["streams/handlers/handlers.ts"]);
});

Deno.test("the compiler refuses a need whose open work recovery and verification don't know", async () => {
  assert.deepEqual(await faultsWith("unknown_need"), ["streams/recovery/open_work.ts"]);
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
