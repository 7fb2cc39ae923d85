/**
 * Finds out what of ours a provider's lines are of.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { readCharges } from "../../db/orders/orders.ts";
import { readChargeKeys } from "../../db/payments/charge_keys.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { readReturnedReversals } from "../../db/payments/returned_reversals.ts";
import { readMended } from "../../db/reconciliation/direct_refunds.ts";
import {
  type NamedPayment,
  type NamedRefund,
  readChargebacksNamed,
  readOrdersByReference,
  readOrdersOfKeys,
  readOrdersWithMoney,
  readPaymentsNamed,
  readPaymentsOfOrders,
  readRefundsOf,
} from "../../db/reconciliation/named_money.ts";
import { readMovementsOf, readUnattributed } from "../../db/reconciliation/provider_movements.ts";
import { textDigest } from "../../domain/order/content_hash.ts";
import {
  chargeKeyOf,
  type Installation,
  reversalKeysOf,
} from "../../domain/payment/payment_key.ts";
import { bouncedName, chargebackStates } from "../../domain/payment/chargeback.ts";
import type {
  LineFacts,
  OurMoney,
  UnattributedMovement,
} from "../../domain/reconciliation/decide_line.ts";
import type { MovementKind } from "../../domain/reconciliation/discrepancy.ts";
import {
  chargebackNameOf,
  isOfNoOrder,
  kindsOfNoOrder,
  nameOf,
  type ProviderLine,
} from "../../domain/reconciliation/provider_line.ts";
import { readReturnedMends } from "./returned_mends.ts";

/** What is known of a line, and what of ours it is. */
export interface FoundFacts extends LineFacts {
  /** As what its movement is kept, where it is of something of ours. */
  subject: MovementKind;
  /** Digest of its name, in hexadecimal. */
  part: string;
  /** Digest of its own id; null where it has none. */
  entry: string | null;
  /** As what this very line was kept before as one too many; null where it was not. */
  again: UnattributedMovement | null;
  /** It is of the charge that an order is paid by. */
  isSettling: boolean;
  /** The name under which the payment is on record that it is of: one of its names for the charge; null where none is. */
  chargeRef: string | null;
}

/** The digest of a line's own id. */
export function entryOf(provider: string, entry: string): string {
  return textDigest(`${provider}\n${entry}`);
}

/** Digest of what a line is called by its provider. */
export function partOf(provider: string, line: ProviderLine): string {
  return textDigest(`${provider}\n${nameOf(line)}`);
}

/** Digest of a line that tells once more of what another line has told. */
export function againOf(provider: string, line: ProviderLine): string {
  const entry = line.entry === null ? null : entryOf(provider, line.entry);
  return textDigest(`${partOf(provider, line)}\n${entry}`);
}

/**
 * The key under which a refund is recorded that its provider made under none of ours, or under that of one which came to
 * nothing here.
 *
 * @param part digest of the provider's name for it
 */
export function recordedKeyOf(provider: string, part: string | null): string {
  return `refund_${textDigest(`${provider}\n${part}`)}`;
}

/** The key under which a refund is recorded again that came back by our books, and that its provider says to have given back. */
export function standingKeyOf(provider: string, refundId: number): string {
  return recordedKeyOf(provider, textDigest(`stands\n${refundId}`));
}

/** What was read for a batch. */
interface Read {
  provider: string;
  installation: Installation;
  payments: ReadonlyMap<string, NamedPayment>;
  /** Of orders that lines name which name no charge. */
  paymentsOf: ReadonlyMap<number, readonly NamedPayment[]>;
  refunds: readonly NamedRefund[];
  mended: Awaited<ReturnType<typeof readMended>>;
  orderOfKey: ReadonlyMap<string, number>;
  orderOfReference: ReadonlyMap<string, number>;
  /** Keys that orders were charged under, by order. */
  keysOf: ReadonlyMap<number, ReadonlySet<string>>;
  withMoney: ReadonlySet<number>;
  /** By the provider's names for them. */
  chargebacks: Awaited<ReturnType<typeof readChargebacksNamed>>;
  movements: Readonly<
    Record<
      | "charge"
      | "refund"
      | "reversal"
      | "mend"
      | "chargeback"
      | "won_back"
      | "returned"
      | "unreversed"
      | "unmended",
      Movements
    >
  >;
  unattributed: ReadonlyMap<string, UnattributedMovement>;
  /** Payments, by id, that went back whole and came back. */
  unreversed: ReadonlySet<number>;
  /** Discrepancies, by id, that were mended by refunds which came back. */
  unmended: ReadonlySet<number>;
  /** What a line of this batch was found to be of, with the line's own id. */
  taken: Map<string, string | null>;
}

