import assert from "node:assert/strict";
import { ordersClient } from "../../routes/client.ts";
import { newOrder } from "../../routes/api/orders/order_examples.ts";
import { csvOf } from "../csv_orders.ts";
import { type Api, openApi, storeOrder } from "./api.ts";
import { operationsOf } from "./api/description/schema_values.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("client_routes");
});
Deno.test.afterAll(() => api.close());

Deno.test("ordersClient() knows the routes and the types of their answers", async () => {
  const client = ordersClient("http://localhost", undefined, {
    fetch: ((input: Request | string, init?: RequestInit) =>
      api.app.request(input, init)) as typeof fetch,
  });
  const taken = await client.orders.$post({
    json: { ...newOrder, external_order_id: "by-client" },
    header: { "idempotency-key": "by-client" },
  });
  assert.equal(taken.status, 202);
  if (!taken.ok) throw new Error("not taken");
  const order = await taken.json();
  const total: number = order.total_cents;
  assert.equal(total, 2_500);
  const shown = await client.orders[":id"].$get({ param: { id: String(order.id) } });
  if (!shown.ok) throw new Error("not shown");
  const { items, timeline, items_cents, adjustments, payment_status, source_payment, language } =
    await shown.json();
  assert.equal(items[0]!.sku, "MUG");
  const added = adjustments.filter(({ included }) => !included);
  const cents: number = added.reduce((sum, { amount_cents }) => sum + amount_cents, items_cents);
  assert.equal(cents, total);
  const standing: "due" | "paid" | "none" = payment_status;
  assert.deepEqual([standing, source_payment?.reference, language], ["due", undefined, "en"]);
  assert.equal(timeline[0]!.event, "created");
  const missing = await client.orders[":id"].$get({ param: { id: "999999" } });
  assert.equal(missing.status, 404);
  if (missing.ok) throw new Error("found");
  const { title } = await missing.json();
  assert.equal(title, "Not found");
  const page = await client.orders.$get({ query: { limit: "1" } });
  if (!page.ok) throw new Error("no page");
  assert.equal((await page.json()).data.length, 1);
  const paid = await storeOrder(api.deps.db, { status: "PAID" });
  const refund = await client.orders[":id"].refunds.$post({
    param: { id: String(paid) },
    json: { amount_cents: 5 },
  });
  assert.equal(refund.status, 202);
  const rest = await client.orders[":id"].refunds.$post({ param: { id: String(paid) } });
  assert.equal(rest.status, 202, "all that is left, without a body");
  const file = new File([csvOf([{ external_order_id: "file-by-client" }])], "orders.csv");
  const sent = await client.imports.$post({ form: { file }, query: { dry_run: "true" } });
  if (!sent.ok) throw new Error("not imported");
  const { id, source, dry_run } = await sent.json();
  assert.deepEqual([source, dry_run], ["orders.csv", true]);
  const events = await client.imports[":id"].events.$get({ param: { id: String(id) } });
  assert.match(await events.text(), /^event: end$/m);
  const orders = await client["orders.csv"].$get({ query: { status: "PAID" } });
  assert.match(await orders.text(), /^id,external_order_id,/);
});

Deno.test("ordersClient() has a type for every route of the document but the provider's", async () => {
  const source = await Deno.readTextFile(
    new URL("../../routes/client.ts", import.meta.url),
  );
  const [, schema] = /export type ApiSchema = \{\n(.*?)\n\};\n/s.exec(source)!;
  const typed = [...schema!.matchAll(/^ {2}"([^"]+)": \{(.*?)(?=^ {2}"|$(?![^]))/gms)].flatMap(
    ([, path, methods]) =>
      [...methods!.matchAll(/\$(get|post|put|patch|delete):/g)].map(([, method]) =>
        `${method!.toUpperCase()} ${path!.replace(/:(\w+)/g, "{$1}")}`
      ),
  );
  const described = operationsOf(await (await api.app.request("/openapi.json")).json()).map((
    { method, path },
  ) => `${method} ${path}`)
    .filter((route) => !route.startsWith("POST /payments/callback"));
  assert.deepEqual(typed.sort(), described.sort());
});

Deno.test("the example of docs/integrating.md is typed in a project of one's own", async () => {
  const guide = await Deno.readTextFile(new URL("../../docs/integrating.md", import.meta.url));
  const [, settings] = /```json\n(\{\n {2}"links".*?)```/s.exec(guide)!;
  const [, program] = /```ts\n(import \{ ordersClient.*?)```/s.exec(guide)!;
  const project = await Deno.makeTempDir();
  try {
    const here = new URL("../../", import.meta.url).pathname;
    await Deno.writeTextFile(`${project}/deno.json`, settings!.replace("../orders-workflow", here));
    const programs = {
      shop: program!,
      other_field: program!.replace("placed_at", "placed_ad"),
      other_total: program!.replace("total_cents", "total"),
    };
    for (const [name, text] of Object.entries(programs)) {
      await Deno.writeTextFile(`${project}/${name}.ts`, `const token = "";\n${text}`);
    }
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--no-lock", ...Object.keys(programs).map((name) => `${name}.ts`)],
      cwd: project,
      env: { NO_COLOR: "1" },
    }).output();
    const said = new TextDecoder().decode(stderr);
    const faults = [...said.matchAll(/^TS\d+ \[ERROR\]: .*?^ +at \S+\/(\w+)\.ts:\d+/gms)];
    const faultsIn = (name: string) =>
      faults.filter(([, file]) => file === name).map(([text]) => text).join("\n");
    assert.equal(faultsIn("shop"), "", said);
    assert.match(faultsIn("other_field"), /placed_ad/, said);
    assert.match(faultsIn("other_total"), /total/, said);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
});
