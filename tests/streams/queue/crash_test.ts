import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { decideRefundByHand } from "../../../services/refunds/refund_by_hand.ts";
import { editAndPublish } from "../../../services/orders/edit_order.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import { publishStockArrived } from "../../../services/catalog/publish_stock_arrived.ts";
import { groupsInSearchOrder } from "../../../domain/messages/work.ts";
import type { Lane } from "../../../domain/messages/lane.ts";
import { type Group, type Message, orderIdOf } from "../../../domain/messages/messages.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import type { WorkflowTypes } from "../../../streams/workflow/handler.ts";
import { shareOut } from "./share_out.ts";
import type { Share } from "../../../streams/queue/share_out.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { askParts, partsOf, unitsOf } from "../../restocked_units.ts";
import { askRefund } from "../../settled_workflow.ts";
import { addPaid } from "../../source_orders.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue, messagesOf, orphan } from "../consistent.ts";
import { fateAfter, mortal } from "./crash.ts";
import { anOperator } from "../../operator.ts";

/** More moments than any turn has. */
const maxMoments = 200;

/** A turn that may be stopped anywhere. */
interface Scenario {
  name: string;
  group: Group;
  /** Brings messages into the group's stream, for new orders each time. */
  prepare(flow: Workflow, run: number, lane?: Lane): Promise<number[]>;
  /** How the orders must have ended. */
  statuses: string[];
  /** Dead letters that each run leaves. */
  dead?: number;
  share?: (deliveries: Parameters<typeof shareOut>[0]) => Share<WorkflowTypes>[];
  maxDeliveries?: number;
  /** The gateway answers by messages of their own. */
  answersLater?: boolean;
  /** What runs short waits. */
  waits?: boolean;
  /** The lane of the turn; live by default. */
  lane?: Lane;
}

async function threeOrders(flow: Workflow, run: number, lane?: Lane): Promise<number[]> {
  const taken = await flow.add(
    [
      anOrder(`${run} even`, [{ sku: "even", qty: 1 }, { sku: "odd", qty: 1 }], {
        currency: "GBP",
      }),
      anOrder(`${run} odd`, [{ sku: "odd", qty: 1, unitPriceCents: 101 }]),
      anOrder(`${run} short`, [{ sku: "even", qty: 1 }, { sku: "scarce", qty: 1_000_000 }]),
    ],
    10_000,
    lane,
  );
  return taken.map(({ orderId }) => orderId!);
}

/** One that is paid, one whose money goes back by itself, and one whose money a person gives back. */
async function paidOrders(flow: Workflow, run: number): Promise<number[]> {
  const short = [{ sku: "even", qty: 1 }, { sku: "scarce", qty: 1_000_000 }];
  const [paid, byHand] = await addPaid(flow, [
    anOrder(`${run} paid`, [{ sku: "odd", qty: 1, unitPriceCents: 101 }]),
    anOrder(`${run} by hand`, short),
  ], { initialStock: 10_000 });
  const [simulated] = await addPaid(flow, [anOrder(`${run} back`, short)], {
    provider: "simulated",
    initialStock: 10_000,
  });
  return [paid!, byHand!, simulated!];
}

/** An order of more than there is of a product of its own, which then gets what is missing. */
async function aShortOrder(flow: Workflow, run: number): Promise<number> {
  const sku = `short ${run}`;
  const [taken] = await flow.add([
    anOrder(`${run} again`, [{ sku, qty: 3 }, { sku: "even", qty: 1 }]),
  ], 2);
  await flow.drain();
  await flow.rows(
    "update products set stock_qty = stock_qty + 50, received_qty = received_qty + 50 where sku in (?, 'even')",
    [sku],
  );
  return taken!.orderId!;
}

async function productOf(flow: Workflow, run: number): Promise<number> {
  const [row] = await flow.rows("select id from products where sku = ?", [`short ${run}`]);
  return Number(row!.id);
}

async function turns(flow: Workflow, ...groups: Group[]): Promise<void> {
  for (const group of groups) await flow.turn(group);
}

