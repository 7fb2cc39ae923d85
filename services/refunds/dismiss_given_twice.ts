/**
 * Dismissing money that went back twice, once it is known how that came out.
 *
 * @module
 */

import { addOrderEvents } from "../../db/orders/timelines.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import {
  endGivenTwice,
  type ListedGivenTwice,
  readGivenTwice,
} from "../../db/refunds/given_twice.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { type GivenTwiceEnd, givenTwiceEnds } from "../../domain/refund/given_twice.ts";
import { reasonFault, trimmedReason } from "../../domain/refund/refund_request.ts";
import { bookOrders } from "../../streams/ledger/book_orders.ts";
import { type AuditDeps, audited } from "../audited.ts";

/** What a person says of it. */
export interface SaidOfGivenTwice {
  id: number;
  /** The reason, for the audit log and the timeline. */
  endedAs: GivenTwiceEnd;
  /** What there is to say besides, such as a transfer's reference, for the timeline alone; null for nothing. */
  note: string | null;
}

/**
 * Takes it off the list, in one transaction under the order's lock. Whoever says so after somebody else changes nothing,
 * and is told so. No money moves by it, and no figure: it was booked once.
 *
 * @param operator who says so, for the timeline and the audit log
 * @returns it as it is now, and whether this call changed it
 * @throws {WorkflowError} `invalid`, or `not_found`
 */
export async function dismissGivenTwice(
  deps: AuditDeps,
  { id, endedAs, note: given }: SaidOfGivenTwice,
  operator: Operator,
): Promise<{ twice: ListedGivenTwice; changed: boolean }> {
  const note = trimmedReason(given);
  const fault = note === null ? undefined : reasonFault(note);
  if (fault !== undefined) throw new WorkflowError("invalid", `The note ${fault}`);
  const action = "given_twice.dismiss";
  const known = await readGivenTwice(deps.db, id);
  if (known === undefined) {
    const subject = { kind: "system", id: `given_twice ${id}` } as const;
    return await audited(deps, { operator, action, subject }, () => {
      const message = `There is no money ${id} that went back twice`;
      return Promise.reject(new WorkflowError("not_found", message));
    });
  }
  const { orderId, refundId, currency } = known;
  const subject = { kind: "order", id: String(orderId) } as const;
  return await audited(
    deps,
    { operator, action, subject },
    (noteDone) =>
      deps.db.transaction(async (tx) => {
        const { now } = await lockOrders(tx, [orderId]);
        const changed = await endGivenTwice(tx, id, endedAs);
        const twice = (await readGivenTwice(tx, id))!;
        if (changed) {
          const said = `${namedAmount(twice.amountCents, currency)}: ${givenTwiceEnds[endedAs]}`;
          await bookOrders(tx, [orderId], now);
          await addOrderEvents(tx, [{
            orderId,
            ...(refundId === null ? {} : { refundId }),
            event: "given_twice_dismissed",
            detail: note === null ? said : `${said}: ${note}`,
          }], operator.actor);
          await noteDone(tx, said);
        }
        return { result: { twice, changed }, changed };
      }),
  );
}
