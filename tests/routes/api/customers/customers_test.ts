import assert from "node:assert/strict";
import { tokenHash } from "../../../../domain/operation/api_token.ts";
import { ordersClient } from "../../../../routes/client.ts";
import { erasedAnswer, exportAnswer } from "../../../../routes/api/customers/customer_answers.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf, recordedLog } from "../../api.ts";

let api: Api;
const recorded = recordedLog();
const as = (name: string) => ({ authorization: `Bearer ${name}` });

Deno.test.beforeAll(async () => {
  const tokens = [`boss:${tokenHash("boss")}:admin`, `reader:${tokenHash("reader")}:read`];
  api = await openApi("customers_api", { API_TOKENS: tokens.join(",") }, recorded.log);
});
Deno.test.afterAll(() => api.close());

/** Takes an order of somebody, and has it over. */
async function cancelled(customer: Record<string, unknown>): Promise<number> {
  const id = await placed(customer);
  await ask(api, "POST", `/orders/${id}/cancel`, undefined, as("boss"));
  return id;
}

async function placed(customer: Record<string, unknown>): Promise<number> {
  const { status, body } = await ask(api, "POST", "/orders", orderBodyOf({ customer }), as("boss"));
  assert.equal(status, 202);
  return body.id;
}

Deno.test("GET /customers/{id} has all that is kept, for tokens with admin alone", async () => {
  const id = await cancelled({ external_id: "K 1/ä", email: "kim@example.com", name: "Kim Ost" });
  const path = `/customers/${encodeURIComponent("K 1/ä")}`;
  assertProblem(await ask(api, "GET", path, undefined, as("reader")), 403);
  const { status, body } = await ask(api, "GET", path, undefined, as("boss"));
  assert.equal(status, 200);
  const said = exportAnswer.parse(body);
  assert.equal(said.customers[0]!.email, "kim@example.com");
  assert.equal(said.orders[0]!.id, id);
  assert.equal(said.orders[0]!.recipient_name, "Kim Ost");
  assert.deepEqual(
    said.orders[0]!.timeline.map(({ event }) => event),
    ["created", "cancelled"],
  );
  assertProblem(
    await ask(api, "GET", "/customers/nobody", undefined, as("boss")),
    404,
    "not-found",
  );
});

Deno.test("DELETE /customers/{id} erases once, and names what is not over", async () => {
  const open = await placed({ external_id: "K-2", email: "lou@example.com", name: "Lou Nord" });
  const refused = await ask(api, "DELETE", "/customers/K-2", undefined, as("boss"));
  assertProblem(refused, 409, "customer-not-erasable");
  assert.match(refused.body.errors[0].detail, /is not settled/);
  assert.match(JSON.stringify(refused.body.errors), new RegExp(`order ${open}`));
  await ask(api, "POST", `/orders/${open}/cancel`, undefined, as("boss"));
  assertProblem(await ask(api, "DELETE", "/customers/K-2", undefined, as("reader")), 403);

  const first = await ask(api, "DELETE", "/customers/K-2", undefined, as("boss"));
  assert.equal(first.status, 200);
  const erased = erasedAnswer.parse(first.body);
  assert.equal(erased.changed, true);
  const again = await ask(api, "DELETE", "/customers/K-2", undefined, as("boss"));
  assert.deepEqual(again.body, { ...first.body, changed: false });
  const order = await ask(api, "GET", `/orders/${open}`, undefined, as("boss"));
  assert.equal(order.body.recipient_name, "(erased)");
  assert.equal(order.body.customer.external_id, `erased:${erased.customer_id}`);

  const left = await ask(
    api,
    "GET",
    `/customers/erased:${erased.customer_id}`,
    undefined,
    as("boss"),
  );
  assert.equal(left.status, 200);
  assert.equal(exportAnswer.parse(left.body).orders.length, 1);
  const found = await ask(api, "GET", "/orders?customer=K-2", undefined, as("boss"));
  assert.deepEqual(found.body.data ?? [], []);
});

Deno.test("DELETE /customers/{id} takes no id of the database for a customer's", async () => {
  const id = await cancelled({ external_id: "K-3", email: "mo@example.com", name: "Mo West" });
  const { body } = await ask(api, "GET", `/orders/${id}`, undefined, as("boss"));
  for (const said of [`${body.customer.id}`, `erased:${body.customer.id}`]) {
    const path = `/customers/${said}`;
    assertProblem(await ask(api, "GET", path, undefined, as("boss")), 404, "not-found");
    assertProblem(await ask(api, "DELETE", path, undefined, as("boss")), 404, "not-found");
  }
});

Deno.test("DELETE /customers/{id} finds a guest by the address, and tells of others who share it", async () => {
  const shared = { email: "House@example.com", name: "Ida Süd" };
  await cancelled(shared);
  const other = await cancelled({ ...shared, external_id: "K-4" });
  const client = ordersClient("http://localhost", "boss", {
    fetch: (input, init) => Promise.resolve(api.app.request(input as string, init)),
  });
  const answer = await client.customers[":id"].$delete({ param: { id: "house@example.com" } });
  assert.equal(answer.status, 200);
  const { same_email_customer_ids } = erasedAnswer.parse(await answer.json());
  const { body } = await ask(api, "GET", `/orders/${other}`, undefined, as("boss"));
  assert.deepEqual(same_email_customer_ids, [body.customer.id]);
  assert.equal(body.customer.name, "Ida Süd");
});

Deno.test("the log and the audit log name nobody", async () => {
  const audit = await ask(api, "GET", "/audit?action=customer.erase", undefined, as("boss"));
  const outcomes = audit.body.data.map((entry: { outcome: string }) => entry.outcome);
  for (const outcome of ["done", "unchanged", "refused"]) assert.ok(outcomes.includes(outcome));
  const told = [...recorded.lines, JSON.stringify(audit.body)].join("\n");
  for (const word of ["K-2", "K 1/ä", "K%201", "house@", "house%40", "Lou", "nobody"]) {
    assert.ok(!told.includes(word), word);
  }
  assert.match(told, /"path":"\/customers\/…"/);
});

Deno.test("another ERASURE_SECRET than people were erased with is told as such, not as a fault of the request", async () => {
  const { db } = api.deps;
  const customer = (name: string) => ({
    external_id: name,
    email: `${name}@example.com`,
    name: "Kim",
  });
  await cancelled(customer("secret-before"));
  assert.equal(
    (await ask(api, "DELETE", "/customers/secret-before", undefined, as("boss"))).status,
    200,
  );
  // As if the settings had another secret.
  const turn = () =>
    db.runText("update erased_keys set key_print = unhex(reverse(lower(hex(key_print))))");
  await turn();
  try {
    const body = orderBodyOf({ customer: customer("secret-after") });
    const refused = await ask(api, "POST", "/orders", body, as("boss"));
    assertProblem(refused, 503);
    assert.match(refused.body.detail, /another ERASURE_SECRET than the one/);
    const path = "/customers/secret-after";
    assertProblem(await ask(api, "DELETE", path, undefined, as("boss")), 503);
  } finally {
    await turn();
  }
  assert.equal(await placed(customer("secret-after")) > 0, true);
});
