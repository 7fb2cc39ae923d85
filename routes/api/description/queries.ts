/**
 * What the addresses of the API may ask for: the query parameters of lists, files, figures and uploads.
 *
 * @module
 */

import { chargebackStateNames } from "../../../domain/payment/chargeback.ts";
import { z } from "zod";
import {
  auditActionNames,
  auditSubjectKinds,
  parseAuditSubject,
} from "../../../domain/operation/audit.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { maxUnits } from "../../../domain/catalog/stock.ts";
import { accountNames } from "../../../domain/ledger/chart.ts";
import { isEventChoice } from "../../../domain/feed/event_types.ts";
import { daysBetween, isDay } from "../../../domain/kpi/day.ts";
import { maxKpiDays } from "../../../domain/kpi/kpi.ts";
import { currencyProblem, isCurrency } from "../../../domain/money.ts";
import { notificationChannels } from "../../../domain/notification/notification.ts";
import {
  type FailureReason,
  failureReasons,
  type OrderStatus,
  orderTransitions,
  type RefundStatus,
  refundTransitions,
} from "../../../domain/order/order.ts";
import { deliveryStatuses } from "../../../domain/webhook/endpoint.ts";
import { pageLimits } from "../../../domain/paging.ts";
import { parsePlacedAt } from "../../../domain/order/placed_at.ts";

/**
 * A query parameter that may be missing; an empty one counts as missing.
 *
 * @param says what it is, for the OpenAPI document
 */
export function optionalQuery<Output>(
  says: string,
  schema: z.ZodType<Output, string>,
): z.ZodType<Output | undefined, string | undefined> {
  return z.preprocess(
    (value) => value === "" ? undefined : value,
    schema.optional().meta({ description: says }),
  ) as unknown as z.ZodType<Output | undefined, string | undefined>;
}

/** Text of a query parameter, given once. */
export function queryText(): z.ZodString {
  return z.string({ error: "can be given only once" });
}

/** An integer query parameter from `least` to `most`. */
export function queryInteger(min: number, max: number): z.ZodType<number, string> {
  const message = `must be an integer ${min}…${max}`;
  return queryText()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
    .meta({ type: "integer", minimum: min, maximum: max, pattern: undefined });
}

const flag = queryText().regex(/^(true|false|1|0)$/, "must be true or false")
  .transform((text) => text === "true" || text === "1")
  .meta({ type: "boolean", pattern: undefined });

/** The query parameters of every list. */
const page = {
  limit: optionalQuery(
    `Most rows of the page; ${pageLimits.fallback} where it is not given`,
    queryInteger(1, pageLimits.most),
  ),
  cursor: optionalQuery("`next_cursor` of the page before", queryText()),
};

/** The query parameters of a list that has no others. */
export const pageQuery = z.object(page);

/** `from`: a date means its first moment. */
const periodFrom = boundary("Not before", "00:00:00");

/** `to`: the moment itself is included, and a date means its last moment. */
const periodTo = boundary("Not after", "23:59:59.999", "999");

/**
 * @param says what it is the boundary for
 * @param time of the day that a date without a time means
 * @param micros what follows its milliseconds
 */
function boundary(
  says: string,
  time: string,
  micros = "",
): z.ZodType<string | undefined, string | undefined> {
  const message = "must be a real date such as 2010-12-01, or with a time such as " +
    "2010-12-01T08:26:00Z (a + must be written %2B)";
  const read = (text: string) => {
    if (!/^[\d-]{10}$/.test(text)) return parsePlacedAt(text);
    const day = parsePlacedAt(`${text} ${time}`);
    return day === undefined ? undefined : `${day}${micros}`;
  };
  return optionalQuery(
    `${says} this date, or date and time`,
    queryText().trim()
      .refine((text) => read(text) !== undefined, message)
      .meta({ examples: ["2010-12-01"] })
      .transform((text) => read(text)!),
  );
}

export const day = queryText().refine(isDay, "must be a real date YYYY-MM-DD from 1970 to 9998")
  .meta({ format: "date" });

