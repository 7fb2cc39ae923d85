/**
 * Where the rows are that an alert is about.
 *
 * @module
 */

/** The page by the name of an alert, up to its colon; `*` stands for what follows that. */
const pages: Readonly<Record<string, string>> = {
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
  payment_provider: "/dashboard/streams/payments",
  webhook_disabled: "/dashboard/notifications",
  notifications_given_up: "/dashboard/notifications",
  older_version: "/dashboard/streams",
};

/** The page that an alert leads to; undefined where there is nothing to look at here. */
export function alertLink(name: string): string | undefined {
  const [kind = "", subject = ""] = name.split(":");
  return Object.hasOwn(pages, kind) ? pages[kind]!.replace("*", subject) : undefined;
}
