import assert from "node:assert/strict";
import { insertGivenTwice } from "../../../db/refunds/given_twice.ts";
import { openApi, storeOrder } from "../api.ts";
import { fieldOf, openPage, sendForm } from "./pages.ts";

Deno.test("money that went back twice is listed, and dismissed with a reason after a question", async () => {
  const api = await openApi("dashboard_given_twice");
  try {
    const { db } = api.deps;
    const home = "/dashboard/given-twice";
    assert.match((await openPage(api, home)).text, /No money waits to be got back/);
    const orderId = await storeOrder(db, { status: "FAILED", totalCents: 1_200 });
    const { insertId: paymentId } = await db.run(
      `
      insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
      values (?, 'shop pay', 'src_1', 1200, 'REVERSED', now())`,
      [orderId],
    );
    const money = {
      orderId,
      refundId: null,
      paymentId,
      amountCents: 1_200,
      currency: "EUR",
      chargebackId: null,
    };
    await db.transaction((tx) => insertGivenTwice(tx, money));
    const list = await openPage(api, home);
    assert.match(list.text, /Payment shop pay src_1 .*€12\.00/);
    for (const name of ["What", "Paid by", "Found", "Amount"]) {
      assert.match(list.html, new RegExp(`data-label="${name}"`), "on phones each has its name");
    }
    const action = /action="(\/dashboard\/given-twice\/\d+\/dismiss)"/.exec(list.html)![1]!;

    const bad = await sendForm(api, action, { reason: "whatever" });
    assert.equal(bad.status, 422);
    assert.match(bad.text, /must be one of returned, written_off, only_once/);
    const question = await sendForm(api, action, { reason: "written_off" });
    assert.match(question.text, /Dismiss €12\.00 that .* got twice\?/);
    assert.match(question.text, /you say that it is written off/);
    assert.match((await openPage(api, home)).text, /€12\.00/, "nothing has changed");
    const reason = fieldOf(question, "reason");
    const sent = await sendForm(api, action, { confirmed: "yes", reason, note: "a gift" });
    assert.deepEqual([sent.status, sent.headers.get("location")], [303, `${home}?done=dismissed`]);
    const after = await openPage(api, `${home}?done=dismissed`);
    assert.match(after.text, /Dismissed .*No money waits to be got back/);
    const order = await openPage(api, `/dashboard/orders/${orderId}`);
    assert.match(order.text, /What was given back twice is dismissed .*it is written off: a gift/);
    const again = await sendForm(api, action, { confirmed: "yes", reason: "returned" });
    assert.deepEqual([again.status, again.headers.get("location")], [303, `${home}?done=before`]);
    const told = await openPage(api, `${home}?done=before`);
    assert.match(told.text, /It was dismissed before Nothing has changed/);
  } finally {
    await api.close();
  }
});
