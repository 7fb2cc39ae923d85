/**
 * An order as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import {
  customerIdProblem,
  idProblem,
  minorUnitsProblem,
  textProblem,
} from "../../../domain/import/csv_rows.ts";
import { adjustmentKinds, adjustmentProblem } from "../../../domain/order/adjustment.ts";
import { guestOf, type IncomingCustomer } from "../../../domain/order/guest.ts";
import {
  type IncomingOrder,
  orderLimits,
  type OrderTerms,
} from "../../../domain/order/incoming_order.ts";
import { maxLanguageLength, readLanguage } from "../../../domain/order/language.ts";
import { type TotalProblem, totalProblem } from "../../../domain/order/order_total.ts";
import {
  type PaymentFault,
  type PaymentField,
  paymentLimits,
  paymentOf,
  paymentStatuses,
  providerOf,
  providerProblem,
  referenceProblem,
} from "../../../domain/order/source_payment.ts";
import { instructionFields, instructionsIn, misplacedInstructions } from "./payment_fields.ts";
import { unreadMoneyFields } from "./unread_money.ts";
import { currencyProblem, isCurrency } from "../../../domain/money.ts";
import { latestPlacedAt, parsePlacedAt, tooFarAhead } from "../../../domain/order/placed_at.ts";

/** Items of one order; larger ones come by import. */
export const maxItems = 1_000;

/** The error of a field of another type: of one that is not there, that it is missing. */
function typeError(expected: string): (issue: { input?: unknown }) => string {
  return ({ input }) => input === undefined ? "is missing" : expected;
}

/** Trimmed text under a rule that the import has as well. */
function text(problemOf: (value: string) => string | undefined, maxCharacters: number) {
  return z.string({ error: typeError("must be text") }).trim().superRefine((value, issues) => {
    const problem = problemOf(value) ??
      (value.isWellFormed() ? undefined : "must be well-formed Unicode");
    if (problem !== undefined) issues.addIssue({ code: "custom", message: problem });
  }).meta({ minLength: 1, maxLength: maxCharacters });
}

function integer(min: number, max: number) {
  const message = `must be an integer ${min}…${max}`;
  return z.int({ error: typeError(message) }).min(min, message).max(max, message);
}

/** How long a boundary is used again that is a day away, in milliseconds: making one takes longer than all other checks of a time. */
const boundaryMs = 1_000;

let latest = { text: "", untilMs: -Infinity };

/** See {@linkcode latestPlacedAt}, less than a second ago. */
export function latestNow(): string {
  const nowMs = Date.now();
  const isOld = nowMs >= latest.untilMs || nowMs < latest.untilMs - boundaryMs;
  if (isOld) latest = { text: latestPlacedAt(nowMs), untilMs: nowMs + boundaryMs };
  return latest.text;
}

// The description stands before the transformation: a document of inputs forgets examples of what comes after.
const placedAt = z.string({ error: typeError("must be text") }).trim().meta({
  description: "A date and time, at most a day ahead; UTC unless it says otherwise",
  examples: ["2026-01-05T10:00:00Z", "2026-01-05 10:00:00"],
}).transform((value, issues) => {
  const time = parsePlacedAt(value);
  if (time !== undefined && time <= latestNow()) return time;
  issues.addIssue({
    code: "custom",
    message: time === undefined
      ? "must be a date and time such as 2010-12-01T08:26:00Z or 2010-12-01 08:26:00"
      : tooFarAhead,
  });
  return z.NEVER;
});

const objectError = { error: typeError("must be an object") };

/** Text that may be missing, empty or null, all of which say nothing. */
function optionalText(problemOf: (value: string) => string | undefined, maxCharacters: number) {
  return z.string({ error: "must be text" }).trim().superRefine((value, issues) => {
    if (value === "") return;
    const problem = problemOf(value) ??
      (value.isWellFormed() ? undefined : "must be well-formed Unicode");
    if (problem !== undefined) issues.addIssue({ code: "custom", message: problem });
  }).meta({ maxLength: maxCharacters }).nullish();
}

/** What {@linkcode optionalText} says; undefined for nothing. */
function said(text: string | null | undefined): string | undefined {
  return text === null || text === "" ? undefined : text;
}