const failures = [...new Set(Object.values(failureReasons))] as [FailureReason, ...FailureReason[]];

const statuses = Object.keys(orderTransitions) as [OrderStatus, ...OrderStatus[]];

/** An amount that an order may have, in minor units. */
const cents = queryInteger(0, 999_999_999_999_999);

const currency = queryText().trim().regex(/^[A-Za-z]{3}$/, currencyProblem)
  .transform((text) => text.toUpperCase())
  .refine(isCurrency, currencyProblem);

/** The query parameters by which orders are chosen. */
const orderFilters = {
  q: optionalQuery(
    "An id, an external id, a customer's id, the beginning of an e-mail, or a SKU",
    queryText().trim().max(255, "must have at most 255 characters")
      .refine((text) => !/\p{Cc}/u.test(text), "must hold no control characters"),
  ),
  external_order_id: optionalQuery(
    "Exactly this id of the shop's",
    queryText().trim().max(64, "must have at most 64 characters"),
  ),
  status: optionalQuery(
    "Where the order stands",
    z.enum(statuses, `must be one of ${statuses.join(", ")}`),
  ),
  failure_reason: optionalQuery(
    "Why the order failed",
    z.enum(failures, `must be one of ${failures.join(", ")}`),
  ),
  backordered: optionalQuery(
    "`true`: only orders that wait for stock; `false`: only others",
    flag,
  ),
  sku: optionalQuery(
    "What the order ran short of",
    queryText().trim().max(64, "must have at most 64 characters"),
  ),
  customer: optionalQuery(
    "The shop's id of the customer, or else the database's",
    queryText().trim().max(64, "must have at most 64 characters"),
  ),
  settled: optionalQuery("Settled on this day of the figures (`KPI_TIMEZONE`)", day),
  import: optionalQuery(
    "Created by this import, by its id",
    queryInteger(1, 999_999_999_999_999),
  ),
  currency: optionalQuery("ISO 4217", currency),
  from: periodFrom,
  to: periodTo,
  least_cents: optionalQuery("Total, from so many minor units (cents)", cents),
  most_cents: optionalQuery("Total, up to so many minor units (cents)", cents),
} as const;

/** The query parameters of the list of orders. */
export const orderListQuery = z.object({
  ...orderFilters,
  updated_since: boundary(
    "The orders that have changed since, in the order of their changes: not before",
    "00:00:00",
  ),
  ...page,
});

/** The query parameters of the feed. */
export const feedQuery = z.object({
  type: optionalQuery(
    "Only events of these types, parted by commas: `order.paid`, or `order.*` for all that begin so",
    // Each is held against every event that is read, and a query has room for thousands of the same.
    queryText().transform((text) => [...new Set(text.split(",").map((one) => one.trim()))])
      .refine(
        (chosen) => chosen.every(isEventChoice),
        "must be types of events such as order.paid or order.*, parted by commas",
      )
      .meta({ examples: ["order.*,refund.processed"] }),
  ),
  since: boundary("Only events that happened since: not before", "00:00:00"),
  ...page,
});

/** The query parameters of what was posted to an endpoint. */
export const deliveryListQuery = z.object({
  status: optionalQuery(
    "What became of it",
    z.enum(deliveryStatuses, `must be one of ${deliveryStatuses.join(", ")}`),
  ),
  ...page,
});

/** The query parameters of the file of orders. */
export const orderFileQuery = z.object(orderFilters);

/** The query parameters of the list of products. */
export const productListQuery = z.object({
  q: optionalQuery(
    "The beginning of a SKU, or a part of a name",
    queryText().trim().max(255, "must have at most 255 characters")
      .refine((text) => !/\p{Cc}/u.test(text), "must hold no control characters"),
  ),
  below: optionalQuery(
    "Only products with fewer units than this that can be reserved",
    queryInteger(1, maxUnits),
  ),
  short: optionalQuery("`true`: only products that orders ran short of", flag),
  ...page,
});

