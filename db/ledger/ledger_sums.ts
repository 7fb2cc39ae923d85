/**
 * Sums of the ledger, and of what it follows from, by which both are compared without reading rows one by one.
 *
 * @module
 */

import {
  accountNamed,
  type LedgerAccount,
  ledgerSources,
  type OrderSource,
  sourceNamed,
  sourcesOfNoOrder,
} from "../../domain/ledger/chart.ts";
import { placesOf } from "../archive/archived_tables.ts";
import {
  type Queryable,
  type Row,
  toBigInteger,
  toInteger,
  type Value,
} from "../connection/database.ts";
import { addDays, type DaySums, dayWeight } from "./day_sums.ts";
import { withheldCents } from "./ledger_facts.ts";
import { andWithin, type Scope, within } from "../verification/scope.ts";

/** Orders of so many consecutive ids are summed up together. */
export const bucketOrders = 4_096;

/**
 * Sums of a bucket and currency. Each amount is weighted by its order's place in the bucket, or by its refund, so that
 * faults of two orders do not cancel each other out.
 */
export type WeightedSums = Partial<Record<SumName, bigint>>;

/**
 * What is summed up. `total` and `unbalanced`, weighted by movements, are of what does not come to nothing, `misplaced` counts
 * rows on accounts that their source does not move, `misdated` those groups of them with rows of another day than that of their
 * moment: all four are nothing in a ledger that is right.
 */
const sumNames = [
  "total",
  "unbalanced",
  "misplaced",
  "misdated",
  "sold",
  "adjusted",
  "taxed",
  "held",
  "refunded",
  "twice",
  "written_off",
  "charged_back",
  "withheld",
] as const;

/** One of {@linkcode sumNames}. */
export type SumName = typeof sumNames[number];

type SumsByAccount = Readonly<Partial<Record<LedgerAccount, readonly SumName[]>>>;

/** Which sums the rows of a source and account belong to; what none belongs to is on a wrong account. */
const sumsOf: Readonly<Record<OrderSource, SumsByAccount>> = {
  payment: {
    clearing: [],
    customer: ["held"],
    sales: ["sold"],
    adjustments: ["sold", "adjusted"],
    tax: ["sold", "taxed"],
  },
  refund: { clearing: ["refunded"], refunds: [], tax: [] },
  given_twice: { clearing: ["twice"], customer: [], write_offs: ["written_off"] },
  chargeback: { clearing: [], chargebacks: ["charged_back"], customer: ["withheld"] },
};

/** Sources that are of no order, and compared by `provider_rows.ts`. */
const ofNoOrder: readonly number[] = sourcesOfNoOrder.map((name) => ledgerSources[name]);

/**
 * How amounts are added up: as floating-point numbers, which takes the engines half the time of their decimals. They are exact
 * as long as no sum on the way is larger than 2^53; where one may be, all are added up anew, as decimals.
 */
const waysToAdd = ["quick", "exact"] as const;

type WayToAdd = typeof waysToAdd[number];

/** Sums of amounts from here on are not exact once they are weighted: a day's weight is the largest, until 2043. */
const largestQuick = 2 ** 53 / 2 ** 14;

const weight = (orderId: string) => `((${orderId} & ${bucketOrders - 1}) + 1)`;
/** Of what has an id of its own, as refunds: by that and by its order, so that it can't be another one's. */
const idWeight = (orderId: string, id: string) =>
  `((${orderId} % 4093 * 17 + ${id} % 4093) % 4093 + 1)`;
const movementWeight =
  "((order_id % 4093 * 31 + source_id % 4093 * 7 + source * 3 + step) % 4093 + 1)";
const bucket = (orderId: string) => `${orderId} div ${bucketOrders} as bucket`;

/** An amount by its weight; no product of integers, which the largest amounts are too large for. */
const weighted = (cents: string, by: string, way: WayToAdd = "exact") =>
  way === "quick" ? `(${cents} + 0e0) * ${by}` : `cast(${cents} as decimal(20, 0)) * ${by}`;

/** Rows of sums, quickly added up where these are exact. `moved` is what all amounts of a row come to, whatever their signs. */
async function sumUp(sum: (way: WayToAdd) => Promise<Row[]>): Promise<Row[]> {
  const rows = await sum("quick");
  return rows.some(({ moved }) => Number(moved) >= largestQuick) ? await sum("exact") : rows;
}

/** A sum of either way. */
function toSum(value: Value): bigint {
  return typeof value === "number" ? BigInt(value) : toBigInteger(value);
}

/** Sums by bucket and currency: `12 EUR`. */
export type BucketSums = Map<string, WeightedSums>;

/**
 * What is booked. Few sums of many groups, because adding up is what takes the time.
 *
 * @param sealedDay the rows of days up to this one are added up by their days as well; null for none
 */
