import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { type AuditAction, auditActions } from "../domain/operation/audit.ts";
import { tokenHash } from "../domain/operation/api_token.ts";
import { deadLetterMessages } from "../db/dead_letters/dead_letters.ts";
import type { Database } from "../db/connection/database.ts";
import { aDeadLetter } from "./dead_letter.ts";
import { type Api, openApi, storeOrder } from "./routes/api.ts";

/** What is sent: at most one of them. */
interface Body {
  json?: unknown;
  form?: Record<string, string>;
  csv?: string;
  /** A form with this file. */
  file?: string;
}

/** What the audit log has of a route: an action, by a request that shows it; or why there is nothing. */
type Row = { action: AuditAction; path: string } & Body | { why: string };

const order = {
  external_order_id: "A-1",
  placed_at: "2026-01-05T10:00:00Z",
  currency: "EUR",
  customer: { name: "Ann" },
  items: [{ sku: "MUG", name: "Mug", unit_price_cents: 1_250, qty: 2 }],
};
const ordersCsv =
  "external_order_id,order_placed_at,currency,customer_name,product_sku,product_name,unit_price_cents,qty\n" +
  "C-1,2026-01-05T10:00:00Z,EUR,Ann,MUG,Mug,1250,2\n";
const reportText = "entry_id,kind,created_utc,charge_id,gross_cents,currency\n" +
  "txn-1,payout,2026-01-05 10:00:00,,-5,EUR\n";
const decided = { confirmed: "yes", reason: "so", detail: "so", reference: "r-1" };

/** Every route of the API that changes something. Most requests are about what there is not, which is told as well. */
const apiRows: Record<string, Row> = {
  "POST /orders": { why: "a shop's own orders are data; their timelines say who brought them" },
  "POST /orders/batch": {
    why: "a shop's own orders are data; their timelines say who brought them",
  },
  "PUT /orders/:id": { action: "order.edit", path: "/orders/999", json: order },
  "POST /orders/:id/cancel": { action: "order.cancel", path: "/orders/999/cancel" },
  "POST /orders/:id/capture": { action: "order.capture", path: "/orders/999/capture" },
  "POST /orders/:id/retry": { action: "order.retry", path: "/orders/999/retry" },
  "POST /orders/:id/refunds": {
    action: "refund.request",
    path: "/orders/999/refunds",
    json: { amount_cents: 5 },
  },
  "POST /orders/:id/payment/accept": {
    action: "payment.accept",
    path: "/orders/999/payment/accept",
  },
  "POST /orders/:id/payment/give-back": {
    action: "payment.give_back",
    path: "/orders/999/payment/give-back",
  },
  "POST /orders/:id/payment/dismiss": {
    action: "payment.dismiss",
    path: "/orders/999/payment/dismiss",
  },
  "POST /orders/:id/payment/returned": {
    action: "payment.returned",
    path: "/orders/999/payment/returned",
  },
  "POST /refunds/:id/complete": { action: "refund.complete", path: "/refunds/999/complete" },
  "POST /refunds/:id/refuse": {
    action: "refund.refuse",
    path: "/refunds/999/refuse",
    json: { reason: "so" },
  },
  "POST /chargebacks/:id/acknowledge": {
    action: "chargeback.acknowledge",
    path: "/chargebacks/999/acknowledge",
  },
  "POST /chargebacks/:id/decide": {
    action: "chargeback.decide",
    path: "/chargebacks/999/decide",
    json: { outcome: "lost" },
  },
  "POST /reconciliations": {
    action: "reconciliation.start",
    path: "/reconciliations?provider=simulated",
    csv: reportText,
  },
  "POST /reconciliations/:id/withdraw": {
    action: "reconciliation.withdraw",
    path: "/reconciliations/999/withdraw",
  },
  "POST /reconciliations/:id/approve": {
    action: "reconciliation.approve",
    path: "/reconciliations/999/approve",
    json: { finished_at: "2026-01-06T09:00:00.000000Z" },
  },
  "POST /discrepancies/:id/mend": {
    action: "discrepancy.propose",
    path: "/discrepancies/999/mend",
    json: { action: "explain", note: "so" },
  },
  "POST /discrepancies/:id/approve": {
    action: "discrepancy.approve",
    path: "/discrepancies/999/approve",
  },
  "POST /products": {
    action: "product.add",
    path: "/products",
    json: { sku: "NEW", name: "New", price_cents: 5, stock_qty: 5 },
  },
  "POST /products/stock": {
    action: "stock.file",
    path: "/products/stock",
    csv: "sku,set_qty\nMUG,5\n",
  },
  "PUT /products/:sku/stock": {
    action: "stock.change",
    path: "/products/NONE/stock",
    json: { set: 5 },
  },
  "DELETE /customers/:id": { action: "customer.erase", path: "/customers/C-999" },
  "POST /imports": { action: "import.start", path: "/imports", csv: ordersCsv },
  "POST /imports/:id/cancel": { action: "import.cancel", path: "/imports/999/cancel" },
  "POST /notifications/:id/replay": {
    action: "notification.replay",
    path: "/notifications/999/replay",
  },
  "POST /notifications/channels/:channel/enable": {
    action: "webhook.enable",
    path: "/notifications/channels/webhook/enable",
  },
  "POST /webhook-endpoints": {
    action: "webhook_endpoint.add",
    path: "/webhook-endpoints",
    json: { url: "https://shop.example/hooks", types: ["*"] },
  },
  "PATCH /webhook-endpoints/:id": {
    action: "webhook_endpoint.change",
    path: "/webhook-endpoints/999",
    json: { enabled: false },
  },
  "DELETE /webhook-endpoints/:id": {
    action: "webhook_endpoint.remove",
    path: "/webhook-endpoints/999",
  },
  "POST /webhook-endpoints/:id/secret": {
    action: "webhook_endpoint.rotate",
    path: "/webhook-endpoints/999/secret",
  },
  "POST /webhook-endpoints/:id/test": {
    action: "webhook_endpoint.test",
    path: "/webhook-endpoints/999/test",
  },
  "POST /webhook-endpoints/:id/retry": {
    action: "webhook_endpoint.retry",
    path: "/webhook-endpoints/999/retry",
  },
  "POST /payments/callback/:provider": {
    why: "a payment provider's word, signed by it; no operator",
  },
  "POST /payments/callback": { why: "the payment provider's word, signed by it; no operator" },
  "POST /streams/:group/pause": { action: "group.pause", path: "/streams/orders/pause" },
  "POST /streams/:group/resume": { action: "group.resume", path: "/streams/orders/resume" },
  "POST /dead-letters/:id/retry": {
    action: "dead_letter.retry",
    path: "/dead-letters/1/retry",
  },
  "POST /dead-letters/:id/discard": {
    action: "dead_letter.discard",
    path: "/dead-letters/1/discard",
  },
  "POST /verification": { action: "verification.run", path: "/verification" },
  "POST /verification/repair": { action: "verification.repair", path: "/verification/repair" },
  "POST /sign-in": { action: "session.begin", path: "/sign-in", form: { token: "boss" } },
  "POST /sign-out": { action: "session.end", path: "/sign-out", form: {} },
};

