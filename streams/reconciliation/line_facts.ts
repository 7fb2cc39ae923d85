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
import { readMended } from "../../db/reconciliation/discrepancies.ts";
import {
  type NamedPayment,
  type NamedRefund,
  readChargebacksNamed,
  readOrdersByReference,
  readOrdersOfKeys,
  readOrdersWithMoney,
  readPaymentsNamed,
  readRefundsOf,
} from "../../db/reconciliation/line_facts.ts";
import { readMovementsOf, readUnattributed } from "../../db/reconciliation/provider_movements.ts";
import { textDigest } from "../../domain/order/content_hash.ts";
import {
  chargeKeyOf,
  type Installation,
  reversalKeysOf,
} from "../../domain/payment/payment_key.ts";
import { bouncedName, chargebackStates } from "../../domain/payment/chargeback.ts";
import type { LineFacts, OurMoney } from "../../domain/reconciliation/decide_line.ts";
import type { MovementKind } from "../../domain/reconciliation/discrepancy.ts";
import {
  chargebackNameOf,
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
  /** This very line was kept before as one too many. */
  isToldAgain: boolean;
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
  unattributed: ReadonlyMap<string, OurMoney["movement"]>;
  /** Payments, by id, that went back whole and came back. */
  unreversed: ReadonlySet<number>;
  /** Discrepancies, by id, that were mended by refunds which came back. */
  unmended: ReadonlySet<number>;
  /** Refunds that a line of this batch was found to be of. */
  taken: Set<string>;
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
      unattributed: read.unattributed.get(`${line.kind} ${part}`) ?? null,
      part,
      entry: line.entry === null ? null : entryOf(provider, line.entry),
      isToldAgain: read.unattributed.has(`${line.kind} ${againOf(provider, line)}`),
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
  const keys = textsOf(lines.map(({ key }) => key));
  const orderOfReference = await readOrdersByReference(
    db,
    textsOf(lines.map(({ reference }) => reference)),
  );
  const orderOfKey = await readOrdersOfKeys(db, provider, keys);
  const orderIds = [...new Set([...orderOfReference.values(), ...orderOfKey.values()])];
  const refundLines = lines.filter(({ kind }) => kind === "refund" || kind === "correction");
  const refunds = refundLines.length === 0 ? [] : await readRefundsOf(db, {
    keys: [
      ...textsOf(refundLines.map(({ key }) => key)),
      ...refundLines.map((line) => recordedKeyOf(provider, partOf(provider, line))),
    ],
    orderIds: [
      ...new Set(
        refundLines.flatMap(({ chargeRefs }) =>
          chargeRefs.flatMap((ref) => payments.get(ref)?.orderId ?? [])
        ),
      ),
    ],
  });
  const corrected = lines.some(({ kind }) => kind === "correction") ? [...payments.values()] : [];
  const mended = await readMended(db, provider, refundLines.length === 0 ? [] : keys);
  const mendIds = [...mended.values()].map(({ id }) => id);
  const paymentIds = [...payments.values()].map(({ id }) => id);
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
    refunds,
    mended,
    chargebacks,
    orderOfKey,
    orderOfReference,
    keysOf: await readKeys(db, orderIds),
    withMoney: await readOrdersWithMoney(db, orderIds),
    movements: await readMovements(db, {
      paymentIds,
      correctedIds: corrected.map(({ id }) => id),
      refundIds: refunds.map(({ id }) => id),
      chargebackIds,
      mendIds,
    }),
    unattributed: await readKept(db, provider, lines),
    unreversed: await readReturnedReversals(db, corrected),
    unmended: await readReturnedMends(db, provider, mendIds),
    taken: new Set(),
  };
}

async function readMovements(
  db: Queryable,
  { paymentIds, correctedIds, refundIds, chargebackIds, mendIds }: Record<
    "paymentIds" | "correctedIds" | "refundIds" | "chargebackIds" | "mendIds",
    readonly number[]
  >,
): Promise<Read["movements"]> {
  return {
    charge: await readMovementsOf(db, "charge", paymentIds),
    refund: await readMovementsOf(db, "refund", refundIds),
    returned: await readMovementsOf(db, "returned", refundIds),
    reversal: await readMovementsOf(db, "reversal", paymentIds),
    unreversed: await readMovementsOf(db, "unreversed", correctedIds),
    chargeback: await readMovementsOf(db, "chargeback", chargebackIds),
    won_back: await readMovementsOf(db, "won_back", chargebackIds),
    mend: await readMovementsOf(db, "mend", mendIds),
    unmended: await readMovementsOf(db, "unmended", mendIds),
  };
}

async function readKept(
  db: Queryable,
  provider: string,
  lines: readonly ProviderLine[],
): Promise<Read["unattributed"]> {
  const kept = new Map<string, OurMoney["movement"]>();
  for (const [kind, some] of Map.groupBy(lines, ({ kind }) => kind)) {
    const parts = some.flatMap((line) => [partOf(provider, line), againOf(provider, line)]);
    for (const [part, movement] of await readUnattributed(db, kind, parts)) {
      kept.set(`${kind} ${part}`, movement);
    }
  }
  return kept;
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

function paymentOf({ payments }: Read, { chargeRefs }: ProviderLine): NamedPayment | undefined {
  return chargeRefs.map((ref) => payments.get(ref)).find((payment) => payment !== undefined);
}

function orderOf({ orderOfKey, orderOfReference }: Read, line: ProviderLine): number | null {
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
    return { subject: "charge", ours: payment === undefined ? null : chargeOf(read, payment) };
  }
  if (line.kind === "chargeback") return findChargedBack(read, line);
  if (line.kind === "correction") return findCorrected(read, line, payment);
  if (line.kind !== "refund") return { subject: line.kind, ours: null };
  const found = findRefund(read, line, payment) ?? { subject: "refund" as const, ours: null };
  if (found.ours !== null) read.taken.add(`${found.subject} ${found.ours.id}`);
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
  const { id, orderId, amountCents, currency, state, isWithdrawn } = known;
  const movement = movements[subject].get(id) ?? null;
  const isSo = isWithdrawn &&
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
  read.taken.add(`returned ${id}`);
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
  read.taken.add(`unreversed ${id}`);
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
  const ours = read.refunds
    .filter((one) => one.orderId === payment.orderId && wasMade(one))
    .map((refund) => refundOf(read, refund))
    .find((refund) => fits(read, line, "refund", refund));
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

/** Whether a line without a key may be of a refund: nothing else was told of it, or just this. */
function fits(
  { taken, provider }: Read,
  { amountCents, currency, entry, at }: ProviderLine,
  subject: MovementKind,
  ours: OurMoney,
): boolean {
  if (ours.amountCents !== amountCents || ours.currency !== currency) return false;
  const { movement } = ours;
  if (movement === null) return !taken.has(`${subject} ${ours.id}`);
  const told = movement as typeof movement & { at: string };
  return entry !== null && movement.entry !== null
    ? movement.entry === entryOf(provider, entry)
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

function reversalOf({ movements }: Read, payment: NamedPayment): OurMoney | undefined {
  const { id, orderId, amountCents, currency, status } = payment;
  if (status !== "REVERSING" && status !== "REVERSED") return undefined;
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
