import assert from "node:assert/strict";
import {
  bulkConnections,
  connectionsBesideBulk,
  hasBulkThread,
  runBulkThread,
} from "../../commands/bulk_thread.ts";
import { parseConfig } from "../../config/config.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { groups } from "../../domain/messages/messages.ts";
import { placeAndPublish } from "../../services/orders/place_orders.ts";
import { isDrained } from "../../streams/run_consumers.ts";
import { withPort } from "../../tools/chaos/harness/proxy.ts";
import { taskArguments } from "../../tools/engines/task_arguments.ts";
import { assertConsistent } from "../streams/consistent.ts";
import { anOrder, withWorkflow, type Workflow } from "../workflow.ts";
import { envOf } from "./run_command.ts";

const config = parseConfig({
  DATABASE_URL: "mysql://a@127.0.0.1/a",
  REDIS_URL: "redis://127.0.0.1",
});
const work = { config, env: {}, options: { groups: [], batchSize: 1 } };
const root = new URL("../../", import.meta.url);

/** Runs a module in place of the one that consumes. */
async function withModule(
  source: string,
  use: (run: (signal: AbortSignal, reloading?: EventTarget) => Promise<number>) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(path, source);
    const module = new URL(`file://${path}`);
    await use((signal, reloading) => runBulkThread(work, signal, { reloading, module }));
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("start gives files a thread where the settings say so, and shares its connections with it", () => {
  assert.equal(hasBulkThread({ bulkThread: "always", databaseConnections: 1 }), true);
  assert.equal(hasBulkThread({ bulkThread: "never", databaseConnections: 16 }), false);
  assert.equal(hasBulkThread({ bulkThread: "auto", databaseConnections: 3 }), false);
  for (const databaseConnections of [2, 4, 5, 16, 200]) {
    const all = { bulkThread: "always", databaseConnections } as const;
    assert.equal(bulkConnections(all) + connectionsBesideBulk(all), databaseConnections);
    assert.equal(connectionsBesideBulk({ ...all, bulkThread: "never" }), databaseConnections);
  }
  assert.deepEqual([bulkConnections(config), bulkConnections({ databaseConnections: 1 })], [5, 1]);
});

Deno.test("a thread that ends by itself ends whoever has started it", async () => {
  const { signal } = new AbortController();
  await withModule("throw new Error('no such luck')", async (run) => {
    await assert.rejects(run(signal), /^Error: The thread of the bulk lane ended: .*no such luck/);
  });
  const failed = { kind: "failed", message: "Too old", code: "unavailable" };
  await withModule(`onmessage = () => postMessage(${JSON.stringify(failed)})`, async (run) => {
    await assert.rejects(run(signal), new WorkflowError("unavailable", "Too old"));
  });
  await withModule(
    "onmessage = () => { setTimeout(() => { throw new Error('later') }) }",
    async (run) => await assert.rejects(run(signal), /later/),
  );
});

Deno.test("a thread is told to stop and to read its secrets anew, and what it works with before", async () => {
  const source = `
    const told = [];
    onmessage = ({ data }) => {
      told.push(data.kind, data.work?.config.databaseConnections);
      if (data.kind === "stop") postMessage({ kind: "failed", message: told.join() });
    };`;
  await withModule(source, async (run) => {
    const stop = new AbortController();
    const reloading = new EventTarget();
    const running = run(stop.signal, reloading);
    reloading.dispatchEvent(new Event("reload"));
    stop.abort();
    await assert.rejects(running, /^Error: begin,5,reload,,stop,$/);
    await run(stop.signal);
  });
});

/** A way to a port on which the first connections are cut off at once, as while a server is started again. */
function cutAtFirst(port: number, count: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let met = 0;
  const meet = async (from: Deno.Conn) => {
    if (met++ < count) return from.close();
    const to = await Deno.connect({ hostname: "127.0.0.1", port });
    await Promise.allSettled([
      from.readable.pipeTo(to.writable),
      to.readable.pipeTo(from.writable),
    ]);
  };
  void (async () => {
    for await (const from of listener) void meet(from);
  })();
  const { port: own } = listener.addr as Deno.NetAddr;
  return { port: own, met: () => met, close: () => listener.close() };
}

Deno.test("a thread waits for an engine that is lost while it begins", () =>
  withWorkflow("bulk_away", async (flow) => {
    const { databaseUrl, redisUrl, redisPrefix } = flow.test;
    const way = cutAtFirst(Number(new URL(databaseUrl).port), 3);
    const stop = new AbortController();
    try {
      const config = parseConfig({
        DATABASE_URL: withPort(databaseUrl, way.port),
        REDIS_URL: redisUrl,
        REDIS_PREFIX: redisPrefix,
        GATEWAY_DELAY_MS: "0",
        LOG_LEVEL: "error",
      });
      const orders = Array.from({ length: 20 }, (_, at) => ({
        order: anOrder(`away-${at}`, [{ sku: "a", qty: 1 }]),
        actor: "test",
      }));
      const settings = { initialStock: 1_000, unknownSku: "create" } as const;
      await placeAndPublish({ ...flow, config: settings }, orders, { lane: "bulk" });
      const running = runBulkThread(
        { config, env: {}, options: { groups: [], batchSize: 100 } },
        stop.signal,
      );
      await Promise.race([untilDrained(flow), running]);
      stop.abort();
      assert.ok(await running >= 3 * 20);
      assert.ok(way.met() > 3);
      await assertConsistent(flow);
    } finally {
      stop.abort();
      way.close();
    }
  }));

/** A process with the permissions of its task, asked to stop once it was used. */
async function withTask(
  flow: Workflow,
  { task, env }: { task: string; env: Record<string, string> },
  use: () => Promise<void>,
): Promise<{ code: number; lines: Record<string, unknown>[] }> {
  const settings = { ...envOf(flow), LOG_LEVEL: "info", LOG_FORMAT: "json", PORT: "0", ...env };
  const child = new Deno.Command(Deno.execPath(), {
    args: await taskArguments(task, { env: settings }),
    cwd: root,
    env: { ...settings, GATEWAY_DELAY_MS: "0" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  try {
    await use();
  } finally {
    child.kill("SIGTERM");
  }
  const { code } = await child.status;
  const lines = (await errors).trim().split("\n").map((line) => JSON.parse(line));
  return { code, lines };
}

/** Waits until all that was published is done. */
async function untilDrained(flow: Workflow): Promise<void> {
  while (!await isDrained(flow, groups)) await new Promise((resolve) => setTimeout(resolve, 20));
}

const runs = [
  { task: "start", bulkThread: "always", lanes: ["bulk", "live"] },
  { task: "start", bulkThread: "never", lanes: [undefined] },
  { task: "consume", bulkThread: "always", lanes: ["bulk", "live"] },
];
for (const { task, bulkThread, lanes } of runs) {
  Deno.test(`${task} brings both lanes to their end with a thread for files: ${bulkThread}`, () =>
    withWorkflow(`bulk_${task}_${bulkThread}`, async (flow) => {
      const place = async (lane: "bulk" | "live", count: number) =>
        await placeAndPublish(
          { ...flow, config: { initialStock: 1_000, unknownSku: "create" } },
          Array.from({ length: count }, (_, at) => ({
            order: anOrder(`${lane}-${at}`, [{ sku: `s${at % 7}`, qty: 1 }]),
            actor: "test",
          })),
          { lane },
        );
      await place("bulk", 300);
      const consumers: string[] = [];
      const run = { task, env: { BULK_THREAD: bulkThread } };
      const { code, lines } = await withTask(flow, run, async () => {
        await untilDrained(flow);
        await place("live", 5);
        await untilDrained(flow);
        consumers.push(...await flow.redis.zrange(flow.keys.alive("payments"), 0, -1));
      });
      assert.equal(code, 0, JSON.stringify(lines));
      const [row] = await flow.rows(
        "select count(*) as orders, cast(sum(status = 'PAID') as double) as paid from orders",
      );
      assert.deepEqual(row, { orders: 305, paid: 305 });
      const told = await flow.rows(
        "select count(distinct order_id) as orders from notification_logs",
      );
      assert.equal(told[0]!.orders, 305);
      const of = (event: string) => lines.filter((line) => line.event === event);
      assert.deepEqual(of("consumers started").map((line) => line.lanes).sort(), lanes);
      assert.equal(of("consumers stopped").length, lanes.length);
      const names = of("consumers started").map((line) => line.consumer as string);
      assert.ok(names.every((name) => consumers.includes(name)), `${names} of ${consumers}`);
      if (task === "consume") assert.ok(of("messages handled")[0]!.handled as number >= 3 * 305);
      await assertConsistent(flow);
    }));
}

Deno.test("consume --drain has one thread whatever is set, because nobody waits beside it", () =>
  withWorkflow("bulk_drain", async (flow) => {
    const env = { ...envOf(flow), LOG_LEVEL: "info", LOG_FORMAT: "json", BULK_THREAD: "always" };
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...await taskArguments("consume", { env }), "--drain"],
      cwd: root,
      env,
      stdin: "null",
      stdout: "null",
    }).output();
    const lines = new TextDecoder().decode(stderr).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    const started = lines.filter(({ event }) => event === "consumers started");
    assert.deepEqual(started.map(({ lanes }) => lanes), [undefined]);
  }));
