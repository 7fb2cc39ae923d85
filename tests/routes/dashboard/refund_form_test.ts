import assert from "node:assert/strict";
import { recordChargeback } from "../../../services/payments/record_chargeback.ts";
import { aChargeback } from "../../chargebacks.ts";
import { type Api, ask, openApi } from "../api.ts";
import { storeMixedOrder } from "../mixed_order.ts";
import { fieldOf, openPage, type Page, sendForm } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_refund_form");
});
Deno.test.afterAll(() => api.close());

const pathOf = (id: number) => `/dashboard/orders/${id}/refund`;

const refundsOf = async (id: number) => (await ask(api, "GET", `/orders/${id}/refunds`)).body.data;

/** Says yes to a question, with every field that it repeats. */
function confirm(id: number, question: Page): Promise<Page> {
  const fields = [
    ...question.html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g),
  ];
  return sendForm(
    api,
    pathOf(id),
    Object.fromEntries(fields.map(([, name, value]) => [name!, value!])),
  );
}

Deno.test("the refund form offers what is left of lines and of what was paid besides", async () => {
  const { id, items: [mugs], mug } = await storeMixedOrder(api.deps.db);
  const page = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(page.text, new RegExp(`Mug ${mug} 2 of 2, €11\\.63`));
  assert.match(page.text, /shipping €4\.90/);
  assert.match(page.html, new RegExp(`name="units-${mugs}" type="number"[^>]*min="0" max="2"`));
  await ask(api, "POST", `/orders/${id}/refunds`, {
    lines: [{ item_id: mugs, qty: 1 }],
    adjustments: [{ kind: "shipping", amount_cents: 490 }],
  });
  const after = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(after.text, new RegExp(`Mug ${mug} 1 of 2, €5\\.81`));
  assert.doesNotMatch(after.html, /name="besides-shipping"/);
  assert.match(after.text, new RegExp(`1 × ${mug} 5\\.82 \\+ shipping 4\\.90`));
});

Deno.test("a refund of lines is asked about with its sum, and its answer sent twice is one refund", async () => {
  const { id, items: [mugs, tea], mug } = await storeMixedOrder(api.deps.db, "of lines");
  const form = {
    which: "items",
    [`units-${mugs}`]: "2",
    [`units-${tea}`]: "0",
    "besides-shipping": "1.50",
    restock: "yes",
    amount: "",
    reason: "broken",
  };
  const question = await sendForm(api, pathOf(id), form);
  assert.equal(question.status, 200, question.text);
  assert.match(question.text, /Refund €13\.13 to Name of of lines\?/);
  assert.match(
    question.text,
    new RegExp(`: 2 × ${mug} 11\\.63 \\+ shipping 1\\.50\\. €10\\.37 is left`),
  );
  assert.match(question.text, /2 units go back into stock once it is processed/);
  assert.deepEqual(await refundsOf(id), []);
  for (let clicks = 0; clicks < 2; clicks++) {
    const sent = await confirm(id, question);
    assert.equal(sent.status, 303, sent.text);
  }
  const [refund, ...others] = await refundsOf(id);
  assert.deepEqual(others, []);
  assert.deepEqual([refund.amount_cents, refund.reason], [1_313, "broken"]);
  assert.deepEqual(
    refund.lines.map((line: Record<string, unknown>) => [line.item_id, line.qty, line.restock]),
    [[mugs, 2, true]],
  );
  const page = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(page.text, /2 units to go back into stock/);
});

Deno.test("a refund of everything says whether goods come back", async () => {
  const { id } = await storeMixedOrder(api.deps.db);
  const without = await sendForm(api, pathOf(id), { which: "all", amount: "" });
  assert.match(without.text, /Nothing is left to refund then\. No unit goes back into stock\./);
  const question = await sendForm(api, pathOf(id), { which: "all", restock: "yes" });
  assert.match(question.text, /Refund €23\.50 .* 4 units go back into stock/);
  assert.equal((await confirm(id, question)).status, 303);
  const [refund] = await refundsOf(id);
  assert.equal(refund.amount_cents, 2_350);
  assert.deepEqual(refund.lines.map(({ qty }: { qty: number }) => qty), [2, 1, 1]);
  assert.deepEqual(refund.adjustments, [{ kind: "shipping", amount_cents: 490 }]);
});

