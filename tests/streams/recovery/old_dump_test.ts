import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { decidePayment } from "../../../services/payments/decide_payment.ts";
import { endOldKeys, readInstallation } from "../../../db/payments/installation.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { databaseNoter } from "../../../streams/recovery/database_age.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { ensureRecovered, recover } from "../../../streams/recovery/recover.ts";
import { restoreDump, takeDump } from "../../dump.ts";
import { type Provided, settleAll, until, withProvider } from "../../provider.ts";
import { anOrder } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

const web = (n: number) => anOrder(`web-${n}`, [{ sku: "A", qty: 1, unitPriceCents: 1_000 }]);

/** Tables that a dump of the version before has not. */
const newTables = [
  "installation",
  "charge_keys",
  "books_marks",
  "books_losses",
  "books_ticks",
  "books_gaps",
  "books_lost_rows",
  "payment_disputes",
];

Deno.test("a dump of before the upgrade, restored after it: what was charged since is charged once", () =>
  withProvider("old_dump", {}, async (provided) => {
    const { flow, provider } = provided;
    await flow.add([web(1)]);
    await settleAll(provided);
    const dump = await takeDump(flow.test.databaseUrl);
    for (const table of newTables) dump.delete(table);
    await flow.add([web(2), web(3)]);
    await settleAll(provided);
    await databaseNoter(flow)();
    const { name } = await readInstallation(flow.db);
    assert.equal(provider.charges.size, 3);

    for (const table of newTables) await flow.rows(`delete from ${table}`);
    await restoreDump(flow.test.databaseUrl, dump);
    await flow.rows("delete from schema_migrations where version in (13, 15)");
    await migrate(flow.test.databaseUrl);
    assert.notEqual((await readInstallation(flow.db)).name, name);
    // It has another name than Redis knows, and only a person knows that it is the same shop.
    await assert.rejects(ensureRecovered(flow), /another installation/);
    await recover(flow, { accept: true });
    await endOldKeys(flow.db);
    await flow.add([web(2), web(3), web(4)]);
    await settleAll(provided);
    assert.deepEqual(
      [...provider.charges.values()].map(({ reference }) => reference).sort(),
      ["web-1", "web-2", "web-3", "web-4"],
    );
    assert.equal((await readInstallation(flow.db)).name, name);
  }));

/** Takes turns until money of an order is in dispute. */
async function untilDisputed({ flow, provider }: Provided): Promise<void> {
  await until("a dispute", async () => {
    for (const group of ["orders", "payments", "refunds"] as const) await flow.turn(group);
    await provider.settled();
    return (await flow.rows("select * from payment_disputes")).length > 0;
  });
}

const disputesOf = ({ flow }: Provided) =>
  flow.rows(`
    select orders.status, payments.status as payment, payments.amount_cents
    from payments
    join orders on orders.id = payments.order_id
    where payments.status = 'DISPUTED'`);

/** Brings a dump back that knows of order 1 only, and sends order 2 again, which was paid and refunded since. */
async function loseRefunded(provided: Provided, refundCents: number | null): Promise<void> {
  const { flow } = provided;
  await flow.add([web(1)]);
  await settleAll(provided);
  const dump = await takeDump(flow.test.databaseUrl);
  await flow.add([web(2)]);
  await settleAll(provided);
  await giveBack(provided, 2, refundCents);
  await restoreDump(flow.test.databaseUrl, dump);
  await ensureRecovered(flow);
  await flow.add([web(2)]);
}

/** Requests a refund under a client's key, and has it carried out. */
async function giveBack(
  provided: Provided,
  orderId: number,
  refundCents: number | null,
): Promise<void> {
  const { refund, currency } = await requestRefund(
    provided.flow.db,
    { orderId, amountCents: refundCents, reason: null, idempotencyKey: "return-1" },
    "test",
  );
  const { id: refundId, amountCents } = refund;
  await publish(provided.flow, [{
    message: { type: "refund.process", orderId, refundId, amountCents, currency },
  }]);
  await settleAll(provided);
}

/** Charges an order, cancels it and has its money back, of which the books that are restored then know nothing. */
async function loseReversal(provided: Provided): Promise<void> {
  const { flow, provider } = provided;
  await flow.add([web(1)]);
  await flow.turn("orders");
  const dump = await takeDump(flow.test.databaseUrl);
  await flow.turn("payments");
  await provider.settled();
  await cancelOrder(flow.db, 1, "test");
  const [charge] = provider.charges.values();
  await until("the reversal", async () => {
    for (const group of ["payments", "refunds"] as const) await flow.turn(group);
    return charge!.refundedCents === 1_000;
  });
  for (let tick = 0; tick < 3; tick++) await databaseNoter(flow)();
  await restoreDump(flow.test.databaseUrl, dump);
  await ensureRecovered(flow);
}

