import assert from "node:assert/strict";
import { withoutValues } from "../../../streams/telemetry/engine_spans.ts";
import { entryOf, traceField } from "../../../domain/messages/messages.ts";
import { scriptOfCall } from "../../../streams/redis/scripts.ts";
import { traceId, traceparent, tracing } from "../../../streams/telemetry/tracing.ts";
import { taskArguments } from "../../../tools/engines/task_arguments.ts";
import { type Api, openApi, orderBodyOf } from "../../routes/api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("tracing");
});
Deno.test.afterAll(() => api.close());

/** A span as it is exported. */
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  attributes: Record<string, string>;
  links: { traceId: string; spanId: string }[];
  status: { message: string };
}

/** Takes spans in, as a collector does. */
function openCollector() {
  const spans: Span[] = [];
  const waiting = new Set<() => void>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { resourceSpans = [] } = await request.json();
      for (const { scopeSpans } of resourceSpans) {
        for (const span of scopeSpans.flatMap((scope: { spans: unknown[] }) => scope.spans)) {
          const attributes = span.attributes.map((
            { key, value }: { key: string; value: Record<string, unknown> },
          ) => [key, String(Object.values(value)[0])]);
          spans.push({ ...span, attributes: Object.fromEntries(attributes) });
        }
      }
      for (const wake of waiting) wake();
      return Response.json({});
    },
  );
  return {
    spans,
    url: `http://127.0.0.1:${server.addr.port}`,
    /** The first span that is as wanted, which may have to come yet. */
    async find(wanted: (span: Span) => boolean): Promise<Span> {
      const signal = AbortSignal.timeout(20_000);
      signal.addEventListener("abort", () => {
        for (const wake of waiting) wake();
      });
      for (;;) {
        if (signal.aborted) {
          const names = spans.map(({ name, traceId }) => `${traceId.slice(0, 4)} ${name}`);
          throw new Error(`no such span among ${names.join(", ")}`);
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        const span = spans.find(wanted);
        if (span !== undefined) return span;
        await promise;
      }
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A running `start`, with the permissions and the environment of its task, that sends its traces there. */
async function startTraced(collector: string) {
  const root = new URL("../../../", import.meta.url);
  const process = new Deno.Command(Deno.execPath(), {
    args: await taskArguments("start"),
    cwd: root,
    env: {
      ...api.env,
      PORT: "0",
      LOG_FORMAT: "json",
      LOG_LEVEL: "debug",
      GATEWAY_DELAY_MS: "20",
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: "orders",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "50",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines: Record<string, unknown>[] = [];
  const listening = Promise.withResolvers<string>();
  // Before that an order may be published again by the recovery, and then has two traces.
  const consuming = Promise.withResolvers<void>();
  const reading = (async () => {
    let rest = "";
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      for (const line of parts.filter((part) => part.startsWith("{"))) {
        lines.push(JSON.parse(line));
        const { event, url } = lines.at(-1)!;
        if (event === "listening") listening.resolve(String(url));
        if (event === "consumers started") consuming.resolve();
      }
    }
    listening.reject(new Error(`start ended: ${JSON.stringify(lines)}${rest}`));
    consuming.resolve();
  })();
  const url = await listening.promise;
  await consuming.promise;
  return {
    url,
    lines,
    async stop() {
      process.kill("SIGTERM");
      const { code } = await process.status;
      await reading;
      return code;
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await reading;
    },
  };
}

Deno.test("one trace follows an order from its request to its notification", async () => {
  await using collector = openCollector();
  await using service = await startTraced(collector.url);
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${service.url}/orders`, {
    method: "POST",
    headers,
    body: JSON.stringify(orderBodyOf()),
  });
  assert.equal(answer.status, 202);
  const id = String((await answer.json()).id);
  const ofOrder = (name: string) => (span: Span) =>
    span.name === name && span.attributes["order.id"] === id;
  const told = await collector.find(ofOrder("notify.order"));
  const { traceId } = told;
  const inTrace = (name: string) =>
    collector.find((span) => span.traceId === traceId && span.name === name);

  // Each step is below the one before, through the streams and the wait for the gateway.
  let below = told;
  const way = ["payment.callback", "payment.charge", "order.reserve", "create order.reserve"];
  for (const name of [...way, "POST /orders"]) {
    const above = await collector.find(({ spanId }) => spanId === below.parentSpanId);
    assert.equal(above.name, name);
    below = above;
  }
  assert.equal(below.parentSpanId, "");
  assert.equal(below.attributes["http.route"], "/orders");

  // One message in a batch: the batch with its calls to the engines is part of the trace.
  for (const name of ["take orders", "publish", "process orders", "process notifications"]) {
    await inTrace(name);
  }
  const reserving = await collector.find((span) =>
    span.traceId === traceId && span.name === "process orders"
  );
  const [reserved] = [await collector.find(ofOrder("order.reserve"))];
  assert.deepEqual(reserved.links.map(({ spanId }) => spanId), [reserving.spanId]);
  assert.equal(reserved.attributes["order.message.outcome"], "processed");
  for (const system of ["redis", api.deps.db.engine]) {
    await collector.find((span) =>
      span.parentSpanId === reserving.spanId && span.attributes["db.system.name"] === system
    );
  }
  await inTrace("advance");
  // Packets are named by what they do, not by how they begin.
  for (const name of ["insert customers, commit", "insert order_items, commit"]) {
    await inTrace(name);
  }
  assert.deepEqual(collector.spans.filter(({ name }) => /^(?:start|set) /.test(name)), []);
  assert.equal(await service.stop(), 0);

  for (const { attributes } of collector.spans) {
    assert.doesNotMatch(JSON.stringify(attributes), /ann@example\.com|W-[0-9a-f]{8}-/);
  }
  const line = service.lines.find(({ event, path }) => event === "request" && path === "/orders");
  assert.equal(line?.trace_id, traceId);
  assert.ok(!("trace_id" in service.lines.find(({ event }) => event === "listening")!));
});

Deno.test("what goes wrong with a message stands in its span, and in the log with its trace", async () => {
  await using collector = openCollector();
  await using service = await startTraced(collector.url);
  const { redis, keys } = api.deps;
  const trace = "0af7651916cd43dd8448eb211c80319c", parent = "b7ad6b7169203331";
  const message = {
    type: "payment.charge",
    orderId: 999,
    amountCents: 1,
    currency: "EUR",
  } as const;
  const [id] = await Promise.all([
    redis.xadd(
      keys.stream("payments"),
      "*",
      ...entryOf(message),
      traceField,
      `00-${trace}-${parent}-01`,
    ),
    // A trace that is none is no reason to fail.
    redis.xadd(keys.stream("payments"), "*", ...entryOf(message), traceField, "00-0-0-junk"),
    redis.xadd(keys.stream("payments"), "*", "message", "what?"),
  ]);
  const failed = await collector.find((span) => span.attributes["messaging.message.id"] === id);
  assert.equal(failed.traceId, trace);
  assert.equal(failed.parentSpanId, parent);
  // Its row may still be on its way to this server.
  assert.equal(failed.attributes["order.message.outcome"], "delayed");
  assert.equal(failed.status.message, "order 999 does not exist");
  await collector.find(({ name, attributes }) =>
    name === "unknown" && attributes["order.message.outcome"] === "dead"
  );
  assert.equal(await service.stop(), 0);
  const buried = service.lines.filter(({ event }) => event === "message buried");
  assert.equal(buried.length, 1);
  for (const line of buried) assert.match(String(line.trace_id), /^[0-9a-f]{32}$/);
});

Deno.test("a batch of an import's orders links to the trace of each", async () => {
  await using collector = openCollector();
  await using service = await startTraced(collector.url);
  const header = "external_order_id,order_placed_at,currency,customer_id,customer_email," +
    "customer_name,product_sku,product_name,unit_price_cents,qty";
  const rows = [1, 2, 3].map((n) =>
    `T-${n},2024-05-06 07:08:09,EUR,C-1,ann@example.com,Ann,CUP,Cup,100,2`
  );
  const answer = await fetch(`${service.url}/imports`, {
    method: "POST",
    headers: { "content-type": "text/csv" },
    body: [header, ...rows].join("\n"),
  });
  assert.equal(answer.status, 202);
  await answer.body?.cancel();
  const batch = await collector.find(({ name, attributes }) =>
    name === "process orders" && attributes["messaging.batch.message_count"] === "3"
  );
  assert.equal(batch.parentSpanId, "");
  const { find } = collector;
  const publishing = await find(({ name, attributes }) =>
    name === "publish" && attributes["messaging.batch.message_count"] === "3"
  );
  const importing = await find(({ name }) => name === "import");
  assert.equal(publishing.traceId, importing.traceId);
  assert.equal((await find(({ name }) => name === "POST /imports")).traceId, importing.traceId);
  const traces = new Set<string>();
  for (const link of batch.links) {
    const created = await find(({ spanId }) => spanId === link.spanId);
    assert.equal(created.name, "create order.reserve");
    assert.deepEqual(created.links.map(({ spanId }) => spanId), [publishing.spanId]);
    traces.add(created.traceId);
    const handled = await find(({ parentSpanId }) => parentSpanId === created.spanId);
    assert.deepEqual(handled.links.map(({ spanId }) => spanId), [batch.spanId]);
    const isEnd = (span: Span) => span.name === "notify.order" && span.traceId === created.traceId;
    await find(isEnd);
  }
  assert.equal(traces.size, 3, "an order, a trace");
  assert.equal(await service.stop(), 0);
});

Deno.test("without OTEL_DENO nothing is traced", async () => {
  assert.equal(tracing, false);
  assert.equal(traceId(), undefined);
  assert.equal(traceparent(), undefined);
  assert.equal(await api.deps.redis.exists(api.deps.keys.scheduledTraces), 0);
});

Deno.test("withoutValues() leaves no value in a statement", () => {
  const cases: [string, string][] = [
    ["select id\n  from orders where id in (1, 2, 33)", "select id from orders where id in (?, …)"],
    [
      "insert into customers (email) values ('ann@example.com', 'O\\'Hara', ''''), (\"x\", 'y', -1.5)",
      "insert into customers (email) values (?, …), (?, …, -?)",
    ],
    ["select price_cents2 from t1 where h = x'00ff'", "select price_cents2 from t1 where h = ?"],
    ["set session wait_timeout = 10", "set session wait_timeout = ?"],
  ];
  for (const [statement, expected] of cases) assert.equal(withoutValues(statement), expected);
});

Deno.test("scriptOfCall() names a script by its hash and by its text", async () => {
  const text = await Deno.readTextFile(
    new URL("../../../streams/queue/promote.lua", import.meta.url),
  );
  const hash = new Uint8Array(
    await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text)),
  ).toHex();
  assert.equal(scriptOfCall("evalsha", hash), "promote");
  assert.equal(scriptOfCall("eval", text), "promote");
  assert.equal(scriptOfCall("get", hash), undefined);
});
