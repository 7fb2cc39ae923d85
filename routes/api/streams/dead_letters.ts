/**
 * Dead letters: what waits for a decision, and deciding about it.
 *
 * @module
 */

import { Hono } from "hono";
import type { Queryable } from "../../../db/connection/database.ts";
import { listDeadLetters, readDeadLetter } from "../../../db/dead_letters/dead_letters.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, pageOf } from "../../../domain/paging.ts";
import { decideDeadLetter } from "../../../services/operation/decide_dead_letters.ts";
import type { AppDeps } from "../../deps.ts";
import { checked, idParam } from "../../middleware/checked.ts";
import {
  type AnswerOnce,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { described } from "../description/described.ts";
import { addPagedList } from "../description/paged_list.ts";
import { deadLetterExample, deadLetterList, retriedLetter } from "./dead_letter_examples.ts";
import { deadLetterListQuery } from "../description/queries.ts";
import {
  deadLetterAnswer,
  deadLetterJson,
  deadLetterListAnswer,
  decidedLetterJson,
} from "./dead_letter_answers.ts";

/** What each decision does. */
const decisions = [
  {
    verdict: "retry",
    summary: "Publishes a dead letter again",
    description:
      "To the stream of its group, with all its tries before it. What was done already is not done " +
      "twice. `cause` says whether that can help.",
    problems: ["not_found", "dead_letter_decided", "dead_letter_not_retryable"],
  },
  {
    verdict: "discard",
    summary: "Gives a dead letter up",
    description:
      "That ends a message, not its order: an order or refund that is not finished is published anew by " +
      "the next sweep, unless the order is cancelled.",
    problems: ["not_found", "dead_letter_decided"],
  },
] as const;

/** `GET /dead-letters`, `GET /dead-letters/{id}`, `POST …/{id}/retry` and `POST …/{id}/discard`. */
export function deadLetterRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addList(app, deps);
  addDetail(app, deps);
  for (const decision of decisions) addDecision(app, deps, answerOnce, decision);
  return app;
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/dead-letters", {
    summary:
      "Lists the messages that nobody could handle and that wait for a decision, the oldest first",
    description: "Each with its cause: what it means, what to check, and what is right then.",
    tag: "Operation",
    page: { schema: deadLetterListAnswer, example: deadLetterList },
    query: deadLetterListQuery,
    read: async (db, { group, order: orderId, error }, { cursor, limit }) => {
      const afterId = cursor === undefined ? 0 : decodeCursor("letters", cursor);
      const rows = await listDeadLetters(db, { group, orderId, error }, afterId, limit + 1);
      const { data, nextCursor } = pageOf("letters", rows, limit);
      return { data: data.map(deadLetterJson), nextCursor };
    },
  });
}

function addDetail(app: Hono, { db }: AppDeps): void {
  app.get(
    "/dead-letters/:id",
    described({
      summary: "Shows a dead letter, whatever was decided about it",
      tag: "Operation",
      scopes: ["read"],
      answers: {
        200: { says: "The dead letter", schema: deadLetterAnswer, example: deadLetterExample },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const letter = await readDeadLetter(db, id);
      if (letter === undefined) {
        throw new WorkflowError("not_found", `There is no dead letter ${id}`);
      }
      return c.json(decidedLetterJson(letter));
    },
  );
}

function addDecision(
  app: Hono,
  deps: AppDeps,
  answerOnce: AnswerOnce,
  { verdict, summary, description, problems }: typeof decisions[number],
): void {
  app.post(
    `/dead-letters/:id/${verdict}`,
    described({
      summary,
      description,
      tag: "Operation",
      scopes: ["admin"],
      answers: {
        200: {
          says: "It is decided, now or before",
          schema: deadLetterAnswer,
          example: retriedLetter,
        },
      },
      problems,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      return answerOnce(c, ["dead letter", verdict, id], async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const letter = (await readDeadLetter(source, id))!;
          return { status: 200, location: null, body: decidedLetterJson(letter) };
        };
        const operator = operatorOf(c, deps.config);
        const { changed } = await decideDeadLetter(deps, id, verdict, operator, {
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        return { ...await answer(deps.db), stored: changed && key !== null };
      });
    },
  );
}