export async function sumLedger(
  db: Queryable,
  scope: Scope,
  sealedDay: string | null = null,
): Promise<{ sums: BucketSums; days: DaySums }> {
  const rows = await sumUp((way) => db.query(bookedSums(scope, sealedDay, way)));
  const sums: BucketSums = new Map();
  const days: DaySums = new Map();
  for (const row of rows) {
    addDays(days, row, { rows: toSum(row.day_rows!), cents: toSum(row.day_cents!) });
    const add = adderTo(sums, row);
    add("total", toSum(row.total!));
    add("unbalanced", toSum(row.unbalanced!));
    add("misdated", toBigInteger(row.misdated!));
    const ofSource = (sumsOf as Partial<Record<string, SumsByAccount>>)[
      sourceNamed(toInteger(row.source))
    ];
    const names = ofSource?.[accountNamed(toInteger(row.account)) as LedgerAccount];
    for (const name of names ?? []) add(name, toSum(row.weighted!));
    // What a later version's sources move tells itself where it belongs.
    if (ofSource !== undefined && names === undefined) add("misplaced", toBigInteger(row.n!));
    if (ofNoOrder.includes(toInteger(row.source))) {
      add("misplaced", await countOfOrders(db, scope, row));
    }
  }
  return { sums, days };
}

function bookedSums(scope: Scope, sealedDay: string | null, way: WayToAdd): string {
  const ofDay = (summand: string) =>
    sealedDay === null ? "0" : `sum(if(day <= '${sealedDay}', ${summand}, 0))`;
  const ofSource = `if(source in (${ledgerSources.refund}, ${ledgerSources.chargeback}), ${
    idWeight("order_id", "source_id")
  }, ${weight("order_id")})`;
  return `
    select ${bucket("order_id")}, currency, source, account, count(*) as n,
      sum(${way === "quick" ? "amount_cents + 0e0" : "amount_cents"}) as total,
      sum(abs(amount_cents) + 0e0) as moved,
      sum(${weighted("amount_cents", movementWeight, way)}) as unbalanced,
      sum(${weighted("amount_cents", ofSource, way)}) as weighted,
      max(day <> date(booked_at)) as misdated,
      ${ofDay(dayWeight)} as day_rows,
      ${ofDay(weighted("amount_cents", dayWeight, way))} as day_cents
    from ledger_entries
    where ${within("order_id", scope)}
    group by bucket, currency, source, account
    order by null`;
}

/** How many rows of a source that is of no order say that they are of one. */
async function countOfOrders(db: Queryable, scope: Scope, group: Row): Promise<bigint> {
  if (toInteger(group.bucket) > 0) return toBigInteger(group.n!);
  const [row] = await db.query(
    `
    select count(*) as n
    from ledger_entries
    where order_id > 0 and order_id < ${bucketOrders} and source = ? and account = ? and currency = ?${
      andWithin("order_id", scope)
    }`,
    [toInteger(group.source), toInteger(group.account), String(group.currency)],
  );
  return toBigInteger(row!.n!);
}

function adderTo(sums: BucketSums, row: Row): (name: SumName, cents: bigint) => void {
  const of = `${toInteger(row.bucket)} ${String(row.currency)}`;
  const known = sums.get(of) ?? {};
  sums.set(of, known);
  return (name, cents) => known[name] = (known[name] ?? 0n) + cents;
}

/** What should be booked, by orders, their adjustments, payments that pay none, refunds, chargebacks and what went back twice. */
export async function sumMovedMoney(db: Queryable, scope: Scope): Promise<BucketSums> {
  const sold = await sumUp((way) =>
    db.query(`
    select ${bucket("id")}, currency, sum(total_cents + 0e0) as moved,
      -sum(${weighted("total_cents", weight("id"), way)}) as sold
    from orders
    where status = 'PAID'${andWithin("id", scope)}
    group by bucket, currency
    order by null`)
  );
  const parts: Row[] = [];
  for (const place of await placesOf(db)) parts.push(...await sumParts(place, scope));
  const held = await db.query(`
    select ${bucket("held.order_id")}, coalesce(held.currency, orders.currency) as currency,
      -sum(${weighted("held.amount_cents", weight("held.order_id"))}) as held
    from payments held
    straight_join orders on orders.id = held.order_id
    where held.status in ('REVERSING', 'DISPUTED')${andWithin("held.order_id", scope)}
    group by bucket, 2`);
  const refunded = await db.query(`
    select ${bucket("refunds.order_id")}, orders.currency,
      -sum(${
    weighted("refunds.amount_cents", idWeight("refunds.order_id", "refunds.id"))
  }) as refunded
    from refunds
    straight_join orders on orders.id = refunds.order_id
    where refunds.status = 'PROCESSED'${andWithin("refunds.order_id", scope)}
    group by bucket, orders.currency`);
  return bucketSums(
    sold,
    parts,
    held,
    refunded,
    await sumReturned(db, scope),
    await sumTwice(db, scope),
    await sumChargebacks(db, scope),
  );
}