type Movements = Awaited<ReturnType<typeof readMovementsOf>>;

/** What is known of each line of a batch, in the same order. */
export async function findFacts(
  db: Queryable,
  provider: string,
  lines: readonly ProviderLine[],
): Promise<FoundFacts[]> {
  const read = await readAll(db, provider, lines);
  return lines.map((line) => {
    const { subject, ours } = findOurs(read, line);
    const part = partOf(provider, line);
    const payment = paymentOf(read, line);
    const orderId = ours?.orderId ?? payment?.orderId ?? orderOf(read, line);
    return {
      subject,
      ours,
      orderId,
      isOurs: ours !== null || payment !== undefined || isOurs(read, line, orderId),
      isPaidOtherwise: orderId !== null && read.withMoney.has(orderId),
      unattributed: keptBefore(read, line, part),
      part,
      entry: line.entry === null ? null : entryOf(provider, line.entry),
      again: read.unattributed.get(`${line.kind} ${againOf(provider, line)}`) ?? null,
      isSettling: line.kind === "charge" && payment?.status === "SUCCEEDED",
      chargeRef: namedPayment(read, line)?.ref ?? null,
    };
  });
}

async function readAll(
  db: Queryable,
  provider: string,
  lines: readonly ProviderLine[],
): Promise<Read> {
  const payments = await readPaymentsNamed(db, provider, [
    ...new Set(lines.flatMap(({ chargeRefs }) => chargeRefs)),
  ]);
  const { orderOfReference, orderOfKey } = await readOrders(db, provider, lines, payments);
  const paymentsOf = await readPaymentsOfOrders(db, provider, [
    ...new Set(
      lines.flatMap((line) =>
        nameless(line) ? orderOf({ orderOfKey, orderOfReference }, line) ?? [] : []
      ),
    ),
  ]);
  const orderIds = [...new Set([...orderOfReference.values(), ...orderOfKey.values()])];
  const refundLines = lines.filter(({ kind }) => kind === "refund" || kind === "correction");
  const refunds = await readRefunds(db, provider, refundLines, { payments, paymentsOf });
  const known = [...payments.values(), ...[...paymentsOf.values()].flat()];
  const mended = await readMended(db, provider, textsOf(refundLines.map(({ key }) => key)));
  const mendIds = [...mended.values()].map(({ id }) => id);
  const hasCharges = lines.some(({ kind }) => kind === "charge");
  const corrected = lines.some(({ kind }) => kind === "correction") ? known : [];
  const chargebacks = await readChargebacksNamed(
    db,
    provider,
    textsOf([
      ...lines.filter(({ kind }) => kind === "chargeback").map(chargebackNameOf),
      ...lines.filter(({ kind }) => kind === "correction")
        .flatMap(({ chargeRefs }) => chargeRefs.map(bouncedName)),
    ]),
  );
  const chargebackIds = [...chargebacks.values()].map(({ id }) => id);
  return {
    provider,
    installation: await readInstallation(db),
    payments,
    paymentsOf,
    refunds,
    mended,
    chargebacks,
    orderOfKey,
    orderOfReference,
    keysOf: await readKeys(db, orderIds),
    withMoney: await readOrdersWithMoney(db, orderIds),
    movements: await readMovements(db, {
      charge: idsOf(hasCharges ? known : []),
      refund: idsOf(refunds),
      returned: idsOf(refunds.filter(({ isReturned }) => isReturned)),
      reversal: idsOf(known.filter(wasReversed)),
      unreversed: idsOf(corrected),
      chargeback: chargebackIds,
      won_back: chargebackIds,
      mend: mendIds,
      unmended: mendIds,
    }),
    unattributed: await readKept(db, provider, lines),
    unreversed: await readReturnedReversals(db, corrected),
    unmended: await readReturnedMends(db, provider, mendIds),
    taken: new Map(),
  };
}

