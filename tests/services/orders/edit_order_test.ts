import assert from "node:assert/strict";
import {
  editAndPublish,
  editAndTell,
  type EditOptions,
} from "../../../services/orders/edit_order.ts";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { type ErrorCode, WorkflowError } from "../../../domain/errors.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { emptyCatalog } from "../../../db/catalog/catalog.ts";
import { readCharges } from "../../../db/orders/orders.ts";
import { readInstallation } from "../../../db/payments/installation.ts";
import { chargeKeyOf } from "../../../domain/payment/payment_key.ts";
import { readOrderDetail, readOrderSummaries } from "../../../db/orders/order_queries.ts";
import { orderTag } from "../../../domain/order/order_tag.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { openWork } from "../../../streams/recovery/open_work.ts";
import { anOrder, chargeKey, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue, messagesOf } from "../../streams/consistent.ts";
import { meddled } from "../../meddled_database.ts";
import { anOperator } from "../../operator.ts";
import { fateAfter, mortal } from "../../streams/queue/crash.ts";

function edit(
  flow: Pick<Workflow, "db" | "redis" | "keys" | "log">,
  orderId: number,
  order: IncomingOrder,
  options: Partial<EditOptions> = {},
) {
  const deps = { ...flow, config: { initialStock: 50, unknownSku: "create" as const } };
  return editAndPublish(deps, orderId, order, { actor: "api:shop", ...options });
}

const order = (...items: [sku: string, qty: number][]) =>
  anOrder("web-1", items.map(([sku, qty]) => ({ sku, qty })));

async function take(flow: Workflow, one: IncomingOrder): Promise<number> {
  const [taken] = await flow.add([one]);
  return taken!.orderId!;
}

const refuses = (work: Promise<unknown>, code: ErrorCode, said: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof WorkflowError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, said);
    return true;
  });

const tagOf = async ({ db }: Workflow, id: number) =>
  orderTag((await readOrderSummaries(db, [id])).get(id)!);

Deno.test("editAndPublish() replaces all of an order that is PENDING", () =>
  withWorkflow("edit_pending", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    const next: IncomingOrder = {
      ...anOrder("web-1", [{ sku: "b", qty: 3 }, { sku: "a", qty: 1 }]),
      placedAt: "2025-04-01 00:00:00.000",
      customer: { externalId: "c2", email: "c2@example.com", name: "Customer 2" },
      adjustments: [{ kind: "shipping", label: null, amountCents: 490, included: false }],
    };
    assert.deepEqual(await edit(flow, id, next), { changed: true, status: "PENDING" });
    const detail = (await readOrderDetail(flow.db, id))!;
    assert.equal(detail.totalCents, 890);
    assert.deepEqual(detail.items.map(({ sku, qty }) => [sku, qty]), [["b", 3], ["a", 1]]);
    assert.deepEqual(
      detail.adjustments.map(({ kind, amountCents }) => [kind, amountCents]),
      [["shipping", 490]],
    );
    assert.deepEqual([detail.customer.externalId, detail.recipient.name], ["c2", "Customer 2"]);
    assert.deepEqual(detail.timeline.map(({ event, detail, actor }) => [event, detail, actor]), [
      ["created", null, "test"],
      ["edited", "2.00 EUR → 8.90 EUR", "api:shop"],
    ]);
    assert.deepEqual(await edit(flow, id, next), { changed: false, status: "PENDING" });
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID");
    assert.deepEqual([await flow.stock("a"), await flow.stock("b")], [49, 47]);
    assert.deepEqual(await edit(flow, id, next), { changed: false, status: "PAID" });
    await assertConsistent(flow);
  }));

Deno.test("editAndPublish() takes and gives back the units by which a reserved order differs", () =>
  withWorkflow("edit_units", async (flow) => {
    const id = await take(flow, order(["a", 2], ["b", 5], ["a", 1]));
    await flow.turn("orders");
    await edit(flow, id, order(["b", 1], ["c", 4]));
    const stock = async () => [await flow.stock("a"), await flow.stock("b"), await flow.stock("c")];
    assert.deepEqual(await stock(), [50, 49, 46]);
    await edit(flow, id, order(["b", 50]));
    assert.deepEqual(await stock(), [50, 0, 50]);
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID");
    await assertConsistent(flow);
  }));

