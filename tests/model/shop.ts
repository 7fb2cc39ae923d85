/**
 * The product on real engines, beside its model: drains, crashes, redelivers, loses Redis, and compares.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  decodeMessage,
  type Group,
  type Message,
  messageOfEntry,
} from "../../domain/messages/messages.ts";
import { type Lane, lanes } from "../../domain/messages/lane.ts";
import { groupsInSearchOrder } from "../../domain/messages/work.ts";
import type { NotificationChannel } from "../../domain/notification/notification.ts";
import { rebuildKpis } from "../../streams/kpis/kpis_rebuild.ts";
import { consumeOnce } from "../../streams/queue/consumer.ts";
import { recover } from "../../streams/recovery/recover.ts";
import { type Consumer, makeConsumer } from "../../streams/workflow/consumer.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { loseRedis, verifyNow } from "../settled_workflow.ts";
import { orphan } from "../streams/consistent.ts";
import { fateAfter, mortal } from "../streams/queue/crash.ts";
import { openWorkflow, type Workflow } from "../workflow.ts";
import { type ModelProvider, modelProvider } from "./model_provider.ts";
import {
  endOf,
  figuresOf,
  keptOf,
  type Model,
  type ModelOrder,
  needsOf,
  oddCents,
  openStates,
  refundedOf,
  sorted,
  type State,
  stockOf,
  tell,
  totalOf,
} from "./order_money.ts";

/** Something that goes wrong, or just happens, between a command and its drain. */
export type Mishap =
  /** A consumer of a group does one turn. */
  | { kind: "turn"; group: Group }
  /** Consumers of several groups do one at once; the same group twice is two of it. */
  | { kind: "together"; groups: Group[] }
  /** One does, and dies before or after some call to an engine. */
  | { kind: "die"; group: Group; moment: number }
  /** One handles its messages and dies before it acknowledges: the same as delivering them once more. */
  | { kind: "redeliver"; picks: number[] }
  /** The provider's next answers get lost. */
  | { kind: "lose_answers"; count: number }
  /** All that Redis holds is lost. */
  | { kind: "flush" }
  | { kind: "rebuild" }
  /** Somebody asks for the proof, whatever is on its way. */
  | { kind: "verify" };

/** How a command goes on after it did what it does. */
export interface Aftermath {
  mishaps: readonly Mishap[];
  /** False leaves messages on their way. */
  drain: boolean;
}

/** The real side of the game. */
export interface Shop {
  flow: Workflow;
  provider: ModelProvider;
  /** Commands that were played since the shop was opened. */
  played: number;
  /** Messages of the game so far, the latest ones. */
  seen: Message[];
  /** Consumers by group. */
  /** By group and lane. */
  consumers: Map<string, Consumer>;
  waits: boolean;
  /** Refuses orders that name a product which there is not. */
  rejects: boolean;
  /** Customers are told by e-mail as well; nobody sends them. */
  mails: boolean;
  deaths: number;
  /** How often what the timelines of orders tell came to pass, and what became of orders of files. */
  reached: Map<string, number>;
}

/** Messages that are remembered for redelivery. */
const maxSeen = 200;

/** Rounds after which a drain is called endless. */
const maxRounds = 200;

const queueOptions = {
  batchSize: 500,
  maxDeliveries: 50,
  retryBackoffMs: 1,
  takeoverMs: 10_000,
};

/** Opens a shop on engines. */
export async function openShop(name: string): Promise<Shop> {
  const provider = modelProvider();
  const flow = await openWorkflow(name, { gateway: provider.gateway });
  return {
    flow,
    provider,
    played: 0,
    seen: [],
    consumers: new Map(),
    waits: false,
    rejects: false,
    mails: false,
    deaths: 0,
    reached: new Map(),
  };
}

/** Tables that outlive a game. */
const keptTables = [
  "schema_migrations",
  "migrations",
  "installation",
  "books_marks",
  "books_losses",
  "books_ticks",
  "books_gaps",
  "ledger_accounts",
  "ledger_marks",
];

