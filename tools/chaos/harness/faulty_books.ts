/**
 * The books of a payment provider that loses money, moves it twice and counts it wrong when it is told to.
 *
 * @module
 */

import { feeOf, type ReportLine, reportLine } from "../../../commands/provider_report.ts";
import { databaseTime } from "../../../domain/database_time.ts";

/** A charge as the provider has it. */
export interface BookedCharge {
  id: string;
  key: string;
  reference: string;
  /** What was asked for, and what was taken. */
  askedCents: number;
  amountCents: number;
  currency: string;
  status: "succeeded" | "declined";
  refundedCents: number;
  at: Date;
  /** It stands in no report, and the next look-up finds nothing; asked once more, it is found again. */
  lost?: "unnoticed" | "asked_about";
}

/** A refund that was made. */
export interface BookedRefund {
  id: string;
  key: string;
  charge: BookedCharge;
  amountCents: number;
  at: Date;
}

/** What can be done to the books behind everybody's back. */
export const bookFaults = [
  "charged_twice",
  "charge_lost",
  "amount_changed",
  "refund_forgotten",
  "refunded_twice",
] as const;

/** One of {@linkcode bookFaults}. */
export type BookFault = typeof bookFaults[number];

/** All of it, in memory. */
export interface FaultyBooks {
  charges: BookedCharge[];
  refunds: BookedRefund[];
  /** Takes the money once for a key. */
  charge(
    asked: Pick<BookedCharge, "key" | "reference" | "askedCents" | "currency">,
  ): { charge: BookedCharge; isNew: boolean };
  /** What a look-up by its key finds. */
  find(key: string): BookedCharge | undefined;
  /** Undefined where nothing is left to give back. */
  refund(asked: { key: string; chargeId: string; amountCents: number }): BookedRefund | undefined;
  /**
   * Does a fault to a charge, or to the refund of it.
   *
   * @returns the provider's name of the charge that a finding is about; undefined where there is no such charge or refund
   */
  fault(fault: BookFault, chargeId: string): string | undefined;
  report(): ReportLine[];
}

/** Cents by which a charge is changed: even, as all that are paid. */
const changedBy = 1_000;

/** Opens empty books. Even amounts are paid, odd ones declined. */
export function openBooks(): FaultyBooks {
  const charges: BookedCharge[] = [];
  const refunds: BookedRefund[] = [];
  const byKey = new Map<string, BookedCharge>();
  const books: FaultyBooks = {
    charges,
    refunds,
    charge: (asked) => {
      const before = byKey.get(asked.key);
      if (before !== undefined) return { charge: before, isNew: false };
      const charge: BookedCharge = {
        id: idOf("ch"),
        ...asked,
        amountCents: asked.askedCents,
        status: asked.askedCents % 2 === 0 ? "succeeded" : "declined",
        refundedCents: 0,
        at: new Date(),
      };
      byKey.set(asked.key, charge);
      charges.push(charge);
      return { charge, isNew: true };
    },
    find: (key) => {
      const charge = byKey.get(key);
      if (charge?.lost === "unnoticed") {
        charge.lost = "asked_about";
        return undefined;
      }
      if (charge?.lost === "asked_about") delete charge.lost;
      return charge;
    },
    refund: ({ key, chargeId, amountCents }) => {
      const before = refunds.find((refund) => refund.key === key);
      if (before !== undefined) return before;
      const charge = charges.find(({ id }) => id === chargeId);
      if (charge === undefined) return undefined;
      const left = charge.status === "succeeded" ? charge.amountCents - charge.refundedCents : 0;
      return amountCents < 1 || amountCents > left ? undefined : giveBack(books, {
        key,
        charge,
        amountCents,
      });
    },
    fault: (fault, chargeId) => {
      const charge = charges.find(({ id }) => id === chargeId);
      return charge && doTo(books, fault, charge);
    },
    report: () => reportOf(books),
  };
  return books;
}

function giveBack(
  { refunds }: FaultyBooks,
  made: Pick<BookedRefund, "key" | "charge" | "amountCents">,
): BookedRefund {
  const refund = { ...made, id: idOf("re"), at: new Date() };
  refund.charge.refundedCents += refund.amountCents;
  refunds.push(refund);
  return refund;
}

function doTo(books: FaultyBooks, fault: BookFault, charge: BookedCharge): string | undefined {
  const { refunds, charges } = books;
  switch (fault) {
    case "charged_twice": {
      const second = { ...charge, id: idOf("ch"), at: new Date() };
      charges.push(second);
      return second.id;
    }
    case "charge_lost":
      charge.lost = "unnoticed";
      return charge.id;
    case "amount_changed":
      charge.amountCents += changedBy;
      return charge.id;
  }
  const refund = refunds.find((one) => one.charge === charge);
  if (refund === undefined) return undefined;
  if (fault === "refunded_twice") {
    giveBack(books, { ...refund, key: `${refund.key}_again` });
  } else {
    charge.refundedCents -= refund.amountCents;
    refunds.splice(refunds.indexOf(refund), 1);
  }
  return charge.id;
}

/** Everything that moved and was not lost, by time. */
function reportOf({ charges, refunds }: FaultyBooks): ReportLine[] {
  const took = charges.filter(({ status, lost }) => status === "succeeded" && lost === undefined);
  return [
    ...took.map((charge) => lineOf(charge, charge.at, null)),
    ...refunds.map((refund) => lineOf(refund.charge, refund.at, refund)),
  ].sort((a, b) => a.createdUtc < b.createdUtc ? -1 : 1);
}

function lineOf(charge: BookedCharge, at: Date, refund: BookedRefund | null): ReportLine {
  return reportLine({
    kind: refund === null ? "charge" : "refund",
    createdUtc: databaseTime(at),
    chargeId: charge.id,
    refundId: refund?.id ?? "",
    key: refund?.key ?? charge.key,
    reference: charge.reference,
    grossCents: refund === null ? charge.amountCents : -refund.amountCents,
    feeCents: refund === null ? feeOf(charge.amountCents) : 0,
    currency: charge.currency,
  });
}

function idOf(kind: string): string {
  return `${kind}_${crypto.randomUUID()}`;
}