/** The same of the dashboard's forms. */
const pageRows: Record<string, Row> = {
  "POST /dashboard/customers/:id{[0-9]{1,15}}/erase": {
    action: "customer.erase",
    path: "/dashboard/customers/999/erase",
    form: decided,
  },
  "POST /dashboard/dead-letters/decide": {
    action: "dead_letter.discard",
    path: "/dashboard/dead-letters/decide",
    form: { verb: "discard", ids: "2", upto: "2" },
  },
  "POST /dashboard/given-twice/:id{[0-9]{1,15}}/dismiss": {
    action: "given_twice.dismiss",
    path: "/dashboard/given-twice/999/dismiss",
    form: { ...decided, reason: "returned" },
  },
  "POST /dashboard/chargebacks/:id{[0-9]{1,15}}/acknowledge": {
    action: "chargeback.acknowledge",
    path: "/dashboard/chargebacks/999/acknowledge",
    form: decided,
  },
  "POST /dashboard/chargebacks/:id{[0-9]{1,15}}/decide": {
    action: "chargeback.decide",
    path: "/dashboard/chargebacks/999/decide",
    form: { ...decided, outcome: "lost" },
  },
  "POST /dashboard/losses/:id{[0-9]{1,15}}/reconcile": {
    action: "loss.reconcile",
    path: "/dashboard/losses/999/reconcile",
    form: { ...decided, note: "sent again" },
  },
  "POST /dashboard/reconciliations": {
    action: "reconciliation.start",
    path: "/dashboard/reconciliations",
    file: reportText,
  },
  "POST /dashboard/reconciliations/:id{[0-9]{1,15}}/withdraw": {
    action: "reconciliation.withdraw",
    path: "/dashboard/reconciliations/999/withdraw",
    form: decided,
  },
  "POST /dashboard/reconciliations/:id{[0-9]{1,15}}/approve": {
    action: "reconciliation.approve",
    path: "/dashboard/reconciliations/999/approve",
    form: { finished_at: "2026-01-06T09:00:00.000000Z" },
  },
  "POST /dashboard/discrepancies/:id{[0-9]{1,15}}/mend": {
    action: "discrepancy.propose",
    path: "/dashboard/discrepancies/999/mend",
    form: { ...decided, action: "explain", note: "so" },
  },
  "POST /dashboard/discrepancies/:id{[0-9]{1,15}}/approve": {
    action: "discrepancy.approve",
    path: "/dashboard/discrepancies/999/approve",
    form: { action: "explain", proposed_at: "2026-01-06T09:00:00.000000Z" },
  },
  "POST /dashboard/imports": {
    action: "import.start",
    path: "/dashboard/imports",
    file: ordersCsv,
  },
  "POST /dashboard/imports/:id{[0-9]{1,15}}/cancel": {
    action: "import.cancel",
    path: "/dashboard/imports/999/cancel",
    form: decided,
  },
  "POST /dashboard/imports/demo": {
    action: "import.start",
    path: "/dashboard/imports/demo",
    form: {},
  },
  "POST /dashboard/notifications/:id{[0-9]{1,15}}/replay": {
    action: "notification.replay",
    path: "/dashboard/notifications/999/replay",
    form: decided,
  },
  "POST /dashboard/notifications/channels/webhook/enable": {
    action: "webhook.enable",
    path: "/dashboard/notifications/channels/webhook/enable",
    form: decided,
  },
  "POST /dashboard/orders/:id{[0-9]{1,15}}/cancel": {
    action: "order.cancel",
    path: "/dashboard/orders/999/cancel",
    form: decided,
  },
  "POST /dashboard/orders/:id{[0-9]{1,15}}/capture": {
    action: "order.capture",
    path: "/dashboard/orders/999/capture",
    form: decided,
  },
  "POST /dashboard/orders/:id{[0-9]{1,15}}/payment": {
    action: "payment.accept",
    path: "/dashboard/orders/999/payment",
    form: { ...decided, verdict: "accept" },
  },
  "POST /dashboard/orders/:id{[0-9]{1,15}}/payment/returned": {
    action: "payment.returned",
    path: "/dashboard/orders/999/payment/returned",
    form: decided,
  },
  "POST /dashboard/orders/:id{[0-9]{1,15}}/refund": {
    action: "refund.request",
    path: "/dashboard/orders/999/refund",
    form: { ...decided, cents: "5", key: "k-1" },
  },
  "POST /dashboard/orders/:id{[0-9]{1,15}}/retry": {
    action: "order.retry",
    path: "/dashboard/orders/999/retry",
    form: decided,
  },
  "POST /dashboard/products": {
    action: "product.add",
    path: "/dashboard/products",
    form: { sku: "PAGE", name: "Page", price: "5.00", stock: "5" },
  },
  "POST /dashboard/products/:id{[0-9]{1,15}}/stock": {
    action: "stock.change",
    path: "/dashboard/products/1/stock",
    form: { ...decided, how: "set", qty: "5" },
  },
  "POST /dashboard/products/file": {
    action: "stock.file",
    path: "/dashboard/products/file",
    file: "sku,set_qty\nMUG,6\n",
  },
  "POST /dashboard/proof": { action: "verification.run", path: "/dashboard/proof", form: {} },
  "POST /dashboard/refunds/:id{[0-9]{1,15}}/complete": {
    action: "refund.complete",
    path: "/dashboard/refunds/999/complete",
    form: decided,
  },
  "POST /dashboard/refunds/:id{[0-9]{1,15}}/refuse": {
    action: "refund.refuse",
    path: "/dashboard/refunds/999/refuse",
    form: decided,
  },
  "POST /dashboard/shortages/retry": {
    action: "order.retry",
    path: "/dashboard/shortages/retry",
    form: { all: "1", upto: "1000000" },
  },
  "POST /dashboard/streams/:group{(?:orders|payments|notifications|refunds)}/pause": {
    action: "group.pause",
    path: "/dashboard/streams/orders/pause",
    form: decided,
  },
  "POST /dashboard/streams/:group{(?:orders|payments|notifications|refunds)}/resume": {
    action: "group.resume",
    path: "/dashboard/streams/orders/resume",
    form: {},
  },
  "POST /dashboard/webhook-endpoints": {
    action: "webhook_endpoint.add",
    path: "/dashboard/webhook-endpoints",
    form: { url: "https://shop.example/hooks/page", "event:*": "1" },
  },
  "POST /dashboard/webhook-endpoints/:id{[0-9]{1,15}}/secret": {
    action: "webhook_endpoint.rotate",
    path: "/dashboard/webhook-endpoints/999/secret",
    form: {},
  },
  "POST /dashboard/webhook-endpoints/:id{[0-9]{1,15}}/remove": {
    action: "webhook_endpoint.remove",
    path: "/dashboard/webhook-endpoints/999/remove",
    form: decided,
  },
  "POST /dashboard/webhook-endpoints/:id{[0-9]{1,15}}/enabled": {
    action: "webhook_endpoint.change",
    path: "/dashboard/webhook-endpoints/999/enabled",
    form: { enabled: "1" },
  },
  "POST /dashboard/webhook-endpoints/:id{[0-9]{1,15}}/retry": {
    action: "webhook_endpoint.retry",
    path: "/dashboard/webhook-endpoints/999/retry",
    form: {},
  },
  "POST /dashboard/webhook-endpoints/:id{[0-9]{1,15}}/test": {
    action: "webhook_endpoint.test",
    path: "/dashboard/webhook-endpoints/999/test",
    form: {},
  },
};

