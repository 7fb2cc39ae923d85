import assert from "node:assert/strict";
import { type Api, ask, openApi, orderBodyOf } from "../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("customer_page");
});
Deno.test.afterAll(() => api.close());

async function get(path: string): Promise<string> {
  const response = await api.app.request(path);
  assert.equal(response.status, 200, path);
  return await response.text();
}

function post(path: string, form: Record<string, string>) {
  return api.app.request(path, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
  });
}

Deno.test("a customer's page erases after a question, and names what is not over", async () => {
  const customer = { external_id: "D-1", email: "pia@example.com", name: "Pia <b>Kern" };
  const { body } = await ask(api, "POST", "/orders", orderBodyOf({ customer }));
  const order = await get(`/dashboard/orders/${body.id}`);
  const path = /href="(\/dashboard\/customers\/\d+)"/.exec(order)![1]!;
  const shown = await get(path);
  assert.match(shown, /Pia &lt;b&gt;Kern/);
  assert.match(shown, /href="\/customers\/D-1"/);

  const asked = await post(`${path}/erase`, {});
  assert.match(await asked.text(), /Erase Pia &lt;b&gt;Kern\?/);
  const refused = await post(`${path}/erase`, { confirmed: "yes" });
  assert.equal(refused.status, 409);
  assert.match(await refused.text(), new RegExp(`href="/dashboard/orders/${body.id}"`));

  await ask(api, "POST", `/orders/${body.id}/cancel`);
  const other = { external_id: "D-2", email: "pia@example.com", name: "P. Kern" };
  const { body: second } = await ask(api, "POST", "/orders", orderBodyOf({ customer: other }));
  const done = await post(`${path}/erase`, { confirmed: "yes" });
  assert.equal(done.status, 303);
  const end = await get(done.headers.get("location")!);
  assert.match(end, /Erased/);
  assert.match(end, new RegExp(`href="/dashboard/customers/${second.customer.id}"`));
  assert.doesNotMatch(end, /Pia/);
  for (const page of [`/dashboard/orders/${body.id}`, "/dashboard/orders?q=pia@example.com"]) {
    assert.doesNotMatch(await get(page), /Pia/);
  }
  assert.equal((await api.app.request("/dashboard/customers/99999")).status, 404);
});
