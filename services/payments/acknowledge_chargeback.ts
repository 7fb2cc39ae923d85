/**
 * Acknowledging chargebacks that nobody can do anything about any more: those that are lost, and those of charges that
 * nobody here knows.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { lockChargeback, markSeen } from "../../db/payments/chargebacks.ts";
import { type ListedChargeback, readChargeback } from "../../db/payments/chargeback_list.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { type AuditDeps, audited } from "../audited.ts";

/**
 * Says that somebody has seen a chargeback as it stands, which ends its alert. It holds until the provider says that it is in
 * another state. No money moves by it. The same said again changes nothing.
 *
 * @param operator who says so, for the row and the audit log
 * @param options.inTransaction is called where something changed, in the same transaction
 * @returns it as it is now, and whether this call changed it
 * @throws {WorkflowError} `not_found`
 */
export async function acknowledgeChargeback(
  deps: AuditDeps,
  id: number,
  operator: Operator,
  options: { inTransaction?: (tx: Queryable) => Promise<void> } = {},
): Promise<{ chargeback: ListedChargeback; changed: boolean }> {
  const known = await readChargeback(deps.db, id);
  const subject = known === undefined || known.orderId === null
    ? { kind: "system", id: `chargeback ${id}` } as const
    : { kind: "order", id: String(known.orderId) } as const;
  const action = "chargeback.acknowledge";
  return await audited(deps, { operator, action, subject }, async (note) => {
    if (known === undefined) throw new WorkflowError("not_found", `There is no chargeback ${id}`);
    return await deps.db.transaction(async (tx) => {
      if (known.orderId !== null) await lockOrders(tx, [known.orderId]);
      await lockChargeback(tx, known);
      const changed = await markSeen(tx, id, operator.actor);
      const chargeback = (await readChargeback(tx, id))!;
      const { amountCents, currency, state } = chargeback;
      if (changed) {
        await note(tx, `chargeback ${id}: ${namedAmount(amountCents, currency)}, ${state}`);
        await options.inTransaction?.(tx);
      }
      return { result: { chargeback, changed }, changed };
    });
  });
}