/** An order whose first charge is about to be answered, and which costs twice as much by now. */
async function editedOrder(flow: Workflow, run: number): Promise<number> {
  const order = (qty: number) => anOrder(`${run} edited`, [{ sku: "even", qty }]);
  const [taken] = await flow.add([order(1)], 10_000);
  const id = taken!.orderId!;
  await turns(flow, "orders", "payments");
  const deps = { ...flow, config: { initialStock: 0, unknownSku: "create" as const } };
  await editAndPublish(deps, id, order(2), { actor: "test" });
  return id;
}

const about = (
  type: "payment.time_out" | "payment.ask_again" | "notify.order",
  orderId: number,
) => ({
  message: { type, orderId, amountCents: 100, currency: "EUR" } as Message,
});

const liveScenarios: Scenario[] = [
  {
    name: "reserving",
    group: "orders",
    prepare: threeOrders,
    statuses: ["PAID", "FAILED", "FAILED"],
  },
  {
    name: "taking up again",
    group: "orders",
    prepare: async (flow, run) => {
      const orderId = await aShortOrder(flow, run);
      await retryAndPublish(flow, orderId, anOperator("test"));
      return [orderId];
    },
    statuses: ["PAID"],
  },
  {
    name: "waiting for stock",
    group: "orders",
    waits: true,
    prepare: async (flow, run, lane) => {
      const orderId = await aShortOrder(flow, run);
      await flow.add([anOrder(`${run} waits`, [{ sku: `waits ${run}`, qty: 3 }])], 2, lane);
      await publishStockArrived(flow, [await productOf(flow, run)]);
      return [orderId];
    },
    statuses: ["PAID"],
  },
  {
    name: "serving what waited",
    group: "orders",
    lane: "bulk",
    waits: true,
    prepare: async (flow, run) => {
      const orderId = await aShortOrder(flow, run);
      await publishStockArrived(flow, [await productOf(flow, run)]);
      await turns(flow, "orders");
      return [orderId];
    },
    statuses: ["PAID"],
  },
  {
    name: "charging",
    group: "payments",
    prepare: async (flow, run, lane) => {
      const ids = await threeOrders(flow, run, lane);
      await turns(flow, "orders");
      return ids;
    },
    statuses: ["PAID", "FAILED", "FAILED"],
  },
  {
    name: "settling",
    group: "payments",
    prepare: async (flow, run, lane) => {
      const ids = await threeOrders(flow, run, lane);
      await turns(flow, "orders", "payments");
      await makeDue(flow);
      return ids;
    },
    answersLater: true,
    statuses: ["PAID", "FAILED", "FAILED"],
  },
  {
    name: "asking again and timing out",
    group: "payments",
    prepare: async (flow, run) => {
      const taken = await flow.add([
        anOrder(`${run} asked`, [{ sku: "even", qty: 1 }]),
        anOrder(`${run} timed out`, [{ sku: "even", qty: 1 }]),
      ], 10_000);
      await turns(flow, "orders");
      const [asked, timedOut] = taken.map(({ orderId }) => orderId!) as [number, number];
      await flow.redis.del(flow.keys.stream("payments"), flow.keys.weights("payments"));
      await flow.redis.xgroup("CREATE", flow.keys.stream("payments"), "payments", "0", "MKSTREAM");
      await publish(flow, [about("payment.ask_again", asked), about("payment.time_out", timedOut)]);
      return [asked, timedOut];
    },
    statuses: ["PAID", "FAILED"],
  },
  {
    name: "settling what was cancelled",
    group: "payments",
    prepare: async (flow, run) => {
      const [taken] = await flow.add([anOrder(`${run} late`, [{ sku: "even", qty: 1 }])], 10_000);
      await turns(flow, "orders", "payments");
      await cancelOrder(flow.db, taken!.orderId!, "test");
      await publish(flow, [about("notify.order", taken!.orderId!)]);
      await makeDue(flow);
      return [taken!.orderId!];
    },
    answersLater: true,
    statuses: ["CANCELLED"],
  },
  {
    name: "giving back what came too late",
    group: "refunds",
    prepare: async (flow, run) => {
      const [taken] = await flow.add([anOrder(`${run} back`, [{ sku: "even", qty: 1 }])], 10_000);
      await turns(flow, "orders", "payments");
      await cancelOrder(flow.db, taken!.orderId!, "test");
      await publish(flow, [about("notify.order", taken!.orderId!)]);
      await makeDue(flow);
      await turns(flow, "payments");
      return [taken!.orderId!];
    },
    answersLater: true,
    statuses: ["CANCELLED"],
  },
  {
    name: "settling what an edit superseded",
    group: "payments",
    prepare: async (flow, run) => {
      const id = await editedOrder(flow, run);
      await makeDue(flow);
      return [id];
    },
    answersLater: true,
    statuses: ["PAID"],
  },
  {
    name: "giving back what an edit superseded",
    group: "refunds",
    prepare: async (flow, run) => {
      const id = await editedOrder(flow, run);
      await makeDue(flow);
      await turns(flow, "payments");
      return [id];
    },
    answersLater: true,
    statuses: ["PAID"],
  },
  {
    name: "telling",
    group: "notifications",
    prepare: async (flow, run, lane) => {
      const ids = await threeOrders(flow, run, lane);
      await turns(flow, "orders", "payments");
      return ids;
    },
    statuses: ["PAID", "FAILED", "FAILED"],
  },
  {
    name: "refunding",
    group: "refunds",
    prepare: async (flow, run) => {
      const [taken] = await flow.add([anOrder(`${run} refund`, [{ sku: "even", qty: 4 }])], 10_000);
      const orderId = taken!.orderId!;
      await flow.drain();
      for (const cents of [150, 250]) {
        const { refund, currency } = await requestRefund(
          flow.db,
          { orderId, amountCents: cents, reason: null, idempotencyKey: null },
          "test",
        );
        const refundId = refund.id;
        await publish(flow, [{
          message: { type: "refund.process", orderId, refundId, amountCents: cents, currency },
        }]);
      }
      return [orderId];
    },
    statuses: ["PAID"],
  },
  {
    name: "refunding units",
    group: "refunds",
    prepare: async (flow, run) => {
      const [taken] = await flow.add([anOrder(`${run} units`, [{ sku: "even", qty: 4 }])], 10_000);
      const orderId = taken!.orderId!;
      await flow.drain();
      await askParts(flow, orderId, partsOf({ lines: [unitsOf("even", 1, true)] }));
      await askParts(flow, orderId, partsOf({ restock: true }));
      return [orderId];
    },
    statuses: ["PAID"],
  },
  {
    name: "reserving what was paid at its source",
    group: "orders",
    prepare: paidOrders,
    statuses: ["PAID", "FAILED", "FAILED"],
  },
  {
    name: "settling what was paid at its source",
    group: "payments",
    prepare: async (flow, run) => {
      const ids = await paidOrders(flow, run);
      await turns(flow, "orders");
      return ids;
    },
    statuses: ["PAID", "FAILED", "FAILED"],
  },
  {
    name: "giving back what was paid at its source",
    group: "refunds",
    prepare: async (flow, run) => {
      const ids = await paidOrders(flow, run);
      await turns(flow, "orders", "payments");
      return ids;
    },
    statuses: ["PAID", "FAILED", "FAILED"],
  },
  {
    name: "leaving a refund to a person, and booking it",
    group: "refunds",
    prepare: async (flow, run) => {
      const [orderId] = await addPaid(flow, [anOrder(`${run} hand`, [{ sku: "even", qty: 4 }])], {
        initialStock: 10_000,
      });
      await flow.drain();
      const [waits, done] = [
        await askRefund(flow, orderId!, 150),
        await askRefund(flow, orderId!, 250),
      ];
      await publish(flow, [{ message: done }]);
      await flow.drain();
      const said = { refundId: done.refundId, verdict: "given_back", note: null } as const;
      await decideRefundByHand(flow.db, said, "test");
      await publish(flow, [{ message: done }, { message: waits }]);
      return [orderId!];
    },
    statuses: ["PAID"],
  },
  {
    name: "burying",
    group: "notifications",
    prepare: async (flow, run) => {
      await flow.redis.xadd(flow.keys.stream("notifications"), "*", "type", "unknown", "n", run);
      await publish(flow, [about("notify.order", 999_999 + run)]);
      return [];
    },
    statuses: [],
    dead: 2,
  },
  {
    name: "failing, parking and burying",
    group: "orders",
    maxDeliveries: 2,
    prepare: async (flow, run, lane) => {
      const ids = await threeOrders(flow, run, lane);
      await publish(flow, [{
        message: { type: "order.reserve", orderId: 888_888 + run, amountCents: 7, currency: "EUR" },
      }], { lane });
      return ids;
    },
    share: (deliveries) =>
      shareOut(deliveries).map((share) => ({
        ...share,
        handle: (deps, batch) => {
          if (batch.some(({ message }) => orderIdOf(message)! >= 888_888)) {
            throw new Error("unlucky");
          }
          return share.handle(deps, batch);
        },
      })),
    statuses: ["PAID", "FAILED", "FAILED"],
    dead: 1,
  },
];

