/**
 * Saying how a chargeback ended, where its provider tells nobody here: the one way for the API and the dashboard.
 *
 * @module
 */

import { type Queryable, transactionTries } from "../../db/connection/database.ts";
import { type ChargebackRow, findChargeback, markSeen } from "../../db/payments/chargebacks.ts";
import { type ListedChargeback, readChargeback } from "../../db/payments/chargeback_list.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import {
  type ChargebackOutcome,
  chargebackStates,
  decideOutcome,
} from "../../domain/payment/chargeback.ts";
import { reasonFault, trimmedReason } from "../../domain/refund/refund_request.ts";
import { type Gateways, tellsOfChargebacks } from "../../streams/payments/gateway.ts";
import { audited } from "../audited.ts";
import { recordChargeback, type RecordChargebackDeps } from "./record_chargeback.ts";

/** What a person says of a chargeback. */
export interface SaidOfChargeback {
  id: number;
  outcome: ChargebackOutcome;
  /** By which they know, such as the provider's letter; at most 255 characters. Null where nothing is said. */
  note: string | null;
}

/** What came of it. */
export interface DecidedChargeback {
  /** As it is now. */
  chargeback: ListedChargeback;
  /** False where it had ended so before. */
  changed: boolean;
}

/**
 * Records how a chargeback ended, as if its provider had told it, see {@linkcode recordChargeback}; the same said again changes
 * nothing. It counts until the provider, or a report, tells of a later moment than what was known by then. Who says that it is lost
 * knows of it, so nobody is reminded.
 *
 * @param operator who says so, for the timeline and the audit log
 * @param options.inTransaction is called where something changed, in the same transaction
 * @throws {WorkflowError} `invalid`, `not_found`, or `chargeback_not_decidable` where it ended otherwise, or its provider tells
 * of it itself
 */
export async function decideChargebackByHand(
  deps: RecordChargebackDeps & Gateways,
  said: SaidOfChargeback,
  operator: Operator,
  options: { inTransaction?: (tx: Queryable) => Promise<void> } = {},
): Promise<DecidedChargeback> {
  const { id } = said;
  const note = readNote(said.note);
  const known = await readChargeback(deps.db, id);
  const subject = known === undefined || known.orderId === null
    ? { kind: "system", id: `chargeback ${id}` } as const
    : { kind: "order", id: String(known.orderId) } as const;
  const about = { operator, action: "chargeback.decide", subject } as const;
  return await audited(deps, about, async (noteDone) => {
    if (known === undefined) throw new WorkflowError("not_found", `There is no chargeback ${id}`);
    const changed = await decideAsSeen(deps, known, { ...said, note }, {
      actor: operator.actor,
      inTransaction: async (tx) => {
        const { amountCents, currency, state } = (await readChargeback(tx, id))!;
        await noteDone(tx, `chargeback ${id}: ${namedAmount(amountCents, currency)}, ${state}`);
        await options.inTransaction?.(tx);
      },
    });
    const chargeback = (await readChargeback(deps.db, id))!;
    return { result: { chargeback, changed }, changed };
  });
}

/** Looks at it, decides, and writes that where it still is as it was seen; else once more. @returns whether it changed */
async function decideAsSeen(
  deps: RecordChargebackDeps & Gateways,
  of: Pick<ListedChargeback, "provider" | "providerRef">,
  said: SaidOfChargeback,
  by: { actor: string; inTransaction: (tx: Queryable) => Promise<void> },
): Promise<boolean> {
  for (let attempt = 1; attempt <= transactionTries; attempt++) {
    const seen = (await findChargeback(deps.db, of))!;
    const decision = decideOutcome(seen.state, said.outcome);
    if (decision.kind === "already") return false;
    if (decision.kind === "otherwise") {
      const { words } = chargebackStates[seen.state];
      throw notDecidable(said.id, `it ended otherwise before: ${words.toLowerCase()}`);
    }
    if (tellsOfChargebacks(deps, seen.provider)) {
      throw notDecidable(said.id, `${seen.provider} tells how it ends itself`);
    }
    const { outcome } = await recordChargeback(
      deps,
      { ...reportOf(seen), state: decision.state },
      by.actor,
      {
        seen,
        note: said.note,
        inTransaction: async (tx) => {
          if (decision.state === "lost" && (await readChargeback(tx, said.id))!.orderId !== null) {
            await markSeen(tx, said.id, by.actor);
          }
          await by.inTransaction(tx);
        },
      },
    );
    if (outcome === "taken") return true;
  }
  throw new WorkflowError("unavailable", `Chargeback ${said.id} changes too often; try again`);
}

/** What was told of it last. */
function reportOf(seen: ChargebackRow) {
  const { provider, providerRef, chargeRefs, amountCents, currency, reason } = seen;
  return {
    provider,
    providerRef,
    chargeRefs,
    amountCents,
    currency,
    reason,
    dueBy: seen.dueBy === null ? null : dateOf(seen.dueBy),
    openedAt: dateOf(seen.openedAt),
    happenedAt: dateOf(seen.toldAt),
  };
}

/** @param stored as {@linkcode ChargebackRow} has times */
function dateOf(stored: string): Date {
  return new Date(`${stored.replace(" ", "T")}Z`);
}

function notDecidable(id: number, because: string): WorkflowError {
  return new WorkflowError(
    "chargeback_not_decidable",
    `Cannot decide about chargeback ${id}: ${because}`,
  );
}

/** @throws {WorkflowError} `invalid` */
function readNote(given: string | null): string | null {
  const note = trimmedReason(given);
  const fault = note === null ? undefined : reasonFault(note);
  if (fault !== undefined) throw new WorkflowError("invalid", `The note ${fault}`);
  return note;
}