const customer = z.object({
  external_id: optionalText(customerIdProblem, orderLimits.idLength),
  email: optionalText(textProblem, orderLimits.textLength),
  name: text(textProblem, orderLimits.textLength),
}, objectError).meta({
  description:
    "Who buys. Without external_id a guest, who is told apart by the e-mail or else by the order. Without an " +
    "e-mail, none is sent",
});

const maxCents = orderLimits.totalCents;

const adjustment = z.object({
  kind: z.enum(adjustmentKinds, {
    error: typeError(`must be one of ${adjustmentKinds.join(", ")}`),
  }),
  label: optionalText(textProblem, orderLimits.textLength),
  amount_cents: integer(-maxCents, maxCents).meta({
    description: "In minor units of the currency; a discount is below zero",
  }),
  included: z.boolean({ error: "must be true or false" }).optional().meta({
    description:
      "Of a tax that the prices contain already: it adds nothing to the total. All such taxes come to no more " +
      "than the items and what is added to them",
  }),
}, objectError).superRefine(({ kind, amount_cents, included }, issues) => {
  const problem = adjustmentProblem(kind, amount_cents);
  if (problem !== undefined) {
    issues.addIssue({ code: "custom", path: ["amount_cents"], message: problem });
  }
  if (included === true && kind !== "tax") {
    issues.addIssue({ code: "custom", path: ["included"], message: "is for a tax alone" });
  }
});

const payment = z.object({
  status: z.enum(paymentStatuses, { error: typeError("must be due, paid or none") }).meta({
    description:
      "`due` is charged; `paid` was paid before, and is recorded and not charged; `none` costs nothing",
  }),
  provider: optionalText(providerProblem, paymentLimits.providerLength),
  reference: optionalText(referenceProblem, paymentLimits.referenceLength),
  paid_at: placedAt.nullish(),
  ...instructionFields,
}, objectError);

const language = optionalText((value) => {
  const read = readLanguage(value);
  return "problem" in read ? read.problem : undefined;
}, maxLanguageLength).meta({ description: "BCP 47, such as de or en-GB" });

const fields = z.object({
  external_order_id: text(idProblem, orderLimits.idLength),
  placed_at: placedAt,
  currency: z.string({ error: typeError("must be text") }).trim()
    .regex(/^[A-Za-z]{3}$/, currencyProblem)
    .transform((value) => value.toUpperCase())
    .refine(isCurrency, currencyProblem),
  customer,
  items: z.array(
    z.object({
      sku: text(idProblem, orderLimits.idLength),
      name: text(textProblem, orderLimits.textLength),
      unit_price_cents: integer(0, orderLimits.unitPriceCents),
      qty: integer(1, orderLimits.qty),
    }, objectError),
    { error: typeError("must be a list") },
  ).min(1, "must hold at least one item").max(maxItems, `must hold at most ${maxItems} items`),
  adjustments: z.array(adjustment, { error: "must be a list" })
    .max(orderLimits.adjustments, `must hold at most ${orderLimits.adjustments} adjustments`)
    .optional(),
  total_cents: integer(0, maxCents).optional().meta({
    description:
      "What the sender says that items and adjustments come to; refused where they don't",
  }),
  payment: payment.optional(),
  language,
}, objectError);

type Fields = z.output<typeof fields>;

const unreadMoney = unreadMoneyFields({
  order: Object.keys(fields.shape),
  item: Object.keys(fields.shape.items.element.shape),
  adjustment: Object.keys(adjustment.shape),
  payment: Object.keys(payment.shape),
});