/** Empties the shop, and fills it with so many units of each product. */
export async function newGame(shop: Shop, model: Model): Promise<void> {
  const { flow } = shop;
  const tables = await flow.rows(
    "select table_name as name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE'",
  );
  await flow.db.transaction(async (tx) => {
    await tx.run("set foreign_key_checks = 0", []);
    for (const { name } of tables) {
      if (!keptTables.includes(String(name))) await tx.run(`delete from ${name}`, []);
    }
    await tx.run("set foreign_key_checks = 1", []);
  });
  for (const [sku, qty] of model.received) {
    await flow.rows(
      "insert into products (sku, name, price_cents, stock_qty, received_qty) values (?, ?, 100, ?, ?)",
      [sku, sku, qty, qty],
    );
  }
  shop.provider.reset();
  shop.seen = [];
  shop.waits = model.waits;
  shop.rejects = model.rejects;
  shop.mails = model.mails;
  shop.consumers.clear();
  await loseRedis(flow);
  await recover(flow);
}

function depsOf({ flow, waits, mails }: Shop) {
  const notifyChannels: NotificationChannel[] = mails ? ["log", "email"] : ["log"];
  return { ...flow, notifyChannels, onShortage: waits ? "wait" as const : "fail" as const };
}

function consumerOf(shop: Shop, group: Group, lane: Lane): Consumer {
  const name = `${group} ${lane}`;
  const known = shop.consumers.get(name);
  if (known !== undefined) return known;
  const consumer = makeConsumer({ ...depsOf(shop), lane }, { group, ...queueOptions });
  shop.consumers.set(name, consumer);
  return consumer;
}

/** A turn of each lane of a group. */
async function takeTurn(shop: Shop, group: Group): Promise<void> {
  for (const lane of lanes) await consumeOnce(consumerOf(shop, group, lane));
}

/** Lets happen what happens between a command and its drain. */
export async function suffer(shop: Shop, mishap: Mishap): Promise<void> {
  const { flow } = shop;
  switch (mishap.kind) {
    case "turn":
      await takeTurn(shop, mishap.group);
      return;
    case "together": {
      const deps = depsOf(shop);
      const others = mishap.groups.flatMap((group, index) =>
        lanes.map((lane) =>
          makeConsumer({ ...deps, lane, consumer: `other ${index}` }, { group, ...queueOptions })
        )
      );
      await Promise.all(others.map((consumer) => consumeOnce(consumer)));
      return;
    }
    case "die": {
      const fate = fateAfter(mishap.moment);
      const name = `dead ${++shop.deaths}`;
      // Most moments come to pass in the lane that holds something.
      const { group } = mishap;
      const lane = await flow.redis.xlen(flow.keys.stream(group)) > 0 ? "live" : "bulk";
      const dying = makeConsumer(mortal({ ...depsOf(shop), lane }, fate, name), {
        group,
        ...queueOptions,
      });
      try {
        await consumeOnce(dying);
      } catch (error) {
        if (!fate.dead) throw error;
      }
      await orphan(flow, group, undefined, lane);
      consumerOf(shop, group, lane).reclaimAt = -Infinity;
      return;
    }
    case "redeliver": {
      await noteMessages(shop);
      const { length } = shop.seen;
      if (length === 0) return;
      const messages = mishap.picks.map((pick) => ({ message: shop.seen[pick % length]! }));
      await publish(flow, messages);
      return;
    }
    case "lose_answers":
      shop.provider.loseAnswers = mishap.count;
      return;
    case "flush":
      await loseRedis(flow);
      shop.consumers.clear();
      await recover(flow);
      return;
    case "rebuild":
      await rebuildKpis(flow);
      return;
    case "verify":
      await expectProof(shop);
  }
}

/** What the streams hold, and what is scheduled. */
async function heldOf({ flow: { redis, keys } }: Shop) {
  const reading = redis.multi();
  const queues = groupsInSearchOrder.flatMap((group) => lanes.map((lane) => ({ group, lane })));
  for (const { group, lane } of queues) {
    reading.xrange(keys.stream(group, lane), "-", "+");
    reading.zrange(keys.scheduled(group, lane), "0", "-1");
    reading.zcard(keys.retries(group, lane));
  }
  const replies = await reading.exec() ?? [];
  return queues.map(({ group, lane }, index) => ({
    group,
    lane,
    inStream: (replies[3 * index]![1] as [string, string[]][]).map(([, fields]) =>
      messageOfEntry(fields)
    ).filter(isMessage),
    scheduled: (replies[3 * index + 1]![1] as string[]).map((text) => decodeMessage(text))
      .filter(isMessage),
    parked: Number(replies[3 * index + 2]![1]),
  }));
}