Deno.test("editAndTell() tells of an edit that is done, though the names in it can't be written any more", () =>
  withWorkflow("edit_names_lost", async (flow) => {
    const id = await take(flow, order(["a", 1]));
    await flow.turn("orders");
    let transactions = 0;
    const db: Workflow["db"] = {
      ...flow.db,
      transaction: (work, options) =>
        ++transactions === 1
          ? flow.db.transaction(work, options)
          : Promise.reject(new Error("connection lost")),
    };
    const deps = { ...flow, db, config: { initialStock: 50, unknownSku: "create" as const } };
    const next: IncomingOrder = {
      ...order(["a", 3]),
      placedAt: "2025-04-01 00:00:00.000",
      customer: { externalId: "c1", email: "c1@example.com", name: "Other" },
    };
    assert.deepEqual(await editAndTell(deps, id, next, anOperator("api:shop")), {
      changed: true,
      status: "RESERVED",
    });
    assert.equal(transactions, 2);
    const entries = await flow.rows("select action, outcome from audit_log");
    assert.deepEqual(entries.map(({ action, outcome }) => [action, outcome]), [
      ["order.edit", "done"],
    ]);
    await flow.drain();
    const { status, totalCents } = (await readOrderDetail(flow.db, id))!;
    assert.deepEqual([status, totalCents], ["PAID", 300]);
    await assertConsistent(flow);
  }));

