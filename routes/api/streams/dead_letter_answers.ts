/**
 * What the routes of dead letters answer with, as schemas, and how dead letters become it.
 *
 * @module
 */

import { z } from "zod";
import type { DeadLetterRow, DecidedLetter } from "../../../db/dead_letters/dead_letters.ts";
import {
  causeOf,
  deadLetterActions,
  deadLetterCauseNames,
} from "../../../domain/messages/dead_letter_causes.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { count, currency, id, time } from "../description/schema_parts.ts";

const letter = {
  id,
  group: z.enum(groups),
  message_id: z.string(),
  order_id: id.nullable(),
  refund_id: id.nullable(),
  amount_cents: z.int(),
  currency: currency.nullable(),
  error: z.string(),
  cause: z.object({
    name: z.enum(deadLetterCauseNames),
    title: z.string(),
    says: z.string(),
    check: z.string(),
    action: z.enum(deadLetterActions).meta({
      description: "What is right: `look` means that a person decides about the order first",
    }),
    can_succeed: z.boolean().meta({
      description: "False where a retry can only end in the same way",
    }),
  }),
  attempts: count,
  payload: z.string().meta({ description: "The fields of the stream's entry, in JSON" }),
  first_seen_at: time,
  died_at: time,
};

/** A dead letter, whatever was decided about it. */
export const deadLetterAnswer = z.object({
  ...letter,
  status: z.enum(["DEAD", "RETRIED", "DISCARDED"]),
  resolved_by: z.string().nullable(),
  resolved_at: time.nullable(),
}).meta({ id: "DeadLetter" });

/** A page of the dead letters that wait for a decision. */
export const deadLetterListAnswer = z.object({
  data: z.array(z.object(letter)),
  next_cursor: z.string().nullable(),
}).meta({ id: "DeadLetterList" });

/** A dead letter as answers have it. */
export function deadLetterJson(row: DeadLetterRow) {
  const { name, title, says, check, action, canSucceed } = causeOf(row);
  return {
    id: row.id,
    group: row.group,
    message_id: row.messageId,
    order_id: row.orderId,
    refund_id: row.refundId,
    amount_cents: row.amountCents,
    currency: row.currency,
    error: row.error,
    cause: { name, title, says, check, action, can_succeed: canSucceed },
    attempts: row.attempts,
    payload: row.payload,
    first_seen_at: row.firstSeenAt,
    died_at: row.diedAt,
  };
}

/** The same with what was decided about it. */
export function decidedLetterJson(row: DecidedLetter) {
  return {
    ...deadLetterJson(row),
    status: row.status,
    resolved_by: row.resolvedBy,
    resolved_at: row.resolvedAt,
  };
}
