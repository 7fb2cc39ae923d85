/**
 * Sending notifications again: the one way for the API and the dashboard.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { replayDelivery } from "../../db/notifications/notification_deliveries.ts";
import { readNotification } from "../../db/notifications/notification_queries.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { audited, type NoteDone } from "../audited.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";

/**
 * Has a notification sent again, whatever became of it: the sender finds it in the database, so nothing is
 * published.
 *
 * @param operator who does it, for the order's timeline and the audit log
 * @param options.inTransaction is called once it is to be sent, in the same transaction
 * @returns what that returns
 * @throws {WorkflowError} `not_found`, or `notification_not_replayable`
 */
export function replayNotification<T>(
  { db, log }: Pick<ServiceDeps, "db" | "log">,
  id: number,
  operator: Operator,
  options: { inTransaction?: (tx: Queryable) => Promise<T> } = {},
): Promise<T | undefined> {
  const refuse = (why: string) =>
    new WorkflowError(
      "notification_not_replayable",
      `Cannot send notification ${id} again: ${why}`,
    );
  const replay = (note: NoteDone) =>
    db.transaction(async (tx) => {
      const known = await readNotification(tx, id);
      if (known !== undefined) {
        // Locked, so that it is not archived before it stands on the list of what is to be sent.
        await lockOrders(tx, [known.orderId]);
        await restoreOrders(tx, [known.orderId]);
      }
      const { kind } = await replayDelivery(tx, id, operator.actor);
      switch (kind) {
        case "queued":
          await note(tx);
          return await options.inTransaction?.(tx);
        case "not_found":
          throw new WorkflowError("not_found", `There is no notification ${id}`);
        case "only_logged":
          throw refuse("it was only ever written to the log");
        case "no_address":
          throw refuse("its order has no e-mail address");
        case "being_sent":
          throw refuse("it is being sent at this moment");
      }
    });
  const subject = { kind: "notification", id: String(id) } as const;
  return audited(
    { db, log },
    { operator, action: "notification.replay", subject },
    async (note) => ({ result: await replay(note), changed: true }),
  );
}
