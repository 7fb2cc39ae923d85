import assert from "node:assert/strict";
import { readKpis } from "../../../../streams/kpis/kpis.ts";
import { recordChargeback } from "../../../../services/payments/record_chargeback.ts";
import { aChargeback } from "../../../chargebacks.ts";
import { fieldOf, openPage, sendForm } from "../../dashboard/pages.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";
import { providerSecret, signatureOf } from "./callbacks.ts";

let api: Api;
let orderId: number;
Deno.test.beforeAll(async () => {
  api = await openApi("chargeback_routes", { GATEWAY_SECRETS: providerSecret });
  const { db } = api.deps;
  orderId = await storeOrder(db, { status: "PAID", totalCents: 2_500 });
  await db.run(
    "update payments set provider = 'simulated', provider_ref = 'sim_of_it' where order_id = ?",
    [orderId],
  );
});
Deno.test.afterAll(() => api.close());

/** Tells of a chargeback in the form of the simulated provider. */
function tell(data: Record<string, unknown>, timestamp: string, secret = providerSecret) {
  const body = JSON.stringify({
    provider: "simulated",
    type: "chargeback.updated",
    timestamp,
    data: {
      id: "dp_1",
      charge_id: "sim_of_it",
      state: "needs_response",
      amount_cents: 2_500,
      currency: "EUR",
      reason: "fraudulent",
      due_by: "2026-03-09T00:00:00Z",
      opened_at: "2026-03-01T10:00:00Z",
      ...data,
    },
  });
  const headers = signatureOf(body, { secret });
  return ask(api, "POST", "/payments/callback/simulated", body, headers);
}

Deno.test("a provider's callback makes a chargeback of the order, which nobody refunds meanwhile", async () => {
  const { status, body } = await tell({}, "2026-03-01T10:00:01Z");
  assert.deepEqual([status, body], [202, { duplicate: false }]);
  assert.deepEqual((await tell({}, "2026-03-01T10:00:01Z")).body, { duplicate: true });

  const { body: order } = await ask(api, "GET", `/orders/${orderId}`);
  const [one] = order.chargebacks;
  assert.deepEqual([one.state, one.held_cents, one.lost_cents, one.due_by], [
    "needs_response",
    2_500,
    0,
    "2026-03-09T00:00:00.000000Z",
  ]);
  assert.deepEqual((await ask(api, "GET", "/chargebacks?state=needs_response")).body.data, [one]);
  assert.deepEqual((await ask(api, "GET", "/chargebacks?state=lost")).body.data, []);
  assert.deepEqual((await ask(api, "GET", `/chargebacks/${one.id}`)).body, one);
  assertProblem(await ask(api, "GET", "/chargebacks/999"), 404);
  assertProblem(await ask(api, "POST", `/orders/${orderId}/refunds`), 409, "order-not-refundable");

  const [row] = await readKpis(api.deps, "2026-03-01", "2026-03-01");
  assert.deepEqual([row!.chargeback_count, row!.chargeback_amount_cents], [1, 2_500]);

  const page = await openPage(api, `/dashboard/orders/${orderId}`);
  assert.match(page.text, /The customer contests the charge at the bank: answer it/);
  assert.match(page.text, /Withheld by a chargeback [-−–]€25\.00/);
  assert.match(page.text, /Charged back/);
  const kpis = await openPage(api, "/dashboard/kpis");
  assert.match(kpis.text, /€25\.00 are withheld now/);
  const [customer] = await api.deps.db.query("select customer_id from orders where id = ?", [
    orderId,
  ]);
  const person = await openPage(api, `/dashboard/customers/${customer!.customer_id}`);
  assert.match(person.text, /1 chargeback €25\.00 withheld, €0\.00 lost/);
});