/** The same in the bulk lane: turns that write to the streams in each of the ways that there are. */
const bulkScenarios = liveScenarios.filter(({ name }) =>
  [
    "reserving",
    "waiting for stock",
    "charging",
    "settling",
    "telling",
    "failing, parking and burying",
  ].includes(name)
).map((scenario) => ({ ...scenario, name: `${scenario.name} in bulk`, lane: "bulk" as const }));

const scenarios: Scenario[] = [...liveScenarios, ...bulkScenarios];

for (const scenario of scenarios) {
  const { name, group, share, maxDeliveries = 5, lane = "live" } = scenario;
  const otherLane = lane === "live" ? "bulk" : "live";
  Deno.test(`a crash at any moment of ${name} leaves one effect`, async () => {
    const flow = await openWorkflow(`crash_${name.replaceAll(/\W+/g, "_").slice(0, 20)}`, {
      gateway: simulatedGateway({ delayMs: scenario.answersLater === true ? 60_000 : 0 }),
      onShortage: scenario.waits === true ? "wait" : "fail",
    });
    const options = { batchSize: 500, maxDeliveries, retryBackoffMs: 1_000, takeoverMs: 10_000 };
    let letters = 0;
    try {
      for (let moment = 0, dead = true; dead; moment++) {
        assert.ok(moment < maxMoments, "the turn ends");
        const ids = await scenario.prepare(flow, moment, lane);
        const fate = fateAfter(moment);
        const doomed = makeConsumer(mortal({ ...flow, lane }, fate, "doomed"), {
          group,
          share,
          ...options,
        });
        await consumeOnce(doomed).catch((error) => assert.ok(fate.dead, error));
        dead = fate.dead;
        if (!dead) assert.ok(moment > 8, `${moment} moments make no turn`);

        // What failed by itself and what the dead one held comes to another.
        const heir = flow.consumerOf(group, { share, maxDeliveries }, "heir", lane);
        for (let turn = 0; (await messagesOf(flow)).length > 0; turn++) {
          assert.ok(turn < 20, `the streams drain after a crash at moment ${moment}`);
          await orphan(flow, group, undefined, lane);
          await makeDue(flow);
          heir.reclaimAt = -Infinity;
          await consumeOnce(heir);
          for (const other of groupsInSearchOrder) {
            await flow.turn(other, other === group ? otherLane : undefined);
          }
        }
        await orphan(flow, group, undefined, lane);
        heir.reclaimAt = -Infinity;
        await consumeOnce(heir);

        assert.equal(await flow.redis.xlen(flow.keys.stream(group, lane)), 0);
        const statuses = await Promise.all(ids.map((id) => flow.order(id)));
        assert.deepEqual(
          statuses.map(({ status }) => status),
          scenario.statuses,
          `after a crash at moment ${moment}`,
        );
        letters += scenario.dead ?? 0;
        const buried = await flow.rows("select id from dead_letters");
        assert.equal(buried.length, letters, `dead letters after a crash at moment ${moment}`);
      }
      await assertConsistent(flow);
    } finally {
      await flow.close();
    }
  });
}