/** What stays held of payments that went back by chargebacks: those orders are not archived. */
async function sumReturned(db: Queryable, scope: Scope): Promise<Row[]> {
  return await db.query(`
    select ${
    bucket("chargebacks.order_id")
  }, coalesce(payments.currency, orders.currency) as currency,
      -sum(${weighted("chargebacks.gave_back_cents", weight("chargebacks.order_id"))}) as held
    from chargebacks
    straight_join payments on payments.id = chargebacks.payment_id
    straight_join orders on orders.id = chargebacks.order_id
    where chargebacks.gave_back_cents > 0 and payments.status in ('REVERSED', 'DISMISSED')${
    andWithin("chargebacks.order_id", scope)
  }
    group by bucket, 2`);
}

/** What went back twice: what a chargeback took as a loss of ours is booked as such alone. */
async function sumTwice(db: Queryable, scope: Scope): Promise<Row[]> {
  const cents = weighted("twice.amount_cents", weight("twice.order_id"));
  return await db.query(`
    select ${bucket("twice.order_id")}, twice.currency,
      sum(case
        when twice.chargeback_id is null then if(coalesce(twice.ended_as, 'written_off') = 'written_off', -1, 0)
        else if(coalesce(twice.ended_as, 'written_off') = 'written_off', 0, 1) end * ${cents}) as twice,
      sum(if(twice.ended_as = 'written_off', ${cents}, 0)) as written_off
    from money_given_twice twice
    left join chargebacks on chargebacks.id = twice.chargeback_id
    where coalesce(chargebacks.lowers_revenue, 'never') = 'never'${
    andWithin("twice.order_id", scope)
  }
    group by bucket, twice.currency`);
}

/** What chargebacks withhold and have taken, of what was ours and of what was the customer's. */
async function sumChargebacks(db: Queryable, scope: Scope): Promise<Row[]> {
  const cents = weighted(withheldCents, idWeight("order_id", "id"));
  return await db.query(`
    select ${
    bucket("order_id")
  }, currency, sum(if(lowers_revenue <> 'never', ${cents}, 0)) as charged_back,
      sum(if(lowers_revenue = 'never', ${cents}, 0)) as withheld
    from chargebacks
    where order_id is not null${andWithin("order_id", scope)}
    group by bucket, currency`);
}

/** What of paid orders is tax, or another adjustment. */
async function sumParts(db: Queryable, scope: Scope): Promise<Row[]> {
  const cents = weighted("part.amount_cents", weight("orders.id"));
  return await db.query(`
    select ${bucket("part.order_id")}, orders.currency,
      -sum(if(part.kind = 'tax', ${cents}, 0)) as taxed,
      -sum(if(part.kind <> 'tax' and part.included = 0, ${cents}, 0)) as adjusted
    from order_adjustments part
    straight_join orders on orders.id = part.order_id
    where orders.status = 'PAID' and orders.total_cents > 0${andWithin("part.order_id", scope)}
    group by bucket, orders.currency`);
}

function bucketSums(...lists: readonly Row[][]): BucketSums {
  const sums: BucketSums = new Map();
  for (const row of lists.flat()) {
    const add = adderTo(sums, row);
    for (const name of sumNames) {
      if (row[name] !== undefined && row[name] !== null) add(name, toSum(row[name]));
    }
  }
  return sums;
}

/** The ids of a bucket's orders. */
export function bucketScope(bucket: number): { after: number; upTo: number } {
  const first = bucket * bucketOrders;
  return { after: first - 1, upTo: first + bucketOrders - 1 };
}

/** Which buckets differ, in their order. */
export function unevenBuckets(booked: BucketSums, moved: BucketSums): number[] {
  const uneven = new Set<number>();
  for (const name of new Set([...booked.keys(), ...moved.keys()])) {
    const [left, right] = [booked.get(name), moved.get(name)];
    if (sumNames.some((of) => (left?.[of] ?? 0n) !== (right?.[of] ?? 0n))) {
      uneven.add(Number(name.slice(0, name.indexOf(" "))));
    }
  }
  return [...uneven].sort((a, b) => a - b);
}

/** A movement of the ledger that is no movement. */
export interface BrokenMovement {
  /** 0 for none. */
  orderId: number;
  source: string;
  sourceId: number;
  step: number;
  currency: string;
  /** What its rows come to, in minor units: not nothing, unless one is of another day than that of its moment. */
  totalCents: bigint;
}

/** Movements of a scope that do not come to nothing, or stand on another day than that of their moment. */
export async function findBrokenMovements(
  db: Queryable,
  scope: Scope,
  limit: number,
): Promise<BrokenMovement[]> {
  const rows = await db.query(
    `
    select order_id, source, source_id, step, currency, sum(amount_cents) as total,
      max(day <> date(booked_at)) as misdated
    from ledger_entries
    where ${within("order_id", scope)}
    group by order_id, source, source_id, step, currency
    having total <> 0 or misdated = 1
    order by order_id, source, source_id, step
    limit ?`,
    [limit],
  );
  return rows.map((row) => ({
    orderId: toInteger(row.order_id),
    source: sourceNamed(toInteger(row.source)),
    sourceId: toInteger(row.source_id),
    step: toInteger(row.step),
    currency: String(row.currency),
    totalCents: toBigInteger(row.total!),
  }));
}