const wholeOrder = fields.transform((order, issues): IncomingOrder => {
  const payment = paymentIn(order);
  if (Array.isArray(payment)) {
    for (const { of, detail } of payment) {
      issues.addIssue({ code: "custom", path: ["payment", paymentNames[of]], message: detail });
    }
    return z.NEVER;
  }
  const incoming: IncomingOrder = {
    externalOrderId: order.external_order_id,
    placedAt: order.placed_at,
    currency: order.currency,
    customer: customerIn(order),
    items: order.items.map((item) => ({
      sku: item.sku,
      name: item.name,
      unitPriceCents: item.unit_price_cents,
      qty: item.qty,
    })),
    ...termsIn(order),
    ...(payment === undefined ? {} : { payment }),
    ...instructionsIn(order.payment),
  };
  for (const path of misplacedInstructions(order.payment)) {
    issues.addIssue({ code: "custom", path, message: "is for a payment that is due" });
  }
  const problem = totalProblem(incoming, "request");
  if (problem === undefined) return incoming;
  issues.addIssue({ code: "custom", ...faultOfTotal(problem) });
  return z.NEVER;
});

/**
 * The body of `POST /orders`. Fields that are not known are passed over, as the import does with columns; but for those that may be
 * about money, of which all other faults are told as well.
 */
export const orderBody = z.preprocess((came: z.input<typeof wholeOrder>, { issues }) => {
  const unread = unreadMoney(came);
  if (unread === undefined) return came;
  const others = wholeOrder.safeParse(came).error?.issues ?? [];
  for (const issue of [...unread, ...others]) issues.push({ ...issue, input: came } as never);
  return came;
}, wholeOrder);

/**
 * What is wrong with an amount that is none in minor units, where it is one in units of the currency: what its schema
 * says of it holds for every currency.
 *
 * @param body as it came
 */
export function amountDetail(path: readonly PropertyKey[], body: unknown): string | undefined {
  const max = maxOf(path);
  if (max === undefined) return undefined;
  const value = valueAt(body, path);
  const currency = valueAt(body, ["currency"]);
  if (typeof currency !== "string" || (typeof value !== "string" && typeof value !== "number")) {
    return undefined;
  }
  const code = currency.trim().toUpperCase();
  return minorUnitsProblem(String(value).trim(), path[0] === "adjustments" ? -max : 0, max, code);
}

/** The largest amount of a field; undefined for one that is no amount. */
function maxOf(path: readonly PropertyKey[]): number | undefined {
  const [first, , field] = path;
  if (first === "total_cents" && path.length === 1) return maxCents;
  if (first === "adjustments" && field === "amount_cents") return maxCents;
  if (first === "items" && field === "unit_price_cents") return orderLimits.unitPriceCents;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function customerIn({ customer, external_order_id }: Fields): IncomingCustomer {
  const externalId = said(customer.external_id);
  const email = said(customer.email) ?? null;
  const { name } = customer;
  return externalId === undefined
    ? guestOf(email, name, external_order_id)
    : { externalId, email, name };
}

function termsIn({ adjustments = [], total_cents, language }: Fields): OrderTerms {
  const some = adjustments.filter(({ amount_cents }) => amount_cents !== 0).map((one) => ({
    kind: one.kind,
    label: said(one.label) ?? null,
    amountCents: one.amount_cents,
    included: one.included ?? false,
  }));
  const read = said(language) === undefined ? undefined : readLanguage(said(language)!);
  return {
    ...(some.length === 0 ? {} : { adjustments: some }),
    ...(total_cents === undefined ? {} : { totalCents: total_cents }),
    ...(read === undefined || "problem" in read ? {} : read),
  };
}

function paymentIn(
  { payment, external_order_id }: Fields,
): OrderTerms["payment"] | PaymentFault[] {
  if (payment === undefined) return undefined;
  const provider = said(payment.provider);
  const read = paymentOf({
    status: payment.status,
    provider: provider === undefined ? undefined : providerOf(provider),
    reference: said(payment.reference),
    paidAt: payment.paid_at ?? undefined,
  }, external_order_id);
  return Array.isArray(read) || read.status !== "due" ? read : undefined;
}

const paymentNames: Readonly<Record<PaymentField, string>> = {
  status: "status",
  provider: "provider",
  reference: "reference",
  paidAt: "paid_at",
};

function faultOfTotal({ of, summary, sum }: TotalProblem): { path: string[]; message: string } {
  if (of === "items") return { path: ["items"], message: sum.replace(/^its items /, "") };
  if (of === "total") return { path: ["total_cents"], message: sum };
  const path = of === "payment" ? ["payment", "status"] : ["adjustments"];
  return { path, message: `${summary} (${sum})` };
}
