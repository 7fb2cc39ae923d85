/**
 * Examples for the OpenAPI document: dead letters.
 *
 * @module
 */

import type { z } from "zod";
import type { deadLetterAnswer, deadLetterListAnswer } from "./dead_letter_answers.ts";

const deadLetter = {
  id: 7,
  group: "payments",
  message_id: "1767607201131-0",
  order_id: 42,
  refund_id: null,
  amount_cents: 2_500,
  currency: "EUR",
  error: "the provider gave no answer: it answered 502",
  cause: {
    name: "no_answer",
    title: "The provider gave no answer",
    says: "The provider could not be reached, or gave no answer in time, as often as is allowed.",
    check: "Whether the provider answers again; the same key is used, so nothing is charged twice.",
    action: "retry",
    can_succeed: true,
  },
  attempts: 5,
  payload: '["message","payment.charge 42 2500 EUR"]',
  first_seen_at: "2026-01-05T10:00:01.131000Z",
  died_at: "2026-01-05T10:02:36.418201Z",
} as const;

/** A page of dead letters. */
export const deadLetterList = {
  data: [deadLetter],
  next_cursor: null,
} satisfies z.input<typeof deadLetterListAnswer>;

/** One that waits. */
export const deadLetterExample = {
  ...deadLetter,
  status: "DEAD",
  resolved_by: null,
  resolved_at: null,
} satisfies z.input<typeof deadLetterAnswer>;

/** One that was retried. */
export const retriedLetter = {
  ...deadLetter,
  status: "RETRIED",
  resolved_by: "api:ops",
  resolved_at: "2026-01-05T10:12:00.000000Z",
} satisfies z.input<typeof deadLetterAnswer>;