function isMessage(message: Message | string): message is Message {
  return typeof message !== "string";
}

async function noteMessages(shop: Shop) {
  const held = await heldOf(shop);
  for (const { inStream, scheduled } of held) shop.seen.push(...inStream, ...scheduled);
  shop.seen = shop.seen.slice(-maxSeen);
  return held;
}

/** Lets everything come about that can: what is left waits for stock, for the provider or for a person. */
export async function settle(shop: Shop, model: Model): Promise<void> {
  for (let round = 0;; round++) {
    if (round > maxRounds) throw new Error("the streams do not drain");
    const held = await noteMessages(shop);
    const undecided = undecidedIds(shop, model);
    const isEarly = round === 0;
    const isDone = held.every(({ inStream, scheduled }) =>
      inStream.length === 0 &&
      scheduled.every((message) =>
        !isEarly && message.type === "payment.charge" && undecided.has(message.orderId)
      )
    );
    if (isDone) return;
    const isLate = round > 3;
    const isDelayed = held.some(({ scheduled, parked }) => scheduled.length + parked > 0);
    if (isLate || (round < 2 && isDelayed)) await hurry(shop, isLate);
    for (const { group, lane, inStream, scheduled } of held) {
      if (inStream.length + scheduled.length > 0) await consumeOnce(consumerOf(shop, group, lane));
    }
  }
}

/** Orders of whose charges the provider has not decided. */
function undecidedIds({ provider }: Shop, { orders }: Model): Set<number> {
  const references = new Set(
    provider.charges.filter(({ verdict }) => verdict === "later").map(({ reference }) => reference),
  );
  return new Set(orders.filter(({ ref }) => references.has(ref)).map(({ id }) => id));
}

/** Lets the time come for what is delayed or scheduled, and for taking over from the dead. */
async function hurry(shop: Shop, all: boolean): Promise<void> {
  const { redis, keys } = shop.flow;
  for (const group of groupsInSearchOrder) {
    for (const lane of lanes) {
      for (const key of [keys.retries(group, lane), keys.scheduled(group, lane)]) {
        for (const member of await redis.zrange(key, "0", "-1")) await redis.zadd(key, 0, member);
      }
      if (!all) continue;
      await orphan(shop.flow, group, undefined, lane);
      consumerOf(shop, group, lane).reclaimAt = -Infinity;
    }
  }
}

/** An order as its row says. */
interface SeenOrder {
  state: State;
  day: string | null;
  row: Record<string, unknown>;
}

async function seenOrders({ flow }: Shop): Promise<Map<number, SeenOrder>> {
  const rows = await flow.rows(`
    select orders.id, orders.status, orders.failure_reason,
      exists (select 1 from payment_disputes where payment_disputes.order_id = orders.id) as disputed, orders.backordered, orders.currency, orders.total_cents,
      orders.refunded_cents, orders.settled_at, customers.external_id as customer, orders.recipient_email as email
    from orders
    join customers on customers.id = orders.customer_id
    order by orders.id`);
  return new Map(rows.map((row) => [Number(row.id), {
    state: stateOf(row),
    day: row.settled_at === null ? null : String(row.settled_at).slice(0, 10),
    row,
  }]));
}

const failures: Record<string, State> = {
  insufficient_stock: "SHORT",
  payment_declined: "DECLINED",
  payment_timeout: "TIMED_OUT",
};

function stateOf(row: Record<string, unknown>): State {
  switch (row.status) {
    case "PENDING":
      return Number(row.backordered) === 1 ? "WAITING" : "PENDING";
    case "RESERVED":
      return Number(row.disputed) === 1 ? "DISPUTED" : "RESERVED";
    case "FAILED":
      return failures[String(row.failure_reason)]!;
    default:
      return row.status as State;
  }
}

