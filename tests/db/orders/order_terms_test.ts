import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { type TakeOptions, takeOrders } from "../../../streams/intake/take_orders.ts";
import type { Adjustment, AdjustmentKind } from "../../../domain/order/adjustment.ts";
import { guestOf } from "../../../domain/order/guest.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";
import { anOrder } from "../../workflow.ts";

const options: TakeOptions = { initialStock: 50, onPendingChange: "update", actor: "test" };
const replacing: TakeOptions = { ...options, onPendingChange: "replace" };

let context: TestContext;
let db: Database;
let count = 0;

Deno.test.beforeAll(async () => {
  context = await testContext("order_terms");
  await migrateTest(context.databaseUrl);
  db = await openDatabase(context.databaseUrl);
});
Deno.test.afterAll(async () => {
  await db.close();
  await context.close();
});

/** An order of 24.00 under an id of its own. */
function newOrder(change: Partial<IncomingOrder> = {}): IncomingOrder {
  return anOrder(`order-${++count}`, [{ sku: "MUG", qty: 2, unitPriceCents: 1_200 }], change);
}

const amount = (
  kind: AdjustmentKind,
  amountCents: number,
  rest: Partial<Adjustment> = {},
): Adjustment => ({ kind, label: null, amountCents, included: false, ...rest });

const paid = (reference: string, provider = "external", paidAt: string | null = null) =>
  ({ payment: { status: "paid", provider, reference, paidAt } }) as const;

async function termsOf(id: number) {
  const [order] = await db.query(
    `select o.status, o.total_cents, o.payment_status, o.language, o.recipient_name, o.recipient_email,
       c.external_id, c.email, c.guest
     from orders o join customers c on c.id = o.customer_id where o.id = ?`,
    [id],
  );
  const adjustments = await db.query(
    "select kind, label, amount_cents, included from order_adjustments where order_id = ? order by id",
    [id],
  );
  const payments = await db.query(
    "select provider, reference, paid_at from source_payments where order_id = ?",
    [id],
  );
  return {
    order: order!,
    adjustments: adjustments.map((row) => Object.values(row).map((one) => one ?? "-").join(" ")),
    payments: payments.map((row) => Object.values(row).map((one) => one ?? "-").join(" ")),
  };
}

async function take(order: IncomingOrder, how = options) {
  const [taken] = await takeOrders(db, [order], how);
  return taken!;
}

Deno.test("takeOrders() writes what orders come with, and nothing of it for those that come with nothing", async () => {
  const rich = newOrder({
    adjustments: [
      amount("shipping", 490, { label: 'Express "24 h" 😀' }),
      amount("discount", -540),
      amount("tax", 380, { included: true }),
    ],
    language: "de-AT",
    totalCents: 2_350,
    ...paid("ch_1", "stripe", "2026-01-05 10:00:00.123"),
  });
  const free = newOrder({ adjustments: [amount("discount", -2_400)], payment: { status: "none" } });
  const [one, two, three] = await takeOrders(db, [rich, free, newOrder()], options);
  assert.deepEqual([one!.totalCents, two!.totalCents, three!.totalCents], [2_350, 0, 2_400]);
  const written = await termsOf(one!.orderId!);
  assert.equal(Number(written.order.total_cents), 2_350);
  assert.deepEqual([written.order.payment_status, written.order.language], ["paid", "de-AT"]);
  assert.deepEqual(written.adjustments, [
    'shipping Express "24 h" 😀 490 0',
    "discount - -540 0",
    "tax - 380 1",
  ]);
  assert.deepEqual(written.payments, ["stripe ch_1 2026-01-05 10:00:00.123000"]);
  const nothing = await termsOf(two!.orderId!);
  assert.deepEqual([nothing.order.payment_status, nothing.order.language], ["none", null]);
  const plain = await termsOf(three!.orderId!);
  assert.deepEqual([plain.order.payment_status, plain.order.language], ["due", null]);
  assert.deepEqual([plain.adjustments, plain.payments], [[], []]);
  for (const order of [rich, free]) assert.equal((await take(order)).outcome, "unchanged");
});