/** A provider that does not say what went back of its charges. */
async function withoutRefundedCents(work: () => Promise<void>): Promise<void> {
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (!String(input).includes("/charges")) return response;
    const { refunded_cents: _, ...rest } = await response.json();
    return Response.json(rest, { status: response.status });
  };
  try {
    await work();
  } finally {
    globalThis.fetch = fetch;
  }
}

async function giveBackNothing(provided: Provided): Promise<void> {
  const { flow, provider } = provided;
  await untilDisputed(provided);
  assert.deepEqual(await disputesOf(provided), [
    { status: "RESERVED", payment: "DISPUTED", amount_cents: 0 },
  ]);
  const [step] = await flow.rows(
    "select detail from order_events where event = 'payment_disputed'",
  );
  assert.equal(step!.detail, "0.00 EUR instead of 10.00 EUR");
  const { messages } = await decidePayment(flow.db, 1, "give_back", "test");
  await publish(flow, messages.map((message) => ({ message })));
  await settleAll(provided);
  assert.equal((await flow.order(1)).status, "FAILED");
  assert.deepEqual(await flow.rows("select status from payments"), [{ status: "REVERSED" }]);
  const [charge] = provider.charges.values();
  assert.equal(charge!.refundedCents, 1_000, "nothing went back twice");
  assert.deepEqual(await flow.rows("select error from dead_letters"), []);
  await assertConsistent(flow);
}

Deno.test("an order that older books call reserved is not paid by money that has gone back", () =>
  withProvider("dump_reversed", { silent: 100 }, async (provided) => {
    await loseReversal(provided);
    await giveBackNothing(provided);
  }));

Deno.test("nor where the provider says of its reversals alone what went back", () =>
  withProvider(
    "dump_reversed_silently",
    { silent: 100 },
    (provided) =>
      withoutRefundedCents(async () => {
        await loseReversal(provided);
        await giveBackNothing(provided);
        // What was never given back is paid all the same.
        await provided.flow.add([web(2)]);
        await settleAll(provided);
        const [next] = await provided.flow.rows(
          "select status from orders where external_order_id = 'web-2'",
        );
        assert.equal(next!.status, "PAID");
      }),
  ));

Deno.test("a refunded order that was lost and is sent again is worth what is left of its money at the most", () =>
  withProvider("dump_refunded", {}, async (provided) => {
    const { flow } = provided;
    await loseRefunded(provided, null);
    await untilDisputed(provided);
    assert.deepEqual(await disputesOf(provided), [
      { status: "RESERVED", payment: "DISPUTED", amount_cents: 0 },
    ]);
    const [lost] = await flow.rows("select id from orders where status = 'RESERVED'");
    const id = Number(lost!.id);
    // What the provider said before is no correction.
    const [payment] = await flow.rows("select provider_ref from payments where order_id = ?", [id]);
    await publish(flow, [{
      message: {
        type: "payment.callback",
        orderId: id,
        amountCents: 1_000,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        providerRef: String(payment!.provider_ref),
      },
    }]);
    await flow.turn("payments");
    assert.equal((await flow.order(id)).status, "RESERVED");
    const { messages } = await decidePayment(flow.db, id, "accept", "test");
    await publish(flow, messages.map((message) => ({ message })));
    await settleAll(provided);
    assert.deepEqual(
      await flow.rows("select status, total_cents from orders where id = ?", [id]),
      [{ status: "PAID", total_cents: 0 }],
    );
    await assertConsistent(flow);
  }));

Deno.test("an order of whose lost money a part went back is paid, and its refund sent again is the same one", () =>
  withProvider("dump_refunded_part", {}, async (provided) => {
    const { flow, provider } = provided;
    await loseRefunded(provided, 300);
    await settleAll(provided);
    const [again] = await flow.rows(
      "select id, status from orders where external_order_id = 'web-2'",
    );
    assert.equal(again!.status, "PAID");
    await giveBack(provided, Number(again!.id), 300);
    assert.deepEqual(
      [...provider.charges.values()].map((
        { reference, refundedCents },
      ) => [reference, refundedCents]),
      [["web-1", 0], ["web-2", 300]],
    );
    assert.deepEqual(await flow.rows("select error from dead_letters"), []);
    await assertConsistent(flow);
  }));