/** Drains, has the model follow what is on its way, and compares everything. */
export async function drainAndCompare(shop: Shop, model: Model): Promise<void> {
  await settle(shop, model);
  const seen = await seenOrders(shop);
  follow(shop, model, seen);
  await followRefunds(shop, model);
  model.onTheirWay.clear();
  model.expired.clear();
  model.mustExpire = false;
  await compare(shop, model, seen);
}

/** Has the model take over where orders ended that were on their way, if they could. */
function follow(shop: Shop, model: Model, seen: ReadonlyMap<number, SeenOrder>): void {
  const before = stockOf(model);
  const open = model.orders.filter(({ state }) => openStates.includes(state));
  const moving = new Map(model.onTheirWay);
  for (const order of open) if (order.state === "WAITING") moving.set(order.id, needsOf(order));
  const ends = open.map((order) => {
    const { state, day } = seen.get(order.id) ?? {};
    assert.ok(state !== undefined, `order ${order.ref} is in the database`);
    const others = [...moving].filter(([id]) => id !== order.id).map(([, needs]) => needs);
    const verdict = verdictOf(shop, order);
    const ends = new Set([true, false].flatMap((covered) => {
      const least = others.reduce(
        (left, needs) => new Map([...left].map(([sku, qty]) => [sku, qty - (needs.get(sku) ?? 0)])),
        before,
      );
      const can = covers(before, order) || others.length > 0 || model.onTheirWay.size > 1;
      if (covered ? !can : covers(least, order)) return [];
      const waits = model.waits || order.state === "WAITING";
      return [endOf(order, { covered, waits, verdict })];
    }));
    if (order.state === "WAITING") ends.add("WAITING");
    if (model.expired.has(order.id) && order.judged === null && !order.cancelled) {
      if (ends.has("RESERVED") && model.mustExpire) ends.delete("RESERVED");
      ends.add("TIMED_OUT");
    }
    assert.ok(
      ends.has(state),
      `order ${order.ref} is ${state} and not ${[...ends]}, from ${order.state}`,
    );
    return { order, state, day: day ?? null };
  });
  for (const { order, state, day } of ends) {
    order.state = state;
    order.day = day;
    tell(order, "must");
  }
}

function covers(stock: ReadonlyMap<string, number>, order: ModelOrder): boolean {
  return [...needsOf(order)].every(([sku, qty]) => stock.get(sku)! >= qty);
}

function verdictOf({ provider }: Shop, { ref, lines, extras }: ModelOrder) {
  const total = totalOf({ lines, extras });
  const charge = provider.charges.findLast(({ reference, cents }) =>
    reference === ref && cents === total
  );
  return charge?.verdict ?? provider.verdicts.get(ref) ?? "pay";
}

/** Has the model end the refunds that are drained by now. */
async function followRefunds({ flow, provider }: Shop, { orders }: Model): Promise<void> {
  const rows = await flow.rows("select id, status, by_hand from refunds order by id");
  const seen = new Map(rows.map((row) => [Number(row.id), row]));
  for (const order of orders) {
    for (const refund of order.refunds) {
      const row = seen.get(refund.id);
      assert.ok(row !== undefined, `refund ${refund.id} is in the database`);
      if (refund.state === "REQUESTED") {
        const waits = order.payment === "paid_elsewhere" && !refund.saidByHand;
        refund.state = waits ? "REQUESTED" : refund.refused ? "FAILED" : "PROCESSED";
        if (!waits) {
          order.told.set(`refund.${refund.state.toLowerCase()}:${refund.id}`, "must");
        } else assert.equal(Number(row.by_hand), 1, `refund ${refund.id} waits for a person`);
      }
      assert.equal(row.status, refund.state, `refund ${refund.id} of ${order.ref}`);
      seen.delete(refund.id);
    }
    provider.refusing.delete(order.ref);
  }
  assert.deepEqual([...seen.keys()], [], "refunds that nobody asked for");
}