/** Orders by what lines say of them beside their charges: where such a charge is on record, it says more. */
async function readOrders(
  db: Queryable,
  provider: string,
  lines: readonly ProviderLine[],
  payments: Read["payments"],
): Promise<Pick<Read, "orderOfReference" | "orderOfKey">> {
  const strangers = lines.filter((line) =>
    (namedPayment({ payments }, line)?.status ?? "DECLINED") === "DECLINED"
  );
  const texts = (of: "reference" | "key") => textsOf(strangers.map((line) => line[of]));
  return {
    orderOfReference: await readOrdersByReference(db, texts("reference")),
    orderOfKey: await readOrdersOfKeys(db, provider, texts("key")),
  };
}

/** Refunds that lines may be of: by their keys, and of the orders whose charges they name, or which they name themselves. */
async function readRefunds(
  db: Queryable,
  provider: string,
  lines: readonly ProviderLine[],
  { payments, paymentsOf }: Pick<Read, "payments" | "paymentsOf">,
): Promise<NamedRefund[]> {
  if (lines.length === 0) return [];
  return await readRefundsOf(db, {
    keys: [
      ...textsOf(lines.map(({ key }) => key)),
      ...lines.map((line) => recordedKeyOf(provider, partOf(provider, line))),
    ],
    orderIds: [
      ...new Set([
        ...lines.flatMap(({ chargeRefs }) =>
          chargeRefs.flatMap((ref) => payments.get(ref)?.orderId ?? [])
        ),
        ...paymentsOf.keys(),
      ]),
    ],
  });
}

function idsOf(some: readonly { id: number }[]): number[] {
  return [...new Set(some.map(({ id }) => id))];
}

/** What was told of things of ours, by their ids; no statement for none. */
async function readMovements(
  db: Queryable,
  ids: Readonly<Record<keyof Read["movements"], readonly number[]>>,
): Promise<Read["movements"]> {
  const read: [string, Movements][] = [];
  for (const [kind, some] of Object.entries(ids)) {
    read.push([kind, await readMovementsOf(db, kind as MovementKind, some)]);
  }
  return Object.fromEntries(read) as Read["movements"];
}

async function readKept(
  db: Queryable,
  provider: string,
  lines: readonly ProviderLine[],
): Promise<Read["unattributed"]> {
  const kept = new Map<string, UnattributedMovement>();
  // What is of no order may have been told as something else, under the same name.
  const asked = Map.groupBy(lines, ({ kind }) => isOfNoOrder(kind) ? "no order" : kind);
  for (const [kind, some] of asked) {
    const parts = some.flatMap((line) => [partOf(provider, line), againOf(provider, line)]);
    for (const one of kind === "no order" ? kindsOfNoOrder : [kind]) {
      for (const [part, movement] of await readUnattributed(db, one, parts)) {
        kept.set(`${one} ${part}`, movement);
      }
    }
  }
  return kept;
}

/**
 * What was kept of a line that is of nothing of ours. Of no order it may be another kind's; what nobody knew the meaning of before
 * gives way to what is known.
 */
function keptBefore(
  { unattributed }: Read,
  { kind }: ProviderLine,
  part: string,
): UnattributedMovement | null {
  const same = unattributed.get(`${kind} ${part}`);
  if (same !== undefined || !isOfNoOrder(kind)) return same ?? null;
  return kindsOfNoOrder.filter((one) => one !== "other")
    .map((one) => unattributed.get(`${one} ${part}`))
    .find((one) => one !== undefined) ?? null;
}

function textsOf(texts: readonly (string | null)[]): string[] {
  return [...new Set(texts.filter((text) => text !== null))];
}

