import assert from "node:assert/strict";
import { parse } from "yaml";
import { createImport, finishImport, updateImport } from "../../../../db/imports/imports.ts";
import { watchActivity } from "../../../../streams/kpis/activity.ts";
import { publish } from "../../../../streams/workflow/publish.ts";
import { verifyNow } from "../../../../streams/verification/verify_regularly.ts";
import { lookOnce } from "../../../../streams/alerts/alerts.ts";
import { type Api, openApi, storeOrder } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("metrics_routes");
  const { deps } = api;
  await publish(deps, [
    {
      message: { type: "refund.process", orderId: 1, refundId: 1, amountCents: 5, currency: "EUR" },
    },
  ]);
  const orderId = await storeOrder(deps.db);
  const watch = watchActivity(deps, "payments");
  watch.note({
    batch: 3,
    ms: 30,
    handled: 3,
    retried: 0,
    dead: 0,
    delayed: 0,
    events: [
      { kind: "paid", orderId, day: "2025-03-01", currency: "EUR", cents: 1, customerId: 1 },
    ],
  });
  await watch.flush({});
  await verifyNow(deps);
  await lookOnce(deps, Date.now());
  await lookOnce(deps, Date.now() + 40_000);
});
Deno.test.afterAll(() => api.close());

async function metrics(): Promise<string> {
  await api.app.request("/livez");
  const response = await api.app.request("/metrics");
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  return await response.text();
}

Deno.test("GET /metrics tells what waits, what was done and what is wrong", async () => {
  const text = await metrics();
  for (
    const line of [
      'orders_engine_up{engine="redis"} 1',
      'orders_group_backlog{group="refunds"} 1',
      'orders_group_money_cents{group="refunds",currency="EUR"} 5',
      'orders_batch_seconds_bucket{group="payments",le="0.025"} 0',
      'orders_batch_seconds_bucket{group="payments",le="0.05"} 1',
      'orders_batch_seconds_bucket{group="payments",le="+Inf"} 1',
      'orders_batch_seconds_sum{group="payments"} 0.03',
      'orders_batch_messages_sum{group="payments"} 3',
      "orders_settle_seconds_count 1",
      'orders_settled_total{status="PAID"} 1',
      'orders_alerts_raised_total{alert="no_consumer:refunds"} 1',
      'orders_http_request_duration_seconds_count{method="GET",route="/livez",status="200",ok="true"}',
    ]
  ) assert.ok(text.includes(line), `${line} in ${text}`);
  assert.match(text, /orders_drift\{check="homes"\} \d+/);
});

Deno.test("no label of the metrics holds an id", async () => {
  const id = await storeOrder(api.deps.db);
  await api.app.request(`/orders/${id}`);
  await api.app.request("/orders/never-seen-before");
  const text = await metrics();
  assert.match(text, /route="\/orders\/:id"/);
  assert.doesNotMatch(text, new RegExp(`"[^"]*/${id}"|never-seen-before`));
});