Deno.test("takeOrders() runs no further statement for orders that come with nothing more", async () => {
  const statements: string[] = [];
  const watched = new Proxy(db, {
    get(target, name) {
      if (name !== "transaction") return Reflect.get(target, name);
      return (work: (tx: Record<string, unknown>) => Promise<unknown>) =>
        target.transaction((tx) =>
          work(
            new Proxy(tx as unknown as Record<string, unknown>, {
              get: (own, method) => {
                const found = own[method as string];
                if (typeof found !== "function") return found;
                return (sql: string, ...rest: unknown[]) => {
                  if (typeof sql === "string") statements.push(sql);
                  return found.call(own, sql, ...rest);
                };
              },
            }),
          )
        );
    },
  });
  await takeOrders(watched as Database, [newOrder(), newOrder()], options);
  const about = /order_adjustments|source_payments|payment_status|language/;
  assert.deepEqual(
    statements.filter((sql) => about.test(sql) && !/external_order_id in/.test(sql)),
    [],
  );
  assert.ok(statements.some((sql) => sql.includes("insert into orders")));
});

Deno.test("takeOrders() replaces what a pending order comes with", async () => {
  const order = newOrder({ adjustments: [amount("shipping", 490)], language: "de" });
  const { orderId } = await take(order);
  const more = {
    ...order,
    adjustments: [amount("shipping", 590), amount("tip", 10)],
    ...paid("ch_2", "stripe"),
  };
  assert.deepEqual([(await take(more)).outcome], ["updated"]);
  const written = await termsOf(orderId!);
  assert.deepEqual(written.adjustments, ["shipping - 590 0", "tip - 10 0"]);
  assert.deepEqual(written.payments, ["stripe ch_2 -"]);
  assert.deepEqual(
    [Number(written.order.total_cents), written.order.payment_status, written.order.language],
    [3_000, "paid", "de"],
  );
  // What was paid at the source stays what it is, see changesPaid().
  const unpaid = { ...more, payment: undefined, adjustments: undefined };
  assert.equal((await take(unpaid, replacing)).outcome, "conflict");
  assert.deepEqual(await termsOf(orderId!), written);
});

Deno.test("takeOrders() takes away what a pending order came with where it is to be replaced", async () => {
  const order = newOrder({ adjustments: [amount("shipping", 490)], language: "de" });
  const { orderId } = await take(order);
  const { language: _, ...plain } = order;
  assert.equal((await take({ ...plain, adjustments: undefined }, replacing)).outcome, "updated");
  const left = await termsOf(orderId!);
  assert.deepEqual([left.adjustments, left.payments], [[], []]);
  assert.deepEqual([Number(left.order.total_cents), left.order.payment_status], [2_400, "due"]);
});

const takenAway: [what: string, change: Partial<IncomingOrder>][] = [
  ["no adjustments", { adjustments: undefined }],
  ["less shipping", { adjustments: [amount("shipping", 489), amount("discount", -540)] }],
  ["less of a discount", { adjustments: [amount("shipping", 490), amount("discount", -539)] }],
];

for (const [what, change] of takenAway) {
  Deno.test(`takeOrders() calls ${what} of a pending order a conflict unless it is to be replaced`, async () => {
    const adjustments = [amount("shipping", 490), amount("discount", -540)];
    const order = newOrder({ adjustments });
    const { orderId } = await take(order);
    const changed = { ...order, ...change };
    const conflict = await take(changed);
    assert.deepEqual([conflict.outcome, conflict.status], ["conflict", "PENDING"]);
    assert.equal((await termsOf(orderId!)).adjustments.length, 2);
    assert.equal((await take(changed, replacing)).outcome, "updated");
    assert.equal((await take(changed)).outcome, "unchanged");
  });
}

for (
  const [what, payment] of [
    ["no payment", undefined],
    ["another payment", paid("other").payment],
  ] as const
) {
  Deno.test(`takeOrders() calls ${what} of an order that was paid at its source a conflict, replaced or not`, async () => {
    const order = newOrder(paid(`paid-${count}`));
    const { orderId } = await take(order);
    const before = await termsOf(orderId!);
    for (const how of [options, replacing]) {
      const conflict = await take({ ...order, payment }, how);
      assert.deepEqual([conflict.outcome, conflict.status], ["conflict", "PENDING"]);
      assert.equal("paymentOf" in conflict, false);
    }
    assert.deepEqual(await termsOf(orderId!), before);
  });
}

Deno.test("takeOrders() leaves other content of an order that is past PENDING alone", async () => {
  const order = newOrder();
  const { orderId } = await take(order);
  await db.run("update orders set status = 'RESERVED' where id = ?", [orderId!]);
  for (const change of [{ adjustments: [amount("tip", 1)] }, paid("late")]) {
    for (const how of [options, replacing]) {
      assert.equal((await take({ ...order, ...change }, how)).outcome, "conflict");
    }
  }
  const written = await termsOf(orderId!);
  assert.deepEqual([written.adjustments, written.payments], [[], []]);
  assert.equal((await take({ ...order, language: "de" })).outcome, "unchanged");
});