/** The query parameters of a file of stock. */
export const stockFileQuery = z.object({
  create: optionalQuery("Create products that are not known, by `name` and `price_cents`", flag),
  again: optionalQuery("Add the units of a file that was applied before once more", flag),
  name: optionalQuery(
    "The file's name; that of a form, or `upload`, where it is not given",
    queryText().trim().max(255, "must have at most 255 characters"),
  ),
});

const refundStatuses = Object.keys(refundTransitions) as [RefundStatus, ...RefundStatus[]];

/** The query parameters by which refunds are chosen. */
const refundFilters = {
  status: optionalQuery(
    "Where the refund stands",
    z.enum(refundStatuses, `must be one of ${refundStatuses.join(", ")}`),
  ),
  settled: optionalQuery(
    "Of orders that were settled on this day of the figures (`KPI_TIMEZONE`)",
    day,
  ),
  currency: optionalQuery("ISO 4217", currency),
  from: periodFrom,
  to: periodTo,
} as const;

/** The query parameters of the list of refunds. */
export const refundListQuery = z.object({ ...refundFilters, ...page });

/** The query parameters of the list of chargebacks. */
export const chargebackListQuery = z.object({
  state: optionalQuery(
    "Only those in this state",
    z.enum(chargebackStateNames, { error: `must be one of ${chargebackStateNames.join(", ")}` }),
  ),
  unknown: optionalQuery(
    "Only those of charges that no payment here has; `false`: the others",
    flag,
  ),
  ...page,
});

/** The query parameters of the file of refunds. */
export const refundFileQuery = z.object(refundFilters);

/** The query parameters of the list of notifications. */
export const notificationListQuery = z.object({
  order: optionalQuery("The order's id", queryInteger(1, 999_999_999_999_999)),
  channel: optionalQuery(
    "On which it is written or sent",
    z.enum(notificationChannels, { error: `must be one of ${notificationChannels.join(", ")}` }),
  ),
  success: optionalQuery("Whether it was sent", flag),
  ...page,
});

/** The query parameters of the list of dead letters. */
export const deadLetterListQuery = z.object({
  group: optionalQuery(
    "Of this group",
    z.enum(groups, { error: `must be one of ${groups.join(", ")}` }),
  ),
  order: optionalQuery("About this order, by its id", queryInteger(1, 999_999_999_999_999)),
  error: optionalQuery(
    "A part of the error",
    queryText().trim().max(255, "must have at most 255 characters"),
  ),
  ...page,
});

/** The query parameters of the audit log. */
export const auditListQuery = z.object({
  actor: optionalQuery(
    "Who did it, such as `api:ops`",
    queryText().trim().max(128, "must have at most 128 characters"),
  ),
  action: optionalQuery(
    "What was done",
    z.enum(auditActionNames, { error: `must be one of ${auditActionNames.join(", ")}` }),
  ),
  subject: optionalQuery(
    "What it was done to: a kind and an id",
    queryText().trim()
      .refine((text) => parseAuditSubject(text) !== undefined, {
        error: `must be a kind and an id such as order:42; kinds are ${
          auditSubjectKinds.join(", ")
        }`,
      })
      .meta({ examples: ["order:42"] })
      .transform((text) => parseAuditSubject(text)!),
  ),
  from: periodFrom,
  to: periodTo,
  ...page,
});

/** The query parameters by which rows of the ledger are chosen. */
const ledgerFilters = {
  day: optionalQuery("Booked on this day, UTC", day),
  account: optionalQuery(
    "Of this account",
    z.enum(accountNames, { error: `must be one of ${accountNames.join(", ")}` }),
  ),
  order: optionalQuery("Of this order, by its id", queryInteger(1, 999_999_999_999_999)),
} as const;

/** The query parameters of the list of the ledger's rows. */
export const ledgerListQuery = z.object({ ...ledgerFilters, ...page });

/** The query parameters of the file of the ledger's rows. */
export const ledgerFileQuery = z.object(ledgerFilters);