/** Every command, with all the actions that it can do, or why it does none. */
const commandRows: Record<string, AuditAction[] | string> = {
  archive: ["order.archive", "order.restore"],
  capture: ["order.capture"],
  customer: ["customer.export", "customer.erase"],
  consume: "works on what was asked for; timelines name the consumer",
  dead: ["dead_letter.retry", "dead_letter.discard"],
  demo: ["import.start", "order.edit"],
  dev: "runs start",
  doctor: "looks only",
  engines: "private engines, which hold nothing of anybody",
  gateway: "simulates a provider; has no database",
  import: ["import.start", "order.edit"],
  kpis: ["kpis.rebuild"],
  losses: ["loss.reconcile"],
  reconcile: [
    "reconciliation.start",
    "reconciliation.withdraw",
    "reconciliation.approve",
    "discrepancy.propose",
    "discrepancy.approve",
  ],
  migrate:
    "changes the schema, of which the table of migrations tells; the log may not be there yet",
  recover: ["work.recover", "database.accept"],
  refund: ["refund.request", "refund.complete", "refund.refuse", "payment.returned"],
  retry: ["order.retry"],
  serve: "serves the routes above",
  start: "serves the routes above, and works as consume",
  stock: ["stock.change", "stock.file"],
  token: "prints a token and keeps none",
  verify: ["seals.begin_anew"],
  webhooks: [
    "webhook_endpoint.add",
    "webhook_endpoint.change",
    "webhook_endpoint.remove",
    "webhook_endpoint.rotate",
    "webhook_endpoint.test",
    "webhook_endpoint.retry",
  ],
};

