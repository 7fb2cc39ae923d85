/**
 * The workflow on engines of its own, for tests that take it turn by turn.
 *
 * @module
 */

import { openDatabase } from "../db/connection/database.ts";
import { type TakenOrder, takeOrders } from "../streams/intake/take_orders.ts";
import { migrate } from "../db/connection/migrate.ts";
import type { IncomingOrder } from "../domain/order/incoming_order.ts";
import { kpiDayIn } from "../domain/kpi/kpi.ts";
import { type Lane, lanes } from "../domain/messages/lane.ts";
import { silentLog } from "../domain/operation/log.ts";
import { type Group, groups } from "../domain/messages/messages.ts";
import type { NotificationChannel } from "../domain/notification/notification.ts";
import type { OrderFacts } from "../domain/order/order.ts";
import { noteChargeKeys } from "../db/payments/charge_keys.ts";
import { endOldKeys, readInstallation } from "../db/payments/installation.ts";
import { readCharges, readOrders } from "../db/orders/orders.ts";
import type { Queryable } from "../db/connection/database.ts";
import { chargeKeyOf } from "../domain/payment/payment_key.ts";
import type { PaymentRoute } from "../domain/payment/payment_route.ts";
import { consumeOnce, ensureGroup } from "../streams/queue/consumer.ts";
import {
  type Consumer,
  type ConsumerDeps,
  type ConsumerOptions,
  makeConsumer,
} from "../streams/workflow/consumer.ts";
import type { Turn } from "../streams/queue/work.ts";
import type { Gateway } from "../streams/payments/gateway.ts";
import { simulatedGateway, simulatedRef } from "../streams/payments/providers/simulated.ts";
import { keysFor } from "../streams/redis/keys.ts";
import { publish } from "../streams/workflow/publish.ts";
import { isDrained } from "../streams/run_consumers.ts";
import { openBlockingRedis, openRedis } from "../streams/redis/redis.ts";
import { type TestContext, testContext } from "./support.ts";

/** What a test may choose. */
export interface WorkflowOptions {
  gateway?: Gateway;
  otherGateways?: readonly Gateway[];
  routes?: readonly PaymentRoute[];
  baseCurrency?: string;
  kpiTimezone?: string;
  reservationTtlSeconds?: number;
  /** Money is held first, unless an order says otherwise. */
  capturesLater?: boolean;
  /** So long an order waits for its capture. */
  holdSeconds?: number;
  missingRowMs?: number;
  notifyChannels?: NotificationChannel[];
  onShortage?: "fail" | "wait";
  consumer?: Partial<ConsumerOptions>;
  /** A database that is migrated, and a key prefix, which somebody else closes. */
  place?: TestContext;
  /** Of a server of the test's own; default: a database on that of the suite. */
  databaseUrl?: string;
}