/** The query parameters of the trial balance. */
export const ledgerBalanceQuery = z.object({
  day: optionalQuery("Of what was booked on this day, UTC; of all where it is not given", day),
});

/** Places on the leaderboard. */
export const places = { fallback: 10, most: 1_000 } as const;

/** The query parameters by which days are chosen. */
export const daysQuery = z.object({
  date: optionalQuery("The one day; today where nothing is given", day),
  from: optionalQuery("The first day, together with `to`", day),
  to: optionalQuery("The last day", day),
})
  .superRefine(({ date, from, to }, issues) => {
    const fault = (path: string, message: string) =>
      issues.addIssue({ code: "custom", path: [path], message });
    if (date !== undefined && (from ?? to) !== undefined) {
      fault("date", "can't be given together with from and to");
    } else if ((from === undefined) !== (to === undefined)) {
      fault(from === undefined ? "from" : "to", "is missing; from and to go together");
    } else if (from !== undefined && to !== undefined) {
      if (from > to) fault("from", "must not be after to");
      else if (daysBetween(from, to) > maxKpiDays) {
        fault("to", `must be less than ${maxKpiDays} days after from`);
      }
    }
  });

/** The query parameters of the leaderboard. */
export const leaderboardQuery = z.object({
  limit: optionalQuery(
    `Places; ${places.fallback} where it is not given`,
    queryInteger(1, places.most),
  ),
  currency: optionalQuery("ISO 4217; `BASE_CURRENCY` where it is not given", currency),
});

/** The query parameters of an upload. */
export const importQuery = z.object({
  preview: optionalQuery(
    "Answer with all that the file would do, and change nothing; what counts is said by the other parameters",
    flag,
  ),
  profile: optionalQuery(
    "Name of a profile that explains the columns, such as `shopify`; found out where it is not given. A profile of your " +
      "own comes as the field `profile` of a form, before the file",
    queryText().trim().max(64, "must have at most 64 characters"),
  ),
  sheet: optionalQuery(
    "Sheet of a workbook that has the orders, by its name or its place from 1; asked for where several have rows",
    queryText().trim().max(255, "must have at most 255 characters"),
  ),
  set: z.union([queryText(), z.array(queryText()).max(100)])
    .transform((said) => [said].flat()).optional().meta({
      description:
        "A setting of the profile, `time.zone=Europe/Berlin`; may be given several times. " +
        "It answers a question of a preview, and is part of the plan",
    }),
  plan: optionalQuery(
    "What a preview of the file ended with: it is imported as it was shown there, or not at all",
    queryText().trim().toLowerCase().regex(
      /^[0-9a-f]{64}$/,
      "must be the 64 digits that a preview ends with",
    ),
  ),
  yes: optionalQuery(
    "Import a file that needs a profile without a plan, by the profile that is named",
    flag,
  ),
  dry_run: optionalQuery("Check and compare only, and change nothing", flag),
  keep_good_rows: optionalQuery(
    "Leave bad rows out, instead of the orders that they belong to",
    flag,
  ),
  replace: optionalQuery(
    "Let the file take items away from orders that are still PENDING, and change those that are RESERVED, instead of " +
      "rejecting that as a conflict",
    flag,
  ),
  initial_stock: optionalQuery(
    "Units of new products; `INITIAL_STOCK` where it is not given",
    queryInteger(0, 1_000_000_000),
  ),
  name: optionalQuery(
    "The file's name; that of a form, or `upload`, where it is not given",
    queryText().trim().max(255, "must have at most 255 characters"),
  ),
}).superRefine(({ preview, dry_run, plan, yes }, check) => {
  const said = { dry_run, plan, yes };
  for (const name of ["dry_run", "plan", "yes"] as const) {
    if (preview !== true || said[name] === undefined || said[name] === false) continue;
    check.addIssue({ code: "custom", path: [name], message: "has no meaning with preview" });
  }
});

/** The query of `POST /verification`. */
export const verificationQuery = z.object({
  incremental: optionalQuery("Look only at what is not sealed", flag),
});