Deno.test("what a question has asked about is what goes back, or nothing", async () => {
  const { id, items: [mugs] } = await storeMixedOrder(api.deps.db);
  const ask = () => sendForm(api, pathOf(id), { which: "items", [`units-${mugs}`]: "1" });
  const [first, second, third] = [await ask(), await ask(), await ask()];
  assert.equal((await confirm(id, first)).status, 303);
  // The second mug is worth a cent less, which nobody was asked about.
  const refused = await confirm(id, second);
  assert.equal(refused.status, 422);
  assert.match(refused.text, /= €5\.81, and the amount says €5\.82/);
  assert.equal((await confirm(id, await ask())).status, 303);
  assert.match((await confirm(id, third)).text, /are more than the 0 of 2 that are left/);
  assert.equal((await refundsOf(id)).length, 2);
});

Deno.test("two ways together, and what is no part of the order, are refused with what was typed", async () => {
  const { id, items: [mugs] } = await storeMixedOrder(api.deps.db);
  const units = `units-${mugs}`;
  const cases: [form: Record<string, string>, words: RegExp][] = [
    [{ which: "all", [units]: "1" }, /Items were chosen and all that is left was selected/],
    [
      { which: "part", amount: "1", [units]: "1" },
      /Items were chosen and a part of it was selected/,
    ],
    [{ which: "items", [units]: "1", amount: "5" }, /“5” was typed and items were selected/],
    [{ which: "part", amount: "1", restock: "yes" }, /Units go back with items/],
    [{ which: "items" }, /No units were chosen/],
    [{ which: "items", [units]: "3" }, /3 of item \d+ are more than the 2 of 2 that are left/],
    [{ which: "items", [units]: "-1" }, /“-1” is no number of units of MUG/],
    [{ which: "items", [units]: "1.5" }, /is no number of units/],
    [{ which: "items", "besides-shipping": "5" }, /€5\.00 of shipping are more than/],
    [{ which: "items", "besides-shipping": "lots" }, /“lots” is no amount of shipping in EUR/],
    [{ which: "items", "besides-tip": "1" }, /no tip was paid/],
  ];
  for (const [form, words] of cases) {
    const page = await sendForm(api, pathOf(id), { reason: "why", ...form });
    assert.equal(page.status, 422, JSON.stringify(form));
    assert.match(page.text, words);
    assert.equal(fieldOf(page, "reason"), "why");
  }
  const forged: Record<string, string>[] = [
    { lines: "1:x" },
    { lines: `${mugs}:1`, cents: "1" },
    { lines: `${mugs}:0` },
    { besides: "tax:5" },
    { besides: "shipping:0" },
    { restock: "yes", cents: "5" },
  ];
  for (const form of forged) {
    const sent = { confirmed: "yes", cents: "582", key: crypto.randomUUID(), ...form };
    assert.equal((await sendForm(api, pathOf(id), sent)).status, 422, JSON.stringify(form));
  }
  assert.deepEqual(await refundsOf(id), []);
});

Deno.test("what a chargeback took of an order is not offered to be given back", async () => {
  const { db } = api.deps;
  const { id, items: [mugs] } = await storeMixedOrder(db, "charged back");
  await db.run(
    "update payments set provider = 'simulated', provider_ref = 'sim_charged_back' where order_id = ?",
    [id],
  );
  const tell = (state: "needs_response" | "lost", second: number) => {
    const of = { chargeRefs: ["sim_charged_back"], amountCents: 1_000 };
    return recordChargeback(api.deps, aChargeback(state, second, of), "provider:simulated");
  };
  await tell("needs_response", 1);
  // As from the row of the list of orders.
  const contested = await openPage(api, pathOf(id));
  assert.equal(contested.status, 409);
  assert.match(contested.text, /its customer contests the charge at the bank/);
  assert.doesNotMatch(contested.text, /is left to refund then/);

  await tell("lost", 2);
  assert.match((await openPage(api, `/dashboard/orders/${id}`)).text, /All that is left, €13\.50/);
  const units = { which: "items", [`units-${mugs}`]: "2", "besides-shipping": "4.90" };
  assert.match((await sendForm(api, pathOf(id), units)).text, /€16\.53 exceed the €13\.50/);
  const question = await openPage(api, pathOf(id));
  assert.match(question.text, /Refund €13\.50 to .*Nothing is left to refund then/);
  assert.equal((await confirm(id, question)).status, 303);
  const [refund] = await refundsOf(id);
  assert.equal(refund.amount_cents, 1_350);
});