/** An order that failed for want of stock. */
async function storeShort(db: Database): Promise<void> {
  const id = await storeOrder(db, { status: "FAILED" });
  await db.run("update orders set failure_reason = 'insufficient_stock' where id = ?", [id]);
  await db.run(
    `insert into order_shortages (order_id, product_id, missing_qty, placed_at, waiting)
    select orders.id, products.id, 2, orders.placed_at, 0
    from orders join products
    where orders.id = ?
    limit 1`,
    [id],
  );
}

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("audit_catalogue", { API_TOKENS: `boss:${tokenHash("boss")}:admin` });
});
Deno.test.afterAll(() => api.close());

const changing = () => [
  ...new Set(
    api.app.routes.filter(({ method }) => ["POST", "PUT", "PATCH", "DELETE"].includes(method))
      .map(({ method, path }) => `${method} ${path}`),
  ),
];

Deno.test("every route that changes something is in the catalogue, and no other", () => {
  const routes = changing();
  assert.deepEqual([...Object.keys(apiRows), ...Object.keys(pageRows)].sort(), routes.sort());
});

/** Sends the request of a row as a token with `admin`. */
async function send(row: { path: string } & Body, method: string): Promise<string> {
  const { path, json, form, csv, file } = row;
  const headers: Record<string, string> = { authorization: "Bearer boss" };
  let body: BodyInit | undefined;
  if (json !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(json);
  } else if (form !== undefined) {
    headers["content-type"] = "application/x-www-form-urlencoded";
    body = new URLSearchParams(form).toString();
  } else if (csv !== undefined) {
    headers["content-type"] = "text/csv";
    body = csv;
  } else if (file !== undefined) {
    body = new FormData();
    body.append("file", new File([file], "file.csv", { type: "text/csv" }));
  }
  if (method === "PUT") headers["if-match"] = "*";
  if (path === "/sign-out") {
    const signedIn = await api.app.request("/sign-in", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "token=boss",
    });
    const cookie = signedIn.headers.get("set-cookie")!.split(";")[0]!;
    const { authorization: _, ...own } = headers;
    const page = await api.app.request("/dashboard", { headers: { cookie, accept: "text/html" } });
    const csrf = /name="csrf_token" value="([^"]+)"/.exec(await page.text())![1]!;
    const ended = await api.app.request(path, {
      method,
      body: new URLSearchParams({ csrf_token: csrf }).toString(),
      headers: { ...own, cookie },
    });
    return `${ended.status}`;
  }
  const response = await api.app.request(path, { method, headers, body });
  return `${response.status} ${await response.text()}`;
}