Deno.test("one that is lost stands on the list until somebody says to know of it", async () => {
  await tell({ state: "lost", due_by: null }, "2026-03-20T10:00:00Z");
  const { body: { data: [lost] } } = await ask(api, "GET", "/chargebacks?state=lost");
  assert.deepEqual([lost.held_cents, lost.lost_cents, lost.seen_at], [0, 2_500, null]);
  const list = await openPage(api, "/dashboard/chargebacks?which=lost");
  assert.match(list.text, /Lost/);
  const action = `/dashboard/chargebacks/${lost.id}/acknowledge`;
  assert.ok(list.html.includes(action));
  const question = await sendForm(api, action, {});
  assert.match(question.text, /Note the chargeback of €25\.00 as known\?/);

  const { status, body: seen } = await ask(api, "POST", `/chargebacks/${lost.id}/acknowledge`);
  assert.equal(status, 200);
  assert.notEqual(seen.seen_at, null);
  const { body: again } = await ask(api, "POST", `/chargebacks/${lost.id}/acknowledge`);
  assert.equal(again.seen_at, seen.seen_at);
  assertProblem(await ask(api, "POST", "/chargebacks/999/acknowledge"), 404);
  // Of nothing is anything left.
  assertProblem(await ask(api, "POST", `/orders/${orderId}/refunds`), 409, "order-not-refundable");

  // An appeal: it is another state, which nobody has seen.
  await tell({ state: "won", due_by: null }, "2026-04-20T10:00:00Z");
  const { body: won } = await ask(api, "GET", `/chargebacks/${lost.id}`);
  assert.deepEqual([won.state, won.lost_cents, won.seen_at], ["won", 0, null]);
});

Deno.test("one of an unknown charge is taken, and known as such until it is said to be another shop's", async () => {
  const { status } = await tell({ id: "dp_2", charge_id: "ch_elsewhere" }, "2026-03-02T10:00:00Z");
  assert.equal(status, 202);
  const { body: { data: [one] } } = await ask(api, "GET", "/chargebacks?unknown=true");
  assert.deepEqual([one.order_id, one.charge_ref], [null, "ch_elsewhere"]);
  await ask(api, "POST", `/chargebacks/${one.id}/acknowledge`);
  await tell({ id: "dp_2", charge_id: "ch_elsewhere", state: "lost" }, "2026-03-03T10:00:00Z");
  const { body: later } = await ask(api, "GET", `/chargebacks/${one.id}`);
  assert.equal(later.state, "lost");
  assert.notEqual(later.seen_at, null, "nobody has to look at another shop's again");
});

Deno.test("a chargeback that nobody signed, or that says no such thing, is refused", async () => {
  const stranger = `whsec_${btoa("x".repeat(32))}`;
  assertProblem(await tell({ id: "dp_3" }, "2026-03-02T10:00:00Z", stranger), 401);
  const faulty = await tell({ id: "", state: "contested", amount_cents: -1 }, "yesterday");
  assertProblem(faulty, 422, "invalid");
  assert.deepEqual(
    faulty.body.errors.map((one: { pointer: string }) => one.pointer).sort(),
    ["#/data/amount_cents", "#/data/id", "#/data/state", "#/timestamp"],
  );
  const half = { id: "\ud800", charge_id: "ch\ud800", reason: "\udfff" };
  const halves = await tell(half, "2026-03-02T10:00:00Z");
  assertProblem(halves, 422, "invalid");
  assert.deepEqual(
    halves.body.errors.map((one: { pointer: string }) => one.pointer).sort(),
    ["#/data/charge_id", "#/data/id", "#/data/reason"],
  );
});

Deno.test("what is signed for one provider is no word of another, though the secret is the same", async () => {
  const data = {
    id: "dp_other",
    charge_id: "sim_of_it",
    state: "lost",
    amount_cents: 2_500,
    currency: "EUR",
    opened_at: "2026-03-01T10:00:00Z",
  };
  const body = { type: "chargeback.closed", timestamp: "2026-03-20T10:00:00Z", data };
  const both = await openApi("two_signed", {
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: providerSecret,
    FURTHER_GATEWAYS: "simulated",
  });
  try {
    const send = async (name: string, provider: string | undefined) => {
      const text = JSON.stringify({ ...body, provider });
      const { status } = await ask(
        both,
        "POST",
        `/payments/callback${name}`,
        text,
        signatureOf(text),
      );
      return status;
    };
    assert.equal(await send("/simulated", undefined), 401, "it may have been signed for http");
    assert.equal(await send("/simulated", "http"), 401);
    for (const name of ["", "/http"]) assert.equal(await send(name, "simulated"), 401);
    const { body: none } = await ask(both, "GET", "/chargebacks");
    assert.deepEqual(none.data, []);
    assert.equal(await send("/simulated", "simulated"), 202);
    assert.equal(await send("", undefined), 202);
    assert.equal(await send("/http", "http"), 202);
    const { body: two } = await ask(both, "GET", "/chargebacks");
    assert.deepEqual(
      two.data.map(({ provider }: { provider: string }) => provider).sort(),
      ["http", "simulated"],
    );
  } finally {
    await both.close();
  }
});