/** Every key that orders are charged under, or were before they were edited. */
async function readKeys(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, Set<string>>> {
  const charges = [...(await readCharges(db, orderIds)).values()];
  if (charges.length === 0) return new Map();
  const keys = await readChargeKeys(db, charges);
  return new Map(charges.map(({ id, superseded }) => [
    id,
    new Set(
      [...keys.get(id) ?? [], ...superseded.map(({ chargeKey }) => chargeKey)]
        .filter((key) => key !== undefined),
    ),
  ]));
}

/** The payment of the first name of a line's charge that is on record. */
function namedPayment(
  { payments }: Pick<Read, "payments">,
  { chargeRefs }: ProviderLine,
): NamedPayment | undefined {
  return chargeRefs.map((ref) => payments.get(ref)).find((payment) => payment !== undefined);
}

function paymentOf(read: Read, line: ProviderLine): NamedPayment | undefined {
  const named = namedPayment(read, line);
  if (named !== undefined || !nameless(line)) return named;
  const of = read.paymentsOf.get(orderOf(read, line) ?? 0) ?? [];
  if (line.kind !== "charge") return of[0];
  const money = (payment: NamedPayment) => chargeOf(read, payment);
  return of.find((payment) => isTold(read, line, money(payment))) ??
    of.find((payment) => fits(read, line, "charge", money(payment))) ??
    // The only one may be of another amount.
    (of.length === 1 && isUntold(read, line, "charge", money(of[0]!)) ? of[0] : undefined);
}

/** Whether a line names no charge: then its order says which it is, as far as it names that. */
function nameless({ kind, chargeRefs, refundRef }: ProviderLine): boolean {
  return kind === "charge"
    ? chargeRefs.length === 0
    : !isOfNoOrder(kind) && chargeRefs.every((ref) => ref === refundRef);
}

function orderOf(
  { orderOfKey, orderOfReference }: Pick<Read, "orderOfKey" | "orderOfReference">,
  line: ProviderLine,
): number | null {
  const { key, reference } = line;
  return (key === null ? undefined : orderOfKey.get(key)) ??
    (reference === null ? undefined : orderOfReference.get(reference)) ?? null;
}

/**
 * Whether this installation may have asked for it: by its key, which is made of the installation's own name, where the
 * line has one. Without a key nobody can tell, and it counts as ours.
 */
function isOurs(read: Read, line: ProviderLine, orderId: number | null): boolean {
  const { key, reference, amountCents, currency, kind } = line;
  if (key === null || kind !== "charge") return true;
  if (orderId !== null && read.keysOf.get(orderId)?.has(key)) return true;
  if (read.orderOfKey.has(key) || reference === null) return read.orderOfKey.has(key);
  // The order may be lost; it would be charged under this key again.
  return key === chargeKeyOf(read.installation, {
    id: 0,
    externalOrderId: reference,
    totalCents: amountCents,
    currency,
    reservedAt: null,
  });
}

function findOurs(
  read: Read,
  line: ProviderLine,
): { subject: MovementKind; ours: OurMoney | null } {
  const payment = paymentOf(read, line);
  if (line.kind === "charge") {
    if (payment === undefined) return { subject: "charge", ours: null };
    read.taken.set(`charge ${payment.id}`, line.entry);
    return { subject: "charge", ours: chargeOf(read, payment) };
  }
  if (line.kind === "chargeback") return findChargedBack(read, line);
  if (line.kind === "correction") return findCorrected(read, line, payment);
  if (line.kind !== "refund") return { subject: line.kind, ours: null };
  const found = findRefund(read, line, payment) ?? { subject: "refund" as const, ours: null };
  if (found.ours !== null) read.taken.set(`${found.subject} ${found.ours.id}`, line.entry);
  return found;
}

/**
 * The chargeback that a line is of, by its provider's name: what the bank took, and what it gave again, are one each. One
 * of which our books do not say that its money moved so is on record for another thing, unless this was told before.
 */
function findChargedBack(
  { chargebacks, movements }: Read,
  line: ProviderLine,
): { subject: MovementKind; ours: OurMoney | null } {
  const subject = line.grossCents < 0 ? "chargeback" : "won_back";
  const name = chargebackNameOf(line);
  const known = name === null ? undefined : chargebacks.get(name);
  if (known === undefined) return { subject, ours: null };
  const { id, orderId, amountCents, currency, state, wasTaken } = known;
  const movement = movements[subject].get(id) ?? null;
  const isSo = wasTaken &&
    (subject === "chargeback" || chargebackStates[state].money === "ours");
  if (!isSo && movement === null) return { subject, ours: null };
  return {
    subject,
    ours: { id, orderId: orderId ?? 0, amountCents, currency, at: null, moved: true, movement },
  };
}

/**
 * What a line is of that says that something came to nothing after all: a refund that its provider took back, where money comes
 * back to us, or else a charge that bounced. Both are on record once somebody has told of them.
 */
function findCorrected(
  read: Read,
  line: ProviderLine,
  payment: NamedPayment | undefined,
): { subject: MovementKind; ours: OurMoney | null } {
  const { movements, chargebacks } = read;
  if (line.grossCents < 0) {
    const known = line.chargeRefs.map((ref) => chargebacks.get(bouncedName(ref)))
      .find((one) => one !== undefined);
    if (known === undefined) return { subject: "chargeback", ours: null };
    const { id, orderId, amountCents, currency } = known;
    const movement = movements.chargeback.get(id) ?? null;
    return {
      subject: "chargeback",
      ours: { id, orderId: orderId ?? 0, amountCents, currency, at: null, moved: true, movement },
    };
  }
  const refund = returnedOf(read, line, payment);
  if (refund === undefined) {
    const unreversed = unreversedOf(read, line, payment);
    if (unreversed !== undefined) return { subject: "unreversed", ours: unreversed };
    const unmended = mendOf(read, line, "unmended");
    return unmended !== undefined && read.unmended.has(unmended.id)
      ? { subject: "unmended", ours: unmended }
      : { subject: "returned", ours: null };
  }
  const { id, orderId, amountCents, currency } = refund;
  const movement = movements.returned.get(id) ?? null;
  read.taken.set(`returned ${id}`, line.entry);
  return {
    subject: "returned",
    ours: { id, orderId, amountCents, currency, at: null, moved: true, movement },
  };
}

/** The refund that a provider took back, by its key or else by its order and amount. */
function returnedOf(
  read: Read,
  line: ProviderLine,
  payment: NamedPayment | undefined,
): NamedRefund | undefined {
  const byKey = refundOfKey(read, line);
  if (byKey !== undefined) return byKey.isReturned ? byKey : undefined;
  if (line.key !== null || payment === undefined) return undefined;
  return read.refunds.find((refund) => {
    const { id, orderId, amountCents, currency, isReturned } = refund;
    if (!isReturned || orderId !== payment.orderId) return false;
    const movement = read.movements.returned.get(id) ?? null;
    const ours = { id, orderId, amountCents, currency, at: null, moved: true, movement };
    return fits(read, line, "returned", ours);
  });
}

/** The payment that went back whole and came back, by its charge and its key or amount. */
function unreversedOf(
  read: Read,
  line: ProviderLine,
  payment: NamedPayment | undefined,
): OurMoney | undefined {
  if (payment === undefined || !read.unreversed.has(payment.id)) return undefined;
  const { id, orderId, amountCents, currency } = payment;
  const movement = read.movements.unreversed.get(id) ?? null;
  const ours = { id, orderId, amountCents, currency, at: null, moved: true, movement };
  const isOf = line.key === null
    ? fits(read, line, "unreversed", ours)
    : hasReversalKey(read, payment, line.key);
  if (!isOf) return undefined;
  read.taken.set(`unreversed ${id}`, line.entry);
  return ours;
}

function chargeOf({ movements }: Read, payment: NamedPayment): OurMoney {
  const { id, orderId, amountCents, currency, status, paidAt, isTimeKnown } = payment;
  return {
    id,
    orderId,
    amountCents,
    currency,
    at: isTimeKnown ? paidAt : null,
    moved: status !== "DECLINED",
    movement: movements.charge.get(id) ?? null,
  };
}

/** The refund that a line is of: by its key, and where the provider does not repeat that, by the order and its amount. */
function findRefund(
  read: Read,
  line: ProviderLine,
  payment: NamedPayment | undefined,
): { subject: MovementKind; ours: OurMoney } | undefined {
  const { key } = line;
  const byKey = refundOfKey(read, line);
  if (byKey !== undefined) return { subject: "refund", ours: refundOf(read, byKey) };
  const mend = mendOf(read, line, "mend");
  if (mend !== undefined) return { subject: "mend", ours: mend };
  if (payment === undefined) return undefined;
  const reversal = reversalOf(read, payment);
  if (reversal !== undefined && (key === null || hasReversalKey(read, payment, key))) {
    if (key !== null || fits(read, line, "reversal", reversal)) {
      return { subject: "reversal", ours: reversal };
    }
  }
  if (key !== null) return undefined;
  const made = read.refunds
    .filter((one) => one.orderId === payment.orderId && wasMade(one))
    .map((refund) => refundOf(read, refund));
  const ours = made.find((refund) => isTold(read, line, refund)) ??
    made.find((refund) => fits(read, line, "refund", refund));
  return ours === undefined ? undefined : { subject: "refund", ours };
}

/** What mending gave back directly under a line's key, or what came back of that. */
function mendOf(
  { mended, movements }: Read,
  { key }: ProviderLine,
  subject: "mend" | "unmended",
): OurMoney | undefined {
  const mend = key === null ? undefined : mended.get(key);
  if (mend === undefined) return undefined;
  const { id, orderId, cents: amountCents, currency } = mend;
  const movement = movements[subject].get(id) ?? null;
  return { id, orderId: orderId ?? 0, amountCents, currency, at: null, moved: true, movement };
}

/** The refund that has a line's key; one that came to nothing here only where what its provider made is not on record. */
function refundOfKey({ refunds, provider }: Read, line: ProviderLine): NamedRefund | undefined {
  if (line.key === null) return undefined;
  const asked = refunds.find(({ key }) => key === line.key);
  if (asked === undefined || asked.status !== "FAILED" || asked.isReturned) return asked;
  const recorded = recordedKeyOf(provider, partOf(provider, line));
  return refunds.find(({ key }) => key === recorded) ?? asked;
}

/** Whether just this line was told of some money. */
function isTold({ provider }: Read, { entry }: ProviderLine, { movement }: OurMoney): boolean {
  return entry !== null && movement !== null && movement.entry === entryOf(provider, entry);
}

/** Whether nothing was told of some money, nor by another line of this batch; the very line may stand in it twice. */
function isUntold(
  { taken }: Read,
  { entry }: ProviderLine,
  subject: MovementKind,
  { id, movement }: OurMoney,
): boolean {
  if (movement !== null) return false;
  const by = taken.get(`${subject} ${id}`);
  return by === undefined || (entry !== null && by === entry);
}

/** Whether a line without a key may be of some money: nothing else was told of it, or just this. */
function fits(
  read: Read,
  line: ProviderLine,
  subject: MovementKind,
  ours: OurMoney,
): boolean {
  const { amountCents, currency, entry, at } = line;
  if (ours.amountCents !== amountCents || ours.currency !== currency) return false;
  const { movement } = ours;
  if (movement === null) return isUntold(read, line, subject, ours);
  const told = movement as typeof movement & { at: string };
  return entry !== null && movement.entry !== null
    ? movement.entry === entryOf(read.provider, entry)
    : told.at.slice(0, 23).padEnd(23, "0") === at.slice(0, 23).padEnd(23, "0");
}

/** Whether the provider has made it, whatever became of that. */
function wasMade({ status, isReturned }: NamedRefund): boolean {
  return status === "PROCESSED" || isReturned;
}

function refundOf({ movements }: Read, refund: NamedRefund): OurMoney {
  const { id, orderId, amountCents, currency, status, processedAt, isByHand, isReturned } = refund;
  return {
    id,
    orderId,
    amountCents,
    currency,
    at: isByHand ? null : processedAt,
    moved: status !== "FAILED" || isReturned,
    movement: movements.refund.get(id) ?? null,
  };
}

/** Whether all of a payment goes back, or has. */
function wasReversed({ status }: NamedPayment): boolean {
  return status === "REVERSING" || status === "REVERSED";
}

function reversalOf({ movements }: Read, payment: NamedPayment): OurMoney | undefined {
  if (!wasReversed(payment)) return undefined;
  const { id, orderId, amountCents, currency } = payment;
  return {
    id,
    orderId,
    amountCents,
    currency,
    at: null,
    moved: true,
    movement: movements.reversal.get(id) ?? null,
  };
}

function hasReversalKey(
  { installation, provider }: Read,
  { ref: providerRef, ...payment }: NamedPayment,
  key: string,
): boolean {
  return reversalKeysOf(installation, { ...payment, provider, providerRef }).includes(key);
}