/** The workflow, one consumer a group. */
export interface Workflow extends ConsumerDeps {
  test: TestContext;
  /** See `DatabaseAgeDeps`. */
  catchUpMs: number;
  /** Another consumer of a group, under a name of its own if given, of the live lane unless told otherwise. */
  consumerOf(
    group: Group,
    options?: Partial<ConsumerOptions>,
    name?: string,
    lane?: Lane,
  ): Consumer;
  /** One turn of the consumer of each of a group's lanes, the live one first, or of one lane. */
  turn(group: Group, lane?: Lane): Promise<Turn>;
  /** Turns of all groups until nothing is unread, pending or scheduled. Nothing may be delayed. */
  drain(): Promise<void>;
  /** Takes orders into the database and publishes them. */
  add(orders: IncomingOrder[], initialStock?: number, lane?: Lane): Promise<TakenOrder[]>;
  /** One order as it stands. */
  order(id: number): Promise<OrderFacts>;
  /** Units left of a product. */
  stock(sku: string): Promise<number>;
  /** Rows of a statement. */
  rows(sql: string, values?: (string | number)[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** Turns after which a drain is called endless. */
const maxTurns = 10_000;

/** Opens a workflow in a database and under a key prefix of its own. */
export async function openWorkflow(name: string, options: WorkflowOptions = {}): Promise<Workflow> {
  const test = options.place ?? await testContext(name);
  const databaseUrl = options.databaseUrl ?? test.databaseUrl;
  if (options.place === undefined) await migrate(databaseUrl);
  const db = await openDatabase(databaseUrl);
  if (options.place === undefined) await endOldKeys(db);
  const redis = await openRedis(test.redisUrl);
  const blocking = await openBlockingRedis(test.redisUrl);
  const baseCurrency = options.baseCurrency ?? "EUR";
  const keys = keysFor(test.redisPrefix, baseCurrency, options.kpiTimezone);
  const deps: ConsumerDeps = {
    db,
    redis,
    blocking,
    keys,
    gateway: options.gateway ?? simulatedGateway({ delayMs: 0 }),
    otherGateways: options.otherGateways ?? [],
    routes: options.routes ?? [],
    log: silentLog,
    baseCurrency,
    kpiDay: kpiDayIn(options.kpiTimezone ?? "UTC"),
    reservationTtlSeconds: options.reservationTtlSeconds ?? 900,
    capturesLater: options.capturesLater,
    holdSeconds: options.holdSeconds,
    // No server here follows another one: what is not there is not there.
    missingRowMs: options.missingRowMs ?? -1_000,
    notifyChannels: options.notifyChannels,
    onShortage: options.onShortage,
    consumer: "test",
    lane: "live",
  };
  const consumerOf: Workflow["consumerOf"] = (group, own = {}, name = "test", lane = "live") =>
    makeConsumer({ ...deps, consumer: name, lane }, {
      group,
      batchSize: 500,
      maxDeliveries: 5,
      retryBackoffMs: 5_000,
      takeoverMs: 10_000,
      ...options.consumer,
      ...own,
    });
  const consumers = Object.fromEntries(
    lanes.map((lane) => [
      lane,
      new Map(groups.map((group) => [group, consumerOf(group, {}, "test", lane)])),
    ]),
  ) as Record<Lane, Map<Group, Consumer>>;
  for (const group of groups) await ensureGroup(deps, group);
  const turn = async (group: Group, lane?: Lane): Promise<Turn> => {
    const sum: Turn = { handled: 0, retried: 0, dead: 0, delayed: 0 };
    for (const one of lane === undefined ? lanes : [lane]) {
      const turn = await consumeOnce(consumers[one].get(group)!);
      for (const what of Object.keys(sum) as (keyof Turn)[]) sum[what] += turn[what];
    }
    return sum;
  };

  return {
    ...deps,
    test,
    // A database here is not on its way to what it lacks, unless a test says so.
    catchUpMs: 400,
    consumerOf,
    turn,
    drain: async () => {
      for (let turns = 0; !await isDrained(deps, groups); turns++) {
        if (turns > maxTurns) throw new Error("the streams do not drain");
        for (const group of groups) await turn(group);
      }
    },
    add: async (orders, initialStock = 50, lane = "live") => {
      const taken = await takeOrders(db, orders, {
        initialStock,
        onPendingChange: "update",
        actor: "test",
      });
      await publish(
        deps,
        taken.filter(({ status }) => status === "PENDING").map((order) => ({
          message: {
            type: "order.reserve",
            orderId: order.orderId!,
            amountCents: order.totalCents,
            currency: order.currency,
          },
        })),
        { lane, oncePerOrder: true, committed: true },
      );
      return taken;
    },
    order: async (id) => (await readOrders(db, [id])).get(id)!,
    stock: async (sku) => {
      const rows = await db.execute("select stock_qty from products where sku = ?", [sku]);
      return Number(rows[0]?.stock_qty);
    },
    rows: (sql, values = []) => db.query(sql, values),
    close: async () => {
      redis.disconnect();
      blocking.disconnect();
      await db.close();
      await test.close();
    },
  };
}

/** Works with an own workflow, and closes it whatever happens. */
export async function withWorkflow(
  name: string,
  work: (flow: Workflow) => Promise<void>,
  options: WorkflowOptions = {},
): Promise<void> {
  const flow = await openWorkflow(name, options);
  try {
    await work(flow);
  } finally {
    await flow.close();
  }
}

/** The key under which the provider is asked for an order's money. */
export async function chargeKey(db: Queryable, orderId: number): Promise<string> {
  const order = (await readCharges(db, [orderId])).get(orderId)!;
  return chargeKeyOf(await readInstallation(db), order);
}

/** The simulated provider's name for an order's charge. */
export async function simulatedRefOf(db: Queryable, orderId: number): Promise<string> {
  const reference = (await readCharges(db, [orderId])).get(orderId)?.externalOrderId ?? "nothing";
  return simulatedRef({ orderId, reference });
}

/** The key of {@linkcode chargeKey}, noted as if the provider had been asked. */
export async function askedKey(db: Queryable, orderId: number): Promise<string> {
  const key = await chargeKey(db, orderId);
  await noteChargeKeys(db, "http", [{ key, orderId }]);
  return key;
}

/** An order with sensible fields, of which a test names those it is about. */
export function anOrder(
  externalOrderId: string,
  items: { sku: string; qty: number; unitPriceCents?: number }[],
  rest: Partial<IncomingOrder> = {},
): IncomingOrder {
  return {
    externalOrderId,
    placedAt: "2025-03-01 12:00:00.000",
    currency: "EUR",
    customer: { externalId: "c1", email: "c1@example.com", name: "Customer 1" },
    items: items.map(({ sku, qty, unitPriceCents = 100 }) => ({
      sku,
      name: `Product ${sku}`,
      unitPriceCents,
      qty,
    })),
    ...rest,
  };
}