Deno.test("how one ended that no configured provider tells of is said once, by the API or on the page after a question", async () => {
  const toldBy = async (
    providerRef: string,
    state: "needs_response" | "lost" = "needs_response",
  ) => {
    const report = aChargeback(state, 0, {
      provider: "paypal",
      providerRef,
      chargeRefs: [providerRef],
    });
    return (await recordChargeback(api.deps, report, "test")).id;
  };
  const id = await toldBy("PP-1");
  const path = `/chargebacks/${id}/decide`;
  for (const body of [{}, { outcome: "prevented" }, { outcome: "won", reason: "so" }]) {
    assertProblem(await ask(api, "POST", path, body), 422, "invalid");
  }
  const said = { outcome: "lost", note: "by letter" };
  const key = { "idempotency-key": "decided-1" };
  const { status, body } = await ask(api, "POST", path, said, key);
  assert.deepEqual([status, body.state, body.held_cents, body.lost_cents], [200, "lost", 0, 1_000]);
  assert.deepEqual((await ask(api, "POST", path, said, key)).body, body);
  assert.deepEqual((await ask(api, "POST", path, { outcome: "lost" })).body, body);
  const otherwise = await ask(api, "POST", path, { outcome: "won" });
  assertProblem(otherwise, 409, "chargeback-not-decidable");
  assertProblem(await ask(api, "POST", "/chargebacks/999/decide", said), 404);

  const action = `/dashboard/chargebacks/${await toldBy("PP-2")}/decide`;
  const list = await openPage(api, "/dashboard/chargebacks?which=held");
  assert.ok(list.html.includes(action));
  assert.match(list.text, /Won… Lost…/);
  const question = await sendForm(api, action, { outcome: "won" });
  assert.match(question.text, /Was the chargeback of €10\.00 won\?/);
  const confirmed = { outcome: fieldOf(question, "outcome"), confirmed: "yes", note: "by mail" };
  assert.equal((await sendForm(api, action, confirmed)).status, 303);
  const { body: { data: [won] } } = await ask(api, "GET", "/chargebacks?state=won&unknown=true");
  assert.equal(won.provider_ref, "PP-2");
  assert.ok(!(await openPage(api, "/dashboard/chargebacks")).html.includes(action));
  assert.equal((await sendForm(api, action, { outcome: "gone" })).status, 422);
});

Deno.test("the page of an order offers to say how its chargeback ended, and none where the provider tells", async () => {
  await tell({ id: "dp_4" }, "2026-05-01T10:00:00Z");
  const { body: { data: [one] } } = await ask(api, "GET", "/chargebacks?state=needs_response");
  const action = `/dashboard/chargebacks/${one.id}/decide`;
  const { html } = await openPage(api, `/dashboard/orders/${orderId}`);
  assert.ok(html.includes(action));
  const told = await openApi("chargeback_told", {
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: providerSecret,
  });
  try {
    const { id } = await recordChargeback(
      told.deps,
      aChargeback("needs_response", 0, { provider: "http" }),
      "test",
    );
    const said = await ask(told, "POST", `/chargebacks/${id}/decide`, { outcome: "lost" });
    assertProblem(said, 409, "chargeback-not-decidable");
    const list = await openPage(told, "/dashboard/chargebacks");
    assert.ok(!list.html.includes("/decide"));
  } finally {
    await told.close();
  }
});
