/**
 * Where the rows are that an alert is about.
 *
 * @module
 */

import { type AlertKind, alertKinds } from "../../domain/operation/alerts.ts";

/**
 * The page of each kind of alert; `*` stands for what follows the colon of its name. Null where there is nothing to look
 * at here.
 */
const pages: Readonly<Record<AlertKind, string | null>> = {
  oldest_age: "/dashboard/streams/*",
  no_consumer: "/dashboard/streams/*",
  paused_with_work: "/dashboard/streams/*",
  dead_letters: "/dashboard/dead-letters?group=*",
  drift: "/dashboard#proof",
  not_proven: "/dashboard#proof",
  not_mended: "/dashboard#proof",
  overdue_reservations: "/dashboard/orders?status=RESERVED",
  disputed_payments: "/dashboard/disputes",
  refunds_by_hand: "/dashboard/refunds",
  given_twice: "/dashboard/given-twice",
  refunds_returned: "/dashboard/refunds?status=FAILED",
  chargebacks_due: "/dashboard/chargebacks?which=due",
  chargebacks_lost: "/dashboard/chargebacks?which=lost",
  chargebacks_unknown: "/dashboard/chargebacks?which=unknown",
  discrepancies: "/dashboard/discrepancies",
  payment_provider: "/dashboard/streams/payments",
  webhook_disabled: "/dashboard/notifications",
  notifications_given_up: "/dashboard/notifications",
  older_version: "/dashboard/streams",
  database_older: "/dashboard/losses",
  // Both are about the settings.
  simulated_gateway: null,
  database_other: null,
};

/** The page that an alert leads to; undefined where there is nothing to look at here. */
export function alertLink(name: string): string | undefined {
  const [text, subject = ""] = name.split(":");
  // What Redis keeps may be of another version.
  const kind = alertKinds.find((one) => one === text);
  return kind === undefined ? undefined : pages[kind]?.replace("*", subject);
}