Deno.test("takeOrders() refuses an order paid by a payment of another, and names that one", async () => {
  const first = newOrder(paid("shared", "stripe"));
  const same = newOrder(paid("shared", "stripe"));
  const [one, two] = await takeOrders(db, [first, same], options);
  assert.deepEqual([one!.outcome, two!.outcome], ["new", "conflict"]);
  assert.deepEqual([two!.paymentOf, two!.orderId], [first.externalOrderId, null]);
  const late = newOrder(paid("shared", "stripe"));
  const refused = await take(late);
  assert.deepEqual([refused.outcome, refused.paymentOf], ["conflict", first.externalOrderId]);
  assert.equal((await take(newOrder(paid("shared", "paypal")))).outcome, "new");
  assert.equal((await take(newOrder(paid("SHARED", "stripe")))).outcome, "new");
  const known = newOrder();
  await take(known);
  const changed = await take({ ...known, ...paid("shared", "stripe") });
  assert.deepEqual([changed.outcome, changed.paymentOf], ["conflict", first.externalOrderId]);
  const rows = await db.query(
    "select id from orders where external_order_id in (?)",
    [[same.externalOrderId, late.externalOrderId]],
  );
  assert.deepEqual(rows, []);
  assert.equal((await take(first)).outcome, "unchanged");
  const dry = await take(late, { ...options, dryRun: true });
  assert.deepEqual([dry.outcome, dry.paymentOf], ["conflict", first.externalOrderId]);
});

Deno.test("takeOrders() lets one of several orders win that come at once with one payment", async () => {
  const orders = Array.from({ length: 6 }, () => newOrder(paid("race", "stripe")));
  const taken = (await Promise.all(orders.map((order) => takeOrders(db, [order], options)))).flat();
  const [winner, ...more] = taken.filter(({ outcome }) => outcome === "new");
  assert.deepEqual(more, []);
  for (const { outcome, paymentOf } of taken) {
    if (outcome === "conflict") assert.equal(paymentOf, winner!.externalOrderId);
  }
  assert.equal(taken.filter(({ outcome }) => outcome === "conflict").length, 5);
});

Deno.test("takeOrders() makes one customer of a guest's orders, and one each of those without an address", async () => {
  const guests = [
    newOrder({ customer: guestOf("Ida@Guest.example", "Ida", "") }),
    newOrder({ customer: guestOf("ida@guest.example", "Ida B", "") }),
    newOrder({ customer: guestOf(null, "Till", "guest-a") }),
    newOrder({ customer: guestOf(null, "Till", "guest-b") }),
  ];
  const taken = await takeOrders(db, guests, options);
  const rows = await Promise.all(taken.map(({ orderId }) => termsOf(orderId!)));
  assert.deepEqual(
    rows.map(({ order }) => [order.external_id, order.guest, order.recipient_name]),
    [
      ["guest:ida@guest.example", 1, "Ida"],
      ["guest:ida@guest.example", 1, "Ida B"],
      ["guest:guest-a", 1, "Till"],
      ["guest:guest-b", 1, "Till"],
    ],
  );
  assert.deepEqual(rows.map(({ order }) => order.recipient_email), [
    "Ida@Guest.example",
    "ida@guest.example",
    null,
    null,
  ]);
  assert.equal(rows[2]!.order.email, "");
  const addresses = await db.query(
    "select email from order_addresses where order_id in (?)",
    [taken.map(({ orderId }) => orderId!)],
  );
  assert.ok(addresses.every(({ email }) => email !== null && email !== ""));
  for (const [index, order] of guests.entries()) {
    assert.equal((await take(order)).outcome, "unchanged", `guest ${index}`);
  }
});

Deno.test("takeOrders() lets a file correct a pending guest's address, and takes one away", async () => {
  const order = newOrder({ customer: guestOf("typo@guest.example", "Ida", "") });
  const { orderId } = await take(order);
  const mended = { ...order, customer: guestOf("right@guest.example", "Ida", "") };
  assert.equal((await take(mended)).outcome, "updated");
  const { order: row } = await termsOf(orderId!);
  assert.deepEqual([row.external_id, row.recipient_email], [
    "guest:right@guest.example",
    "right@guest.example",
  ]);
  const known = newOrder();
  const id = (await take(known)).orderId!;
  const silent = { ...known, customer: { ...known.customer, email: null } };
  assert.equal((await take(silent)).outcome, "updated");
  assert.equal((await termsOf(id)).order.recipient_email, null);
  assert.equal((await take(silent)).outcome, "unchanged");
  assert.equal((await termsOf(id)).order.guest, 0);
});