Deno.test("editAndPublish() changes nothing of an order for which there is not enough", () =>
  withWorkflow("edit_short", async (flow) => {
    const id = await take(flow, order(["a", 2], ["b", 1]));
    await flow.turn("orders");
    const before = await readOrderDetail(flow.db, id);
    const tooMuch = order(["a", 51], ["b", 60]);
    await refuses(
      edit(flow, id, tooMuch),
      "stock_insufficient",
      /^Cannot edit order \d+: a is short: 49 more are needed, and 48 are left; b is short: 59/,
    );
    await refuses(edit(flow, id, order(["a", 53])), "stock_insufficient", /51 more are needed/);
    assert.deepEqual(await readOrderDetail(flow.db, id), before);
    assert.deepEqual([await flow.stock("a"), await flow.stock("b")], [48, 49]);
    assert.deepEqual(await flow.rows("select id from superseded_charges"), []);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("editAndPublish() creates no product for an edit that is refused for want of another, and says so beforehand", () =>
  withWorkflow("edit_short_new", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    await flow.turn("orders");
    for (const options of [{}, { dryRun: true }]) {
      await refuses(
        edit(flow, id, order(["a", 53], ["new", 1]), options),
        "stock_insufficient",
        /a is short: 51 more are needed, and 48 are left/,
      );
      await refuses(
        edit(flow, id, order(["new", 51]), options),
        "stock_insufficient",
        /new is short: 51 more are needed, and 50 are left/,
      );
    }
    assert.deepEqual(await flow.rows("select sku from products"), [{ sku: "a" }]);
    assert.deepEqual(await flow.rows("select external_id as id from customers"), [{ id: "c1" }]);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("editAndPublish() creates no product and no customer for an edit whose units are sold while it is made", () =>
  withWorkflow("edit_short_meanwhile", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    await flow.turn("orders");
    const sold = "update products set stock_qty = 0, received_qty = 2 where sku = 'a'";
    const db = meddled(
      flow.db,
      /from products force index \(primary\)[^]*for update/,
      () => flow.rows(sold),
    );
    const next: IncomingOrder = {
      ...order(["a", 3], ["new", 1]),
      customer: { externalId: "c2", email: "c2@example.com", name: "Customer 2" },
    };
    await refuses(edit({ ...flow, db }, id, next), "stock_insufficient", /a is short: 1 more is/);
    assert.deepEqual(await flow.rows("select sku from products"), [{ sku: "a" }]);
    assert.deepEqual(await flow.rows("select external_id as id from customers"), [{ id: "c1" }]);
    await flow.rows("update products set received_qty = 50, stock_qty = 48 where sku = 'a'");
    assert.equal((await edit(flow, id, next)).changed, true);
    assert.deepEqual([await flow.stock("a"), await flow.stock("new")], [47, 49]);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("takeOrders() creates no product and no customer for an order that is reserved while it is compared", () =>
  withWorkflow("take_conflict_meanwhile", async (flow) => {
    await take(flow, order(["a", 2]));
    const db = meddled(flow.db, /from orders[^]*for update/, () => flow.turn("orders"));
    const named: IncomingOrder = {
      ...order(["new", 1]),
      customer: { externalId: "c2", email: "c2@example.com", name: "Customer 2" },
    };
    const catalog = emptyCatalog();
    const options = { initialStock: 50, onPendingChange: "replace", actor: "test" } as const;
    const [refused] = await takeOrders(db, [named], { ...options, catalog });
    assert.deepEqual([refused!.outcome, refused!.status], ["conflict", "RESERVED"]);
    assert.deepEqual(await flow.rows("select sku from products"), [{ sku: "a" }]);
    assert.deepEqual(await flow.rows("select external_id as id from customers"), [{ id: "c1" }]);
    assert.equal(catalog.products.has("new"), false);

    await take(flow, { ...order(["a", 2]), externalOrderId: "web-2" });
    const other = { ...named, externalOrderId: "web-2" };
    const [updated] = await takeOrders(flow.db, [other], { ...options, catalog });
    assert.equal(updated!.outcome, "updated");
    assert.deepEqual([catalog.products.has("new"), catalog.customers.has("c2")], [true, true]);
    await flow.drain();
    assert.equal(await flow.stock("new"), 49);
    await assertConsistent(flow);
  }));

Deno.test("editAndPublish() refuses what is settled, and tells the way out", () =>
  withWorkflow("edit_settled", async (flow) => {
    const [paid, failed, cancelled] = (await flow.add([
      order(["a", 2]),
      anOrder("web-2", [{ sku: "a", qty: 1, unitPriceCents: 1 }]),
      anOrder("web-3", [{ sku: "a", qty: 1 }]),
    ])).map(({ orderId }) => orderId!) as [number, number, number];
    await cancelOrder(flow.db, cancelled, "test");
    await flow.drain();
    const news = anOrder("web-1", [{ sku: "new", qty: 1 }]);
    const of = (externalOrderId: string) => ({ ...news, externalOrderId });
    await refuses(
      edit(flow, paid, of("web-1")),
      "order_not_editable",
      /it is PAID already; refund/,
    );
    await refuses(edit(flow, failed, of("web-2")), "order_not_editable", /FAILED already; place/);
    await refuses(edit(flow, cancelled, of("web-3")), "order_not_editable", /CANCELLED already/);
    await refuses(edit(flow, 99, of("web-1")), "not_found", /no order 99/);
    await refuses(
      edit(flow, paid, of("web-2")),
      "invalid",
      /must be "web-1", as order 1 is called/,
    );
    assert.equal(await flow.stock("new"), NaN, "no product was created for its sake");
    await publish(flow, [{
      message: { type: "notify.order", orderId: cancelled, amountCents: 100, currency: "EUR" },
    }]);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("editAndPublish() changes only the version that its sender has seen", () =>
  withWorkflow("edit_version", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    const first = await tagOf(flow, id);
    const seen = (tag: string) => ({ isExpected: (now: string) => now === tag });
    await flow.turn("orders");
    assert.equal(await tagOf(flow, id), first, "an order that goes on by itself has the same tag");
    await edit(flow, id, order(["a", 3]), seen(first));
    const second = await tagOf(flow, id);
    assert.notEqual(second, first);
    await refuses(
      edit(flow, id, order(["a", 4]), seen(first)),
      "precondition_failed",
      /by now; GET/,
    );
    // The answer to the first edit may have got lost.
    assert.equal((await edit(flow, id, order(["a", 3]), seen(first))).changed, false);
    await edit(flow, id, order(["a", 2]), seen(second));
    assert.notEqual(await tagOf(flow, id), first, "the content of before, and another version");
  }));

Deno.test("editAndPublish() changes only what its caller has brought", () =>
  withWorkflow("edit_foreign", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    const only = { actor: "api:other", seesOthers: true };
    await refuses(
      edit(flow, id, order(["a", 3]), { only }),
      "not_yours",
      /^Cannot edit order \d+:/,
    );
    const blind = { ...only, seesOthers: false };
    await refuses(
      edit(flow, id, order(["a", 3]), { only: blind }),
      "not_found",
      /There is no order/,
    );
    await edit(flow, id, order(["a", 3]), { only: { actor: "test", seesOthers: false } });
  }));

Deno.test("editAndPublish() leaves an order alone whose payment is in dispute", () =>
  withWorkflow("edit_disputed", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    await flow.turn("orders");
    await publish(flow, [{
      message: {
        type: "payment.callback",
        orderId: id,
        amountCents: 210,
        currency: "EUR",
        outcome: "succeeded",
        provider: "simulated",
        providerRef: "other",
      },
    }]);
    await flow.turn("payments");
    await refuses(edit(flow, id, order(["a", 3])), "order_not_editable", /in dispute/);
  }, { gateway: simulatedGateway({ delayMs: 60_000 }) }));

Deno.test("editAndPublish() changes no total of an order that was paid at its source", () =>
  withWorkflow("edit_paid_at_source", async (flow) => {
    const payment = { status: "paid", provider: "shop", reference: "p-1", paidAt: null } as const;
    const id = await take(flow, { ...order(["a", 2]), payment });
    const refused = /it was paid at its source/;
    await refuses(edit(flow, id, { ...order(["a", 3]), payment }), "order_not_editable", refused);
    await refuses(edit(flow, id, order(["a", 2])), "order_not_editable", refused);
    await edit(flow, id, { ...order(["a", 1], ["b", 1]), payment });
    const other = await take(flow, anOrder("web-2", [{ sku: "a", qty: 1 }]));
    await refuses(
      edit(flow, other, { ...anOrder("web-2", [{ sku: "a", qty: 1 }]), payment }),
      "order_conflict",
      /belongs to order "web-1"/,
    );
    const own = { ...payment, reference: "p-2" };
    await edit(flow, other, { ...anOrder("web-2", [{ sku: "a", qty: 1 }]), payment: own });
  }));

Deno.test("editAndPublish() leaves an order alone that a process of the version before may charge", () =>
  withWorkflow("edit_older", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    await flow.turn("orders");
    await flow.rows("update installation set older_seen_at = utc_timestamp(6)");
    await refuses(edit(flow, id, order(["a", 3])), "order_not_editable", /the version before/);
    await flow.rows("update installation set older_seen_at = utc_timestamp(6) - interval 1 hour");
    await edit(flow, id, order(["a", 3]));
  }));

Deno.test("editAndPublish() forgets what an order ran short of", () =>
  withWorkflow("edit_shortages", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    await flow.rows(
      `insert into order_shortages (order_id, product_id, missing_qty, placed_at, waiting)
      select orders.id, products.id, 2, orders.placed_at, 1 from orders join products`,
    );
    await edit(flow, id, order(["b", 1]));
    assert.deepEqual(await flow.rows("select id from order_shortages"), []);
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID");
  }));

Deno.test("readCharges() does not mistake an order's charge for a superseded one while it is edited", () =>
  withWorkflow("edit_read", async (flow) => {
    const id = await take(flow, order(["a", 1]));
    await flow.turn("orders");
    await edit(flow, id, order(["a", 2]));
    const before = await chargeKey(flow.db, id);
    let reads = 0;
    const db: Workflow["db"] = {
      ...flow.db,
      query: async (sql, values) => {
        const rows = await flow.db.query(sql, values);
        if (++reads === 1) await edit(flow, id, order(["a", 3]));
        return rows;
      },
    };
    const charge = (await readCharges(db, [id])).get(id)!;
    assert.equal(reads, 2);
    assert.equal(charge.totalCents, 200);
    assert.deepEqual(charge.superseded.map(({ amountCents }) => amountCents), [100]);
    assert.equal(chargeKeyOf(await readInstallation(flow.db), charge), before);
  }, simulated()));

/** A provider that can't be asked what became of a charge. */
const simulated = () => ({ gateway: simulatedGateway({ delayMs: 60_000 }) });

/** How payments ended, the order's own first. */
const paymentsOf = (flow: Workflow, id: number) =>
  flow.rows(
    "select status, amount_cents as cents, currency from payments where order_id = ? order by surplus",
    [id],
  );

Deno.test("a provider that can't be asked is paid once after an edit, whichever answer comes first", () =>
  withWorkflow("edit_simulated", async (flow) => {
    const id = await take(flow, order(["a", 2]));
    await flow.turn("orders");
    await flow.turn("payments");
    await edit(flow, id, order(["a", 3]));
    await edit(flow, id, order(["a", 4]));
    await edit(flow, id, order(["a", 2]));
    // All of them are answered in one batch, and the first one without a key.
    for (let turn = 0; turn < 4; turn++) {
      await makeDue(flow);
      for (const group of ["payments", "refunds", "notifications"] as const) await flow.turn(group);
    }
    assert.equal((await flow.order(id)).status, "PAID");
    assert.deepEqual(await paymentsOf(flow, id), [
      { status: "SUCCEEDED", cents: 200, currency: null },
      { status: "REVERSED", cents: 200, currency: "EUR" },
    ]);
    assert.equal(await flow.stock("a"), 48);
    await flow.drain();
    await assertConsistent(flow);
  }, simulated()));

Deno.test("the simulated provider's refusal of what an order cost before does not fail it", () =>
  withWorkflow("edit_simulated_refusal", async (flow) => {
    const odd = (qty: number) => anOrder("web-1", [{ sku: "a", qty, unitPriceCents: 101 }]);
    const id = await take(flow, odd(1));
    await flow.turn("orders");
    await flow.turn("payments");
    await edit(flow, id, odd(2));
    for (let turn = 0; turn < 3; turn++) {
      await makeDue(flow);
      await flow.turn("payments");
    }
    assert.equal((await flow.order(id)).status, "PAID");
    assert.deepEqual(await paymentsOf(flow, id), [
      { status: "SUCCEEDED", cents: 202, currency: null },
    ]);
    assert.deepEqual(
      await flow.rows("select outcome from superseded_charges"),
      [{ outcome: "declined" }],
    );
    await flow.drain();
    await assertConsistent(flow);
  }, simulated()));

Deno.test("a crash at any moment of an edit leaves the order as it was or edited, and the same edit ends it", () =>
  withWorkflow("edit_crash", async (flow) => {
    for (let moment = 0, dead = true; dead; moment++) {
      assert.ok(moment < 200, "the edit ends");
      const named = (qty: number) => anOrder(`web-${moment}`, [{ sku: "a", qty }]);
      const [taken] = await flow.add([named(1)], 100_000);
      const id = taken!.orderId!;
      await flow.turn("orders");
      await flow.turn("payments");
      const fate = fateAfter(moment);
      await edit(mortal(flow, fate, "doomed"), id, named(2))
        .catch((error) => assert.ok(fate.dead, error));
      dead = fate.dead;
      if (!dead) assert.ok(moment > 8, `${moment} moments make no edit`);
      const { totalCents, status } = await flow.order(id);
      assert.equal(status, "RESERVED");
      assert.ok(totalCents === 100 || totalCents === 200);
      await edit(flow, id, named(2));
      const held = await messagesOf(flow);
      assert.ok(
        held.some((message) => message.type === "payment.charge" && message.orderId === id),
      );
      for (let turn = 0; (await messagesOf(flow)).length > 0; turn++) {
        assert.ok(turn < 20, `the streams drain after a crash at moment ${moment}`);
        await makeDue(flow);
        for (const group of ["payments", "refunds", "notifications"] as const) {
          await flow.turn(group);
        }
      }
      assert.deepEqual((await paymentsOf(flow, id)).map(({ status, cents }) => [status, cents]), [
        ["SUCCEEDED", 200],
        ["REVERSED", 100],
      ]);
    }
    const open = await openWork.orders.list(flow.db, { afterId: 0, limit: 10 });
    assert.deepEqual(open, []);
    await assertConsistent(flow);
  }, simulated()));

Deno.test("takeOrders() changes no total of a pending order that was paid at its source, as editAndPublish() does not", () =>
  withWorkflow("take_paid_at_source", async (flow) => {
    const payment = { status: "paid", provider: "shop", reference: "p-1", paidAt: null } as const;
    const id = await take(flow, { ...order(["a", 2]), payment });
    const { totalCents } = (await readCharges(flow.db, [id])).get(id)!;
    const bring = async (one: IncomingOrder, onPendingChange: "replace" | "update") =>
      (await takeOrders(flow.db, [one], { initialStock: 50, onPendingChange, actor: "import" }))[
        0
      ]!;
    for (const mode of ["replace", "update"] as const) {
      const more = await bring({ ...order(["a", 3]), payment }, mode);
      assert.equal(more.outcome, "conflict", mode);
      assert.match(more.refusal!, /paid at its source.*cancel it and place a new order/);
      assert.equal((await readCharges(flow.db, [id])).get(id)!.totalCents, totalCents);
    }
    const { outcome } = await bring({ ...order(["a", 2]), payment: undefined }, "replace");
    assert.equal(outcome, "conflict");
    const lines = await bring({ ...order(["a", 1], ["b", 1]), payment }, "replace");
    assert.equal(lines.outcome, "updated");
    assert.equal((await readCharges(flow.db, [id])).get(id)!.totalCents, totalCents);
  }));