Deno.test("every action of the catalogue's routes stands in the audit log, and nothing of what is none", async () => {
  const { db } = api.deps;
  const orderId = await storeOrder(db, { status: "PAID" });
  await storeShort(db);
  await deadLetterMessages(db, [
    aDeadLetter({ orderId }),
    aDeadLetter({ orderId, messageId: "9-9" }),
  ]);
  const idNow = async () => Number((await db.query("select max(id) as id from audit_log"))[0]!.id);
  const missing: string[] = [];
  for (const [route, row] of Object.entries({ ...apiRows, ...pageRows })) {
    const before = await idNow();
    const [method] = route.split(" ") as [string];
    if ("why" in row) {
      await send({ path: route.split(" ")[1]!, json: order }, method);
      assert.equal(await idNow(), before, route);
      continue;
    }
    const answer = await send(row, method);
    const read = () => db.query("select action, actor from audit_log where id > ?", [before]);
    let entries = await read();
    // A verification goes on after its answer.
    const until = performance.now() + 10_000;
    while (answer.startsWith("202") && entries.length === 0 && performance.now() < until) {
      await Promise.all(api.deps.background!);
      entries = await read();
    }
    if (!entries.some(({ action }) => action === row.action)) {
      missing.push(`${route}: no ${row.action} after ${answer.slice(0, 500)}`);
    }
    for (const { actor } of entries) assert.equal(actor, "api:boss", route);
  }
  assert.deepEqual(missing, []);
});

Deno.test("every command is in the catalogue with the actions that its services know", async () => {
  const root = new URL("../", import.meta.url);
  const textOf = (path: string) => readFile(new URL(path, root), "utf8");
  const commands: string[] = [];
  for (const name of (await readdir(new URL("commands", root))).filter((n) => n.endsWith(".ts"))) {
    const text = await textOf(`commands/${name}`);
    if (/^export default command;/m.test(text)) commands.push(name.replace(/\.ts$/, ""));
  }
  assert.deepEqual(commands.sort(), Object.keys(commandRows).sort());
  for (const [name, row] of Object.entries(commandRows)) {
    const known = new Set<string>();
    const text = await textOf(`commands/${name}.ts`);
    for (const [, path] of text.matchAll(/"\.\.\/(services\/[a-z_/]+\.ts)"/g)) {
      for (const [, action] of (await textOf(path!)).matchAll(/"([a-z_]+\.[a-z_]+)"/g)) {
        if (action! in auditActions) known.add(action!);
      }
    }
    assert.deepEqual([...known].sort(), typeof row === "string" ? [] : [...row].sort(), name);
  }
});

Deno.test("every action of the audit log is one of the catalogue", () => {
  const told = new Set<string>([
    ...Object.values({ ...apiRows, ...pageRows }).flatMap((row) => "why" in row ? [] : row.action),
    ...Object.values(commandRows).flatMap((row) => typeof row === "string" ? [] : row),
  ]);
  assert.deepEqual([...told].sort(), Object.keys(auditActions).sort());
});
