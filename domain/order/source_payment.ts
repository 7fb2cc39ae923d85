/**
 * How an order stands at its source: to be charged, paid there already, or free.
 *
 * @module
 */

import { noProvider } from "./order.ts";

/** What a source may say of an order's payment. */
export const paymentStatuses = ["due", "paid", "none"] as const;

/** What a source says of an order's payment. */
export type PaymentStatus = typeof paymentStatuses[number];

/** A payment that was made before the order came: recorded, and never charged. */
export interface PaidAtSource {
  /** It is paid. */
  status: "paid";
  /** Who took the money, in lower case. */
  provider: string;
  /** The payment's id there. No other order has the same. */
  reference: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`; null where the source does not say. */
  paidAt: string | null;
}

/** How an order stands at its source: `due` is charged, `none` costs nothing. */
export type SourcePayment = { status: "due" } | { status: "none" } | PaidAtSource;

/** Limits on what a source says of a payment. */
export const paymentLimits = { providerLength: 32, referenceLength: 128 } as const;

/** Who took the money where a source does not say. */
export const externalProvider = "external";

/** A field of a payment. */
export type PaymentField = "status" | "provider" | "reference" | "paidAt";

/** A field that does not fit the others. */
export interface PaymentFault {
  /** Which one. */
  of: PaymentField;
  /** What is wrong with it, for people. */
  detail: string;
}

/** What a source says, field by field; undefined for nothing. */
export interface SaidPayment {
  /** See {@linkcode SourcePayment}. */
  status: PaymentStatus | undefined;
  /** See {@linkcode providerOf}. */
  provider: string | undefined;
  /** Within its limits. */
  reference: string | undefined;
  /** UTC, as {@linkcode PaidAtSource} has it. */
  paidAt?: string | undefined;
}

/**
 * Puts together what a source says of an order's payment.
 *
 * Where nobody is said to have taken the money, it is the source itself, and its payment has the order's own id if
 * it has none else. A provider that is named can give money back only for a payment that is named as well.
 *
 * @returns the payment, or every field that does not fit the others
 */
export function paymentOf(
  { status = "due", provider, reference, paidAt }: SaidPayment,
  externalOrderId: string,
): SourcePayment | PaymentFault[] {
  if (status !== "paid") {
    const said = { provider, reference, paidAt };
    const faults = (Object.keys(said) as (keyof typeof said)[])
      .filter((field) => said[field] !== undefined)
      .map((field) => ({
        of: field,
        detail: `is of a payment, and the payment status is ${status}: ${ways}`,
      }));
    return faults.length > 0 ? faults : { status };
  }
  if (provider !== undefined && reference === undefined) {
    return [{ of: "reference", detail: `is missing: the payment's id at ${provider}` }];
  }
  return {
    status,
    provider: provider ?? externalProvider,
    reference: reference ?? externalOrderId,
    paidAt: paidAt ?? null,
  };
}

const ways = "write paid, or leave this out";

/** Why a text can't be a provider's name, where it can't. */
export function providerProblem(name: string): string | undefined {
  if (!/^[a-z0-9][a-z0-9 ._-]{0,31}$/i.test(name)) {
    return `must be at most ${paymentLimits.providerLength} letters, digits, spaces, dots, dashes and underscores`;
  }
  if (providerOf(name) === noProvider) return "must not be none: that is a payment status";
}

/** A provider's name as it is kept: case makes no difference. */
export function providerOf(name: string): string {
  return name.toLowerCase();
}

/** Why a text can't be the id of a payment, where it can't; it must be trimmed. */
export function referenceProblem(value: string): string | undefined {
  if ([...value].length > paymentLimits.referenceLength) {
    return `must be at most ${paymentLimits.referenceLength} characters long`;
  }
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f-\x9f]/.test(value)) return "must not hold control characters";
}

/** What an order is to be paid. */
export interface Payable {
  /** In minor units of `currency`. */
  totalCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** The payment that was made at its source before it came, as a text that no other one has; null for none. */
  paidBy: string | null;
}

/**
 * True where an order that was paid at its source would have another total, currency or payment: it must come to what was
 * paid, whoever changes it. Other lines of the same total are no matter of its payment.
 */
export function changesPaid(before: Payable, after: Payable): boolean {
  if (before.paidBy === null) return false;
  return before.paidBy !== after.paidBy || before.totalCents !== after.totalCents ||
    before.currency !== after.currency;
}

/** Why such an order can't be changed, and what can be done instead, for people. */
export const paidAtSourceText: string =
  "it was paid at its source, so neither its total nor its payment can change; cancel it and place a " +
  "new order, or refund what is too much once it is PAID";