/** Compares what the product holds with the model. */
async function compare(
  shop: Shop,
  model: Model,
  seen: ReadonlyMap<number, SeenOrder>,
): Promise<void> {
  const { flow, provider } = shop;
  assert.deepEqual(
    [...seen.values()].map(({ row, state, day }) => ({
      id: Number(row.id),
      state,
      day,
      currency: row.currency,
      total: Number(row.total_cents),
      refunded: Number(row.refunded_cents),
      customer: row.customer,
      email: row.email,
    })),
    model.orders.toSorted((a, b) => a.id - b.id).map((order) => ({
      id: order.id,
      state: order.state,
      day: order.day,
      currency: order.currency,
      total: totalOf(order),
      refunded: refundedOf(order),
      customer: order.customer,
      email: order.email,
    })),
    "orders",
  );
  const [stock, payments, figures, ids, told, dead] = await Promise.all([
    seenStock(flow),
    seenPayments(flow),
    seenFigures(flow),
    customerIds(flow),
    flow.rows("select order_id, event, channel, no_address from notification_logs"),
    flow.rows("select error from dead_letters"),
  ]);
  assert.deepEqual(stock, {
    stock: sorted([...stockOf(model)]),
    received: sorted([...model.received]),
  });
  assert.deepEqual(provider.faults, [], "what the provider was asked for");
  assert.deepEqual(
    model.orders.map(({ ref }) => [ref, provider.kept(ref)]),
    model.orders.map((order) => [order.ref, keptOf(order)]),
    "what the provider has of each order",
  );
  assert.deepEqual(payments, expectedPayments(model), "payments");
  assert.deepEqual(figures, figuresOf(model, ids), "figures");
  compareTold(shop, told, model);
  assert.deepEqual(dead, [], "dead letters");
  expectNobodyWaitsInVain(model);
}

async function seenStock(flow: Workflow) {
  const rows = await flow.rows("select sku, stock_qty, received_qty from products");
  const by = (column: string) =>
    sorted(rows.map((row) => [String(row.sku), Number(row[column])] as [string, number]));
  return { stock: by("stock_qty"), received: by("received_qty") };
}

async function customerIds(flow: Workflow): Promise<Map<string, number>> {
  const rows = await flow.rows("select id, external_id from customers");
  return new Map(rows.map((row) => [String(row.external_id), Number(row.id)]));
}

/** Payments but what was taken for orders that were cancelled or changed meanwhile, and went back. */
async function seenPayments(flow: Workflow) {
  const rows = await flow.rows(`
    select payments.order_id, payments.provider, payments.amount_cents, payments.status, orders.payment_status
    from payments
    join orders on orders.id = payments.order_id
    where payments.status not in ('REVERSED', 'DECLINED')
      or (payments.status = 'DECLINED' and orders.status = 'FAILED')
      or (orders.payment_status = 'paid' and payments.provider <> 'http')
    order by payments.order_id`);
  return rows.map((row) =>
    [row.order_id, row.provider, row.amount_cents, row.status].map(String).join(" ")
  );
}

function expectedPayments({ orders }: Model): string[] {
  return orders.toSorted((a, b) => a.id - b.id).flatMap((order) => {
    const total = totalOf(order);
    const isElsewhere = order.payment === "paid_elsewhere";
    const provider = isElsewhere
      ? "shop pay"
      : order.payment === "paid_here" || total > 0
      ? "http"
      : "none";
    if (order.state === "DECLINED") {
      return order.judged === null ? [`${order.id} http ${total} DECLINED`] : [];
    }
    if (order.state === "PAID") return [`${order.id} ${provider} ${total} SUCCEEDED`];
    if (order.state === "DISPUTED") return [`${order.id} http ${total + oddCents} DISPUTED`];
    if (!isElsewhere || openStates.includes(order.state) || total === 0) return [];
    const status = order.returnedByHand ? "REVERSED" : "REVERSING";
    return [`${order.id} ${provider} ${total} ${status}`];
  });
}

/** Figures and scores in Redis that are not 0. */
async function seenFigures({ redis, keys }: Workflow): Promise<Record<string, number>> {
  const { prefix } = keys;
  const [names, boards] = await Promise.all([
    redis.keys(`${prefix}kpi:*`),
    redis.keys(`${prefix}leaderboard:customers*`),
  ]);
  const values = names.length === 0 ? [] : await redis.mget(...names);
  const entries = names.map((
    name,
    index,
  ): [string, number] => [name.slice(prefix.length), Number(values[index])]);
  for (const board of boards) {
    const flat = await redis.zrange(board, "0", "-1", "WITHSCORES");
    for (let i = 0; i < flat.length; i += 2) {
      entries.push([`${board.slice(prefix.length)} ${flat[i]}`, Number(flat[i + 1])]);
    }
  }
  return sorted(entries.filter(([, value]) => value !== 0));
}

