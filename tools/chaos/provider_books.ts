/**
 * Provider and database both lose money and move it twice, under load; then the provider's report is held against the books,
 * and what is found is mended by nothing but the actions that are offered.
 *
 * Every fault is made with what it has to be found as: all of it has to be found, and nothing else. What the provider loses it
 * finds again once it was asked about it; what it never finds again is for a person to explain.
 *
 * @module
 */

import type { DiscrepancyKind } from "../../domain/reconciliation/discrepancy.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { requestAndPublish } from "../../services/refunds/request_refunds.ts";
import { lookAtDatabase } from "../../streams/recovery/database_age.ts";
import { guardDatabase } from "../../streams/recovery/database_guard.ts";
import { freePort } from "../engines/free_port.ts";
import { type BookFault, bookFaults } from "./harness/faulty_books.ts";
import { answerFaults } from "./harness/faulty_provider.ts";
import { type Feed, feed, take } from "./harness/feed.ts";
import { keepDatabase } from "./harness/older_database.ts";
import { type ProviderProcess, startProvider } from "./harness/provider_process.ts";
import {
  agreeToTheCent,
  discrepanciesOf,
  mend,
  nameOf,
  reconcile,
  settleAll,
} from "./harness/reconciling.ts";
import type { Scenario } from "./harness/scenario.ts";
import { productDeps, type Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";
import { equal, stopInOrder } from "./harness/verification.ts";

/** As what each fault of the books has to be found. */
const foundAs: Readonly<Record<BookFault, DiscrepancyKind>> = {
  charged_twice: "twice",
  charge_lost: "missing_with_them",
  amount_changed: "amount_differs",
  refund_forgotten: "missing_with_them",
  refunded_twice: "refund_without_refund",
};

/** From so many seconds of faults on each is made three times, and the dump is older. */
const longSeconds = 10;

/** How old the dump is that is restored, in milliseconds. */
const dumpAgeMs = { short: 1_000, long: 5_000 };

/** Bounds, in milliseconds. */
const goodBoundMs = 20_000, paidBoundMs = 60_000;

/** Most orders that a shop forgets to send again, of those that the database has lost. */
const maxForgotten = 3;

/** Refunds that the database loses. */
const lostRefunds = 2;

/** Orders that are sent again at once. */
const ordersAtOnce = 100;

/** Orders that are large enough to be refunded in part before faults begin. */
const firstPaid = 40;

const secret = `whsec_${btoa("the provider's books are not ours")}`;

/** Who refunds. */
const operator = { actor: "chaos", via: "command", address: null } as const;

/** A fault that was made. */
interface SeededFault {
  fault: string;
  /** What has to be found, as `KIND CHARGE`; null where the product has to live with it by itself. */
  expected: string | null;
}

const scenario: Scenario = {
  name: "provider_books",
  summary:
    "provider and database lose money and move it twice; mended by the offered actions alone",
  stage: {
    proxied: true,
    env: { BATCH_SIZE: "40", RECONCILIATION_DAYS: "0", RESERVATION_TTL_SECONDS: "3600" },
  },
  async run(stage) {
    await guardDatabase(productDeps(stage));
    const port = await freePort();
    const provider = await startProvider(secret, `http://127.0.0.1:${port}/payments/callback`);
    try {
      const env = { GATEWAY: "http", GATEWAY_URL: provider.url, GATEWAY_SECRETS: secret };
      await play(stage, provider, { ...env, PORT: String(port) });
    } finally {
      await provider.end();
    }
  },
};

export default scenario;

async function play(
  stage: Stage,
  provider: ProviderProcess,
  env: Record<string, string>,
): Promise<void> {
  const { figures } = stage;
  const working = await Promise.all([
    stage.startConsumer(env),
    stage.startConsumer(env),
    stage.start("serve", [], env),
  ]);
  const orders = feed(stage, { backlog: 200 });
  const faults = await breakEverything(stage, provider, orders);
  await orders.stop();
  await settleAll(stage);
  figures.orders = orders.orders.length;
  figures.faults = faults.length;

  const expected = faults.map(({ expected }) => expected).filter((finding) => finding !== null);
  const found = await reconcile(stage, provider, env);
  equal("what is found", found.map(nameOf).sort(), expected.sort());
  const rounds = await mend(stage, provider, env);
  figures.notes.push(`${expected.length} of them found, mended in ${rounds} rounds`);
  figures.table.push(...await tableOf(stage, faults));
  await stopInOrder(working);
  await stage.run("verify", [], { ...env, ...stage.directEnv });
  await agreeToTheCent(stage, await provider.books());
}

/** Makes all faults while orders come. */
async function breakEverything(
  stage: Stage,
  provider: ProviderProcess,
  orders: Feed,
): Promise<SeededFault[]> {
  const times = stage.seconds >= longSeconds ? 3 : 1;
  const used = new Set<string>();
  await until("orders are paid", paidBoundMs, async () => {
    const { length } = await paidOrders(stage);
    return length >= firstPaid || `${length} of ${firstPaid} are`;
  });
  await refundSome(stage, used, 2 * times);
  const answers = await faultAnswers(stage, provider, times);
  const lost = await restoreOlder(stage, provider, { orders, used });
  await refundSome(stage, used, 2 * times);
  await finishRefunds(stage);
  const about = new Set(lost.flatMap(({ expected }) => expected?.split(" ")[1] ?? []));
  return [
    ...answers,
    ...lost,
    ...await faultBooks(stage, provider, { times, used, lost: about }),
  ];
}

/** Faults of answers, webhooks and commits, each of which the product has to live with by itself. */
async function faultAnswers(
  { random, databaseProxy }: Stage,
  provider: ProviderProcess,
  times: number,
): Promise<SeededFault[]> {
  const made: SeededFault[] = [];
  for (let n = 0; n < times; n++) {
    for (const fault of answerFaults) {
      await provider.arm(fault);
      made.push({ fault, expected: null });
      await pauseMs(random.integer(20, 120));
    }
    const before = databaseProxy.lost;
    databaseProxy.loseCommitAnswers(1);
    await until("the answer to a commit is lost", paidBoundMs, () => {
      return databaseProxy.lost > before || "none is";
    });
    made.push({ fault: "commit_answer_lost", expected: null });
  }
  databaseProxy.loseCommitAnswers(0);
  return made;
}

/**
 * Faults of the provider's books, each about an order of its own that is settled in ours.
 *
 * @param options.used charges that anything was done to
 * @param options.lost charges of what the database has lost
 */
async function faultBooks(
  stage: Stage,
  provider: ProviderProcess,
  { times, used, lost }: { times: number; used: ReadonlySet<string>; lost: ReadonlySet<string> },
): Promise<SeededFault[]> {
  const made: SeededFault[] = [];
  const orders = await paidOrders(stage);
  const plain = orders.filter(({ chargeId }) => !used.has(chargeId));
  const refunded = orders.filter(({ refunds, chargeId }) => refunds === 1 && !lost.has(chargeId));
  for (let n = 0; n < times; n++) {
    for (const fault of bookFaults) {
      const isOfRefund = fault === "refund_forgotten" || fault === "refunded_twice";
      const able = isOfRefund ? refunded : plain;
      const [order] = drawn(stage, able, 1);
      if (order === undefined) throw new Error(`no order is left for ${fault}`);
      able.splice(able.indexOf(order), 1);
      const about = await provider.fault(fault, order.chargeId);
      if (about === null) throw new Error(`${fault} can't be done to ${order.chargeId}`);
      made.push({ fault, expected: `${foundAs[fault]} ${about}` });
      await pauseMs(stage.random.integer(5, 50));
    }
  }
  return made;
}

/**
 * Puts the database back to what it was some seconds ago, while orders come and are charged. The shop sends again what was
 * lost, but for some orders that it forgets; nobody asks again for the refunds.
 */
async function restoreOlder(
  stage: Stage,
  provider: ProviderProcess,
  { orders, used }: { orders: Feed; used: Set<string> },
): Promise<SeededFault[]> {
  const { figures, db, seconds } = stage;
  const kept = await keepDatabase(stage.directEnv.DATABASE_URL);
  const before = await knownOrders(stage);
  const refunded = await refundSome(stage, used, lostRefunds);
  const ageMs = seconds >= longSeconds ? dumpAgeMs.long : dumpAgeMs.short;
  await Promise.all([finishRefunds(stage), pauseMs(ageMs)]);
  await until("orders of after the dump are charged", paidBoundMs, async () => {
    const { size } = await chargedOnes(provider, before);
    if (size >= maxForgotten) return true;
    await pauseMs(200);
    return `${size} are`;
  });
  await kept.putBack();
  const restoredAt = performance.now();
  await until("the database is good", goodBoundMs, async () => {
    const { kind } = await lookAtDatabase(productDeps(stage), db.unguarded);
    return kind === "current" || `it is ${kind}`;
  });
  stage.recovered(performance.now() - restoredAt);
  const known = await knownOrders(stage);
  const lost = orders.orders.filter(({ externalOrderId }) => !known.has(externalOrderId));
  const charged = await chargedOnes(provider, known);
  const forgotten = lost.filter(({ externalOrderId }) => charged.has(externalOrderId))
    .slice(0, maxForgotten);
  await sendAgain(stage, lost.filter((order) => !forgotten.includes(order)));
  figures.notes.push(`${lost.length} orders lost, ${forgotten.length} of them for good`);
  return [
    ...refunded.map((chargeId) => ({
      fault: "refund_lost_by_database",
      expected: `refund_without_refund ${chargeId}`,
    })),
    ...forgotten.map(({ externalOrderId }) => ({
      fault: "order_lost_by_database",
      expected: `missing_with_us ${charged.get(externalOrderId)}`,
    })),
  ];
}

/** What the shop calls the orders that the database has. */
async function knownOrders({ db }: Stage): Promise<Set<string>> {
  const rows = await db.query("select external_order_id from orders");
  return new Set(rows.map((row) => String(row.external_order_id)));
}

/** Orders of which the provider took money, and which are none of these, with its names of the charges. */
async function chargedOnes(
  provider: ProviderProcess,
  known: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const taken = (await provider.books()).filter(({ status, reference }) =>
    status === "succeeded" && !known.has(reference)
  );
  return new Map(taken.map(({ reference, id }) => [reference, id]));
}

async function sendAgain(stage: Stage, orders: readonly IncomingOrder[]): Promise<void> {
  for (let from = 0; from < orders.length; from += ordersAtOnce) {
    await take(stage, orders.slice(from, from + ordersAtOnce));
  }
}

/** An order that is paid through the provider. */
interface PaidOrder {
  id: number;
  chargeId: string;
  refunds: number;
}

/** Those that are large enough to be refunded in part, in the order of their ids. */
async function paidOrders({ db }: Stage): Promise<PaidOrder[]> {
  const rows = await db.query(`
    select orders.id, payments.provider_ref,
      (select count(*) from refunds where refunds.order_id = orders.id) as refunds
    from orders
    join payments on payments.order_id = orders.id and payments.status = 'SUCCEEDED'
    where orders.status = 'PAID' and orders.total_cents >= 1000 and payments.provider = 'http'
    order by orders.id`);
  return rows.map((row) => ({
    id: Number(row.id),
    chargeId: String(row.provider_ref),
    refunds: Number(row.refunds),
  }));
}

/**
 * Gives back a part of some orders.
 *
 * @param used the charges that anything was done to
 * @returns theirs
 */
async function refundSome(stage: Stage, used: Set<string>, count: number): Promise<string[]> {
  const able = (await paidOrders(stage)).filter(({ chargeId }) => !used.has(chargeId));
  const chosen = drawn(stage, able, count);
  for (const { id, chargeId } of chosen) {
    used.add(chargeId);
    await requestAndPublish(productDeps(stage), {
      orderId: id,
      amountCents: 2 * stage.random.integer(50, 150),
      reason: "chaos",
      idempotencyKey: null,
      keyOwner: "chaos",
    }, operator);
  }
  return chosen.map(({ chargeId }) => chargeId);
}

function finishRefunds({ db }: Stage): Promise<number> {
  return until("refunds are processed", paidBoundMs, async () => {
    const [row] = await db.query("select count(*) as n from refunds where unfinished = 1");
    return Number(row!.n) === 0 || `${row!.n} are open`;
  });
}

/** Some of them, in the order that chance draws. */
function drawn<T>({ random }: Stage, from: readonly T[], count: number): T[] {
  const left = [...from];
  const chosen: T[] = [];
  while (chosen.length < count && left.length > 0) {
    chosen.push(...left.splice(random.integer(0, left.length - 1), 1));
  }
  return chosen;
}

/** A line for each fault: how often it was made, as what it was found, and what mended it. */
async function tableOf(stage: Stage, faults: readonly SeededFault[]): Promise<string[]> {
  const mended = new Map(
    (await discrepanciesOf(stage)).map((row) => [nameOf(row), `${row.action}, ${row.state}`]),
  );
  const line = (fault: string, times: string | number, found: string, by: string) =>
    `${fault.padEnd(24)} ${String(times).padStart(5)}  ${found.padEnd(22)} ${by}`;
  const lines = [...Map.groupBy(faults, ({ fault }) => fault)].map(([fault, made]) => {
    const [{ expected }] = made as [SeededFault];
    const by = new Set(made.map(({ expected }) => mended.get(expected ?? "") ?? "nobody has to"));
    return line(fault, made.length, expected?.split(" ")[0] ?? "nothing", [...by].join(" or "));
  });
  return [line("fault", "times", "found as", "mended by"), ...lines];
}
