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
import { type Queryable, type Row, toBigInteger, toInteger } from "../connection/database.ts";
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
 * rows on accounts that their source does not move: all three are nothing in a ledger that is right.
 */
const sumNames = [
  "total",
  "unbalanced",
  "misplaced",
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

const weight = (orderId: string) => `cast(${orderId} % ${bucketOrders} + 1 as signed)`;
/** Of what has an id of its own, as refunds: by that and by its order, so that it can't be another one's. */
const idWeight = (orderId: string, id: string) =>
  `cast((${orderId} % 4093 * 17 + ${id} % 4093) % 4093 + 1 as signed)`;
/** No weight is above 4096, so that the largest order's is still an integer of the database. */
const movementWeight =
  "cast((order_id % 4093 * 31 + source_id % 4093 * 7 + source * 3 + step) % 4093 + 1 as signed)";
const bucket = (orderId: string) => `${orderId} div ${bucketOrders} as bucket`;

/** Sums by bucket and currency: `12 EUR`. */
export type BucketSums = Map<string, WeightedSums>;

/** What is booked. Few sums of many groups, because adding up is what takes the time. */
export async function sumLedger(db: Queryable, scope: Scope): Promise<BucketSums> {
  const rows = await db.query(`
    select ${
    bucket("order_id")
  }, currency, source, account, count(*) as n, sum(amount_cents) as total,
      sum(amount_cents * ${movementWeight}) as unbalanced,
      sum(order_id <> 0) as of_orders,
      sum(amount_cents * if(source in (${ledgerSources.refund}, ${ledgerSources.chargeback}), ${
    idWeight("order_id", "source_id")
  }, ${weight("order_id")})) as weighted
    from ledger_entries
    where ${within("order_id", scope)}
    group by bucket, currency, source, account`);
  const sums: BucketSums = new Map();
  for (const row of rows) {
    const add = adderTo(sums, row);
    add("total", toBigInteger(row.total));
    add("unbalanced", toBigInteger(row.unbalanced));
    const ofSource = (sumsOf as Partial<Record<string, SumsByAccount>>)[
      sourceNamed(toInteger(row.source))
    ];
    const names = ofSource?.[accountNamed(toInteger(row.account)) as LedgerAccount];
    for (const name of names ?? []) add(name, toBigInteger(row.weighted));
    // What a later version's sources move tells itself where it belongs.
    if (ofSource !== undefined && names === undefined) add("misplaced", toBigInteger(row.n));
    if (ofNoOrder.includes(toInteger(row.source))) add("misplaced", toBigInteger(row.of_orders));
  }
  return sums;
}

function adderTo(sums: BucketSums, row: Row): (name: SumName, cents: bigint) => void {
  const of = `${toInteger(row.bucket)} ${String(row.currency)}`;
  const known = sums.get(of) ?? {};
  sums.set(of, known);
  return (name, cents) => known[name] = (known[name] ?? 0n) + cents;
}

/** What should be booked, by orders, their adjustments, payments that pay none, refunds, chargebacks and what went back twice. */
export async function sumMovedMoney(db: Queryable, scope: Scope): Promise<BucketSums> {
  const sold = await db.query(`
    select ${bucket("id")}, currency, -sum(total_cents * ${weight("id")}) as sold
    from orders
    where status = 'PAID'${andWithin("id", scope)}
    group by bucket, currency`);
  const parts: Row[] = [];
  for (const place of await placesOf(db)) parts.push(...await sumParts(place, scope));
  const held = await db.query(`
    select ${bucket("held.order_id")}, coalesce(held.currency, orders.currency) as currency,
      -sum(held.amount_cents * ${weight("held.order_id")}) as held
    from payments held
    straight_join orders on orders.id = held.order_id
    where held.status in ('REVERSING', 'DISPUTED')${andWithin("held.order_id", scope)}
    group by bucket, 2`);
  const refunded = await db.query(`
    select ${bucket("refunds.order_id")}, orders.currency,
      -sum(refunds.amount_cents * ${idWeight("refunds.order_id", "refunds.id")}) as refunded
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
      -sum(chargebacks.gave_back_cents * ${weight("chargebacks.order_id")}) as held
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
  const cents = `twice.amount_cents * ${weight("twice.order_id")}`;
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
  const cents = `${withheldCents} * ${idWeight("order_id", "id")}`;
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
  const w = weight("orders.id");
  return await db.query(`
    select ${bucket("part.order_id")}, orders.currency,
      -sum(if(part.kind = 'tax', part.amount_cents * ${w}, 0)) as taxed,
      -sum(if(part.kind <> 'tax' and part.included = 0, part.amount_cents * ${w}, 0)) as adjusted
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
      if (row[name] !== undefined && row[name] !== null) add(name, toBigInteger(row[name]));
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