function compareTold(
  shop: Shop,
  rows: readonly Record<string, unknown>[],
  { orders, mails }: Model,
): void {
  const told = new Map<number, string[]>();
  for (const { order_id, event, channel, no_address } of rows) {
    const id = Number(order_id);
    const how = Number(no_address) === 1 ? "no address" : channel;
    told.set(id, [...told.get(id) ?? [], `${event} ${how}`]);
  }
  for (const order of orders) {
    const events = (told.get(order.id) ?? []).sort();
    const channels = !mails ? ["log"] : ["log", order.email === null ? "no address" : "email"];
    const expected = [...order.told].filter(([event, how]) =>
      how === "must" || events.includes(`${event} log`)
    ).flatMap(([event]) => channels.map((channel) => `${event} ${channel}`)).sort();
    assert.deepEqual(events, expected, `what the customer of ${order.ref} was told`);
    if (events.some((event) => event.endsWith("no address"))) noteReached(shop, "no address");
  }
}

/** An order that waits lacks something, or comes after another one that wants the same. */
function expectNobodyWaitsInVain(model: Model): void {
  const stock = stockOf(model);
  const waiting = model.orders.filter(({ state }) => state === "WAITING")
    .sort((a, b) => a.placedAt === b.placedAt ? a.id - b.id : a.placedAt < b.placedAt ? -1 : 1);
  waiting.forEach((order, index) => {
    const isBehind = waiting.slice(0, index).some((other) =>
      [...needsOf(other).keys()].some((sku) => needsOf(order).has(sku))
    );
    assert.ok(isBehind || !covers(stock, order), `order ${order.ref} waits in vain`);
  });
}

async function expectProof({ flow }: Shop): Promise<void> {
  const report = await verifyNow(flow);
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), [], "verify");
}

/** Has everything so far have happened a day earlier; nothing may be on its way. */
export async function passDay({ flow }: Shop, { orders }: Model): Promise<void> {
  await flow.rows(
    "update orders set settled_time = settled_time - interval 1 day where settled_at is not null",
  );
  await flow.rows("update order_retries set failed_at = failed_at - interval 1 day");
  for (const order of orders) {
    if (order.day === null) continue;
    order.day = new Date(Date.parse(order.day) - 86_400_000).toISOString().slice(0, 10);
  }
  await rebuildKpis(flow);
}

/** How long a reservation lasts, in seconds. */
export const reservationSeconds = 900;

/**
 * Has all reservations be older than they may be, and nobody have looked at them yet.
 *
 * @returns the orders that are reserved
 */
export async function passReservations({ flow }: Shop): Promise<number[]> {
  const { redis, keys } = flow;
  const rows = await flow.rows(
    "select id from orders where unfinished = 1 and status = 'RESERVED'",
  );
  if (rows.length === 0) return [];
  await flow.rows(
    "update orders set reserved_time = reserved_time - interval ? second where status = 'RESERVED'",
    [reservationSeconds + 1],
  );
  const ids = rows.map(({ id }) => Number(id));
  await redis.del(...ids.map((id) => `${keys.expiryMark}${id}`));
  return ids;
}

/** Has orders that run short wait from now on, or fail; nothing may be on its way. */
export function changeShortage(shop: Shop, model: Model): void {
  model.waits = !model.waits;
  shop.waits = model.waits;
  shop.consumers.clear();
}

/** Ends a game: everything is drained, and the product's own proof is content. */
export async function endGame(shop: Shop, model: Model): Promise<void> {
  await drainAndCompare(shop, model);
  await expectProof(shop);
  const steps = await shop.flow.rows(`
    select step, count(*) as times
    from (
      select case event when 'failed' then concat('failed: ', detail) else event end as step
      from order_events) steps
    group by step`);
  for (const { step, times } of steps) noteReached(shop, String(step), Number(times));
}

/** Notes that something came to pass. */
export function noteReached({ reached }: Shop, what: string, times = 1): void {
  reached.set(what, (reached.get(what) ?? 0) + times);
}