Deno.test("methods that nobody knows share one label, so that no caller can grow the metrics", async () => {
  for (let n = 0; n < 26; n++) {
    const method = `BREW${String.fromCharCode(65 + n)}`;
    assert.ok((await api.app.request("/livez", { method })).status >= 400);
  }
  await api.app.request("/livez", { method: "x-brew" });
  await api.app.request("/livez", { method: "DELETE" });
  const text = await metrics();
  assert.doesNotMatch(text, /brew/i);
  const methods = new Set([...text.matchAll(/method="([^"]*)"/g)].map(([, method]) => method));
  assert.deepEqual([...methods].sort(), ["DELETE", "GET", "OTHER"]);
  for (const name of ["http_requests_total", "http_request_duration_seconds_count"]) {
    const others = [
      ...text.matchAll(new RegExp(`^orders_${name}\\{method="OTHER".* (\\d+)$`, "gm")),
    ];
    assert.equal(others.reduce((sum, [, count]) => sum + Number(count), 0), 27, name);
  }
});

Deno.test("GET /metrics counts the rows of imports, those that are over as well", async () => {
  const { db } = api.deps;
  const none = {
    orders: 0,
    ordersNew: 0,
    ordersUpdated: 0,
    ordersUnchanged: 0,
    ordersRejected: 0,
    ordersSkipped: 0,
    ordersConflict: 0,
    published: 0,
  };
  const over = await createImport(db, "over.csv");
  await finishImport(db, over, { ...none, rows: 1_000, rowsRejected: 30 }, { status: "DONE" });
  const running = await createImport(db, "running.csv");
  await updateImport(db, running, { ...none, rows: 200, rowsRejected: 1, orders: 70 });
  const trial = await createImport(db, "trial.csv", { dryRun: true });
  const end = { status: "FAILED", error: "broken" } as const;
  await finishImport(db, trial, { ...none, rows: 5, rowsRejected: 2 }, end);
  // Its process is gone, and more of them came later than an import may be long.
  const gone = await createImport(db, "gone.csv");
  await updateImport(db, gone, { ...none, rows: 40, rowsRejected: 0, orders: 13 });
  await db.run("update imports set updated_at = '2025-01-01' where id = ?", [gone]);
  for (let n = 0; n < 25; n++) {
    await finishImport(db, await createImport(db, "empty.csv"), {
      ...none,
      rows: 0,
      rowsRejected: 0,
    }, {
      status: "DONE",
    });
  }
  const text = await metrics();
  for (
    const line of [
      'orders_import_rows_total{run="import"} 1240',
      'orders_import_rows_total{run="trial"} 5',
      'orders_import_rows_rejected_total{run="import"} 31',
      'orders_import_rows_rejected_total{run="trial"} 2',
      "orders_imports_running 1",
      "orders_imports_running_orders 70",
    ]
  ) assert.ok(text.includes(`${line}\n`), `${line} in ${text}`);
});

Deno.test("GET /metrics tells of this process' connections", async () => {
  const { db, config } = api.deps;
  const held = await db.transaction(() => metrics());
  for (
    const line of [
      'orders_database_connections{state="in_use"} 1',
      "orders_database_connections_waiting 0",
      `orders_database_connections_limit ${config.databaseConnections}`,
      'orders_redis_connections{use="commands",state="ready"} 1',
      'orders_redis_connections{use="commands",state="lost"} 0',
      'orders_redis_connections{use="reads",state="ready"} 0',
    ]
  ) assert.ok(held.includes(`${line}\n`), `${line} in ${held}`);
  assert.match(held, /orders_database_connections\{state="idle"\} [1-9]/);
  assert.match(await metrics(), /orders_database_connections\{state="in_use"\} 0/);
});

/** Metrics in an expression of Prometheus, each with the labels that are asked of it. */
function metricsIn(expression: string): [name: string, labels: string[]][] {
  const grouped = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)]
    .flatMap(([, labels]) => labels!.split(",").map((label) => label.trim()));
  return [...expression.matchAll(/\b(orders_[a-z_]+)(?:\{([^}]*)\})?/g)].map((
    [, name, matchers = ""],
  ) => [
    name!,
    [...grouped, ...[...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label!)],
  ]);
}

Deno.test("the alert rules and the Grafana dashboard use metrics and labels that exist", async () => {
  const text = await metrics();
  const root = new URL("../../../../ops/", import.meta.url);
  const { groups } = parse(await Deno.readTextFile(new URL("alert_rules.yml", root)));
  const used: [name: string, labels: string[]][] = [];
  for (const group of groups) {
    for (const rule of group.rules) {
      assert.match(rule.alert, /^Orders[A-Z]\w+$/);
      assert.match(rule.for, /^\d+[smh]$/);
      assert.ok(["critical", "warning"].includes(rule.labels.severity), rule.alert);
      assert.ok(rule.annotations.summary && rule.annotations.description, rule.alert);
      assert.ok(metricsIn(rule.expr).length > 0, rule.alert);
      used.push(...metricsIn(rule.expr));
    }
  }
  const board = JSON.parse(await Deno.readTextFile(new URL("grafana_dashboard.json", root)));
  for (const panel of board.panels) {
    for (const { expr } of panel.targets) used.push(...metricsIn(expr));
  }
  for (const [name, labels] of used) {
    const line = text.split("\n").find((line) => new RegExp(`^${name}[{ ]`).test(line));
    assert.ok(line !== undefined, `${name} is not among the metrics`);
    for (const label of labels) assert.ok(line.includes(`${label}="`), `${label} of ${line}`);
  }
  assert.ok(new Set(used.map(([name]) => name)).size > 15);
});
