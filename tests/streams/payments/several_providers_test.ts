import assert from "node:assert/strict";
import { type PaymentProvider, paymentProvider } from "../../../commands/payment_provider.ts";
import { addLostOrders } from "../../../db/recovery/database_losses.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { parsePaymentRoute } from "../../../domain/payment/payment_route.ts";
import { carefulGateway } from "../../../streams/payments/careful_gateway.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { httpProvider } from "../../../streams/payments/providers/http.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { type Consumer, makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { askRefund } from "../../settled_workflow.ts";
import { calmProvider, listen } from "../../provider.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue } from "../consistent.ts";

/** A provider under a name, and its books. */
interface Named {
  provider: PaymentProvider;
  gateway: Gateway;
}

/** Runs a test with two providers, each over HTTP and with books of its own. */
async function withTwo(
  name: string,
  settings: { delayMs?: number; errors?: number; routes?: string[] },
  work: (flow: Workflow, first: Named, second: Named) => Promise<void>,
): Promise<void> {
  const closing: (() => Promise<unknown>)[] = [];
  const named = (name: string): Named => {
    const { delayMs = 0, errors = 0 } = settings;
    const provider = paymentProvider({ ...calmProvider, callbackUrl: undefined, delayMs, errors });
    const { url, server } = listen((request) => provider.app.fetch(request));
    closing.push(() => {
      provider.stop();
      return server.shutdown();
    });
    const access = { url, token: "", timeoutMs: 5_000 };
    const gateway = carefulGateway({ ...httpProvider(access), name }, {
      firstWaitMs: 1,
      callbackMs: 1,
      restMs: 1,
    });
    return { provider, gateway };
  };
  const first = named("http");
  const second = named("second");
  const routes = (settings.routes ?? []).map((row) => parsePaymentRoute(row)!);
  const flow = await openWorkflow(name, {
    gateway: first.gateway,
    otherGateways: [second.gateway],
    routes,
    consumer: { retryBackoffMs: 1 },
  });
  try {
    await work(flow, first, second);
  } finally {
    await flow.close();
    for (const close of closing) await close();
  }
}

/** What settings say of providers. */
type Settings = Pick<Workflow, "gateway" | "otherGateways" | "routes">;

/** The consumers of the live lane of a process with other settings. */
function processOf(flow: Workflow, settings: Partial<Settings>): Consumer[] {
  return groups.map((group) =>
    makeConsumer({ ...flow, ...settings, consumer: "other" }, {
      group,
      batchSize: 500,
      maxDeliveries: 50,
      retryBackoffMs: 1,
      takeoverMs: 10_000,
    })
  );
}

async function add(flow: Workflow, ...currencies: string[]): Promise<number[]> {
  const taken = await flow.add(
    currencies.map((currency, n) =>
      anOrder(`o${n}`, [{ sku: "a", qty: 1, unitPriceCents: 1_000 }], { currency })
    ),
    1_000,
  );
  return taken.map(({ orderId }) => orderId!);
}

/** Turns of a process until nothing waits. */
async function settle(flow: Workflow, settings: Partial<Settings> = {}): Promise<void> {
  const consumers = processOf(flow, settings);
  for (let turns = 0; turns < 400; turns++) {
    await makeDue(flow);
    for (const consumer of consumers) await consumeOnce(consumer);
    const [open] = await flow.rows(`
      select (select count(*) from orders where unfinished = 1) +
        (select count(*) from refunds where unfinished = 1) as n`);
    if (Number(open!.n) === 0) return await flow.drain();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("it does not end");
}

async function giveBack(flow: Workflow, orderId: number, amountCents: number): Promise<void> {
  await publish(flow, [{ message: await askRefund(flow, orderId, amountCents) }]);
  await settle(flow);
}

const amounts = ({ provider }: Named) =>
  [...provider.charges.values()].map(({ currency }) => currency).sort();

Deno.test("an order's currency leads to its provider, and its refund goes back there", () =>
  withTwo(
    "several_routes",
    { routes: ["USD=second", "GBP/card=second"] },
    async (flow, first, second) => {
      const ids = await add(flow, "EUR", "USD", "GBP");
      await settle(flow);
      assert.deepEqual(amounts(first), ["EUR", "GBP"]);
      assert.deepEqual(amounts(second), ["USD"]);
      const rows = await flow.rows("select provider, status from payments order by order_id");
      assert.deepEqual(rows.map(({ provider }) => provider), ["http", "second", "http"]);
      await giveBack(flow, ids[1]!, 300);
      assert.deepEqual([...second.provider.charges.values()].map((one) => one.refundedCents), [
        300,
      ]);
      assert.deepEqual([...first.provider.charges.values()].map((one) => one.refundedCents), [
        0,
        0,
      ]);
      await assertConsistent(flow);
    },
  ));

Deno.test("no change of the routes asks another provider for money that the first was asked for", () =>
  withTwo("several_changed", { delayMs: 60, routes: ["*=second"] }, async (flow, first, second) => {
    await add(flow, "EUR", "USD");
    await flow.turn("orders");
    await flow.turn("payments");
    assert.equal(second.provider.charges.size, 2, "they are pending there");
    await settle(flow, { routes: [] });
    assert.equal(first.provider.charges.size, 0);
    assert.equal(second.provider.charges.size, 2);
    const rows = await flow.rows("select distinct provider from payments");
    assert.deepEqual(rows, [{ provider: "second" }]);
    await assertConsistent(flow);
  }));

Deno.test("what was asked of the only provider there was is looked for there once there are others", () =>
  withTwo("several_later", { delayMs: 60 }, async (flow, first, second) => {
    await add(flow, "EUR");
    for (const consumer of processOf(flow, { otherGateways: [] }).slice(0, 2)) {
      await consumeOnce(consumer);
    }
    assert.equal(first.provider.charges.size, 1);
    assert.deepEqual(await flow.rows("select * from order_providers"), [], "it is not noted");
    await settle(flow, { gateway: second.gateway, otherGateways: [first.gateway] });
    assert.equal(second.provider.charges.size, 0);
    const rows = await flow.rows("select provider from payments");
    assert.deepEqual(rows, [{ provider: "http" }]);
    await assertConsistent(flow);
  }));

Deno.test("a process that knows of one provider asks it for nothing that another one was asked for", () =>
  withTwo("several_before", { delayMs: 60, routes: ["*=second"] }, async (flow, first, second) => {
    const ids = await add(flow, "EUR", "USD");
    await flow.turn("orders");
    await flow.turn("payments");
    assert.equal(second.provider.charges.size, 2, "they are pending there");
    await makeDue(flow);
    const older = processOf(flow, { otherGateways: [], routes: [] });
    const turn = await consumeOnce(older[groups.indexOf("payments")]!);
    assert.deepEqual([turn.handled, turn.retried], [0, 2]);
    assert.equal(first.provider.charges.size, 0);
    for (const id of ids) assert.equal((await flow.order(id)).status, "RESERVED");
    await settle(flow);
    const rows = await flow.rows("select distinct provider, status from payments");
    assert.deepEqual(rows, [{ provider: "second", status: "SUCCEEDED" }]);
    await assertConsistent(flow);
  }));

Deno.test("an order that was lost and is sent again is asked of whoever has charged it, whatever the routes are", () =>
  withTwo("several_lost", { routes: ["*=second"] }, async (flow, first, second) => {
    const [lost] = await add(flow, "EUR");
    await settle(flow);
    assert.equal(second.provider.charges.size, 1);
    const tables =
      "payments order_items order_events notification_logs order_providers charge_keys payment_attempts orders";
    for (const table of tables.split(" ")) await flow.rows(`delete from ${table}`);
    await flow.rows("update products set stock_qty = received_qty");
    await addLostOrders(flow.db, [lost!]);
    const [again] = await add(flow, "EUR");
    second.provider.trouble = "down";
    await flow.turn("orders");
    const routes = { routes: [] };
    const payments = processOf(flow, routes)[groups.indexOf("payments")]!;
    assert.equal((await consumeOnce(payments)).handled, 0);
    assert.equal(first.provider.charges.size, 0, "the other one may have charged it");
    assert.deepEqual(await flow.rows("select * from order_providers"), []);
    second.provider.trouble = "none";
    await settle(flow, routes);
    assert.equal((await flow.order(again!)).status, "PAID");
    assert.equal(first.provider.charges.size, 0);
    const rows = await flow.rows("select provider, status from payments");
    assert.deepEqual(rows, [{ provider: "second", status: "SUCCEEDED" }]);
  }));

Deno.test("an order whose provider is not configured any more is asked of no other one", () =>
  withTwo("several_gone", { delayMs: 3_600_000, routes: ["*=second"] }, async (flow, first) => {
    const [id] = await add(flow, "EUR");
    await flow.turn("orders");
    await flow.turn("payments");
    const third: Gateway = { ...first.gateway, name: "third" };
    await makeDue(flow);
    const settings = { otherGateways: [third], routes: [] };
    const turn = await consumeOnce(processOf(flow, settings)[groups.indexOf("payments")]!);
    assert.deepEqual([turn.handled, turn.retried], [0, 1]);
    assert.equal(first.provider.charges.size, 0);
    assert.equal((await flow.order(id!)).status, "RESERVED");
  }));

Deno.test("every try is kept with its answer, and the same answer is counted", () =>
  withTwo("several_tries", { errors: 100 }, async (flow) => {
    const [id] = await add(flow, "EUR");
    await settle(flow);
    await giveBack(flow, id!, 400);
    const rows = await flow.rows(
      `
      select kind, outcome, amount_cents, says, times, refund_id is not null as of_refund, provider_ref
      from payment_attempts where order_id = ? order by created_at, outcome`,
      [id!],
    );
    const told = rows.map((row) => [row.kind, row.outcome, Number(row.amount_cents), row.says]);
    assert.deepEqual(told.slice(0, 2), [
      ["charge", "later", 1_000, "it answered 503"],
      ["charge", "pending", 1_000, null],
    ]);
    assert.deepEqual(told.slice(-2), [
      ["refund", "later", 400, "it answered 503"],
      ["refund", "succeeded", 400, null],
    ]);
    assert.deepEqual(rows.map((row) => Number(row.of_refund)).slice(-2), [1, 1]);
    assert.match(String(rows.at(-1)!.provider_ref), /^re_/);
  }));
