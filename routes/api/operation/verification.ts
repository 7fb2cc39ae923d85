/**
 * Whether everything agrees: the last verification, another one, and repairs.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { z } from "zod";
import { messageOf } from "../../../domain/errors.ts";
import { repairAndTell, verifyAndTell } from "../../../services/operation/verify_now.ts";
import { pause } from "../../../streams/timing/pause.ts";
import { readVerification } from "../../../streams/verification/verify_regularly.ts";
import type { AppDeps } from "../../deps.ts";
import { checked } from "../../middleware/checked.ts";
import {
  type AnswerOnce,
  idempotency,
  idempotencyHeaders,
  type Worked,
} from "../../middleware/idempotency.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { described } from "../description/described.ts";
import { repairAnswerExample, verificationExample } from "./operation_examples.ts";
import { verificationQuery } from "../description/queries.ts";
import { verificationAnswer, verifiedAnswer } from "./operation_answers.ts";

/** How long an answer waits for what it asks for, in milliseconds. */
const waitMs = 5_000;

/** `GET /verification`, `POST /verification` and `POST /verification/repair`. */
export function verificationRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  app.get(
    "/verification",
    described({
      summary:
        "Shows the last verification: whether books, stock, KPIs, notifications and streams agree",
      tag: "Operation",
      scopes: ["read"],
      answers: {
        200: { says: "The report", schema: verificationAnswer, example: verificationExample },
      },
    }),
    async (c) => c.json({ verification: await readVerification(deps) }),
  );
  addRun(app, deps, answerOnce);
  addRepair(app, deps, answerOnce);
  return app;
}

/** What both answer with. */
const answers = {
  200: { says: "It is done", schema: verifiedAnswer, example: repairAnswerExample },
  202: {
    says: "It goes on",
    schema: verifiedAnswer,
    example: { running: true, repair: null, verification: null },
  },
} as const;

function addRun(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/verification",
    described({
      summary: "Verifies now",
      description:
        "With `incremental=true` what is not sealed alone, which takes less than a second also with years of orders; " +
        "`GET /verification` then has that report.",
      tag: "Operation",
      scopes: ["admin"],
      answers,
      problems: ["verification_running"],
      repeatable: true,
    }),
    checked("header", idempotencyHeaders),
    checked("query", verificationQuery),
    (c) => {
      const { incremental = false } = c.req.valid("query");
      const what = incremental ? "verify incrementally" : "verify";
      return answer(c, deps, answerOnce, what, async () => {
        const operator = operatorOf(c, deps.config);
        const verification = await verifyAndTell(deps, operator, { incremental });
        return { running: false, repair: null, verification };
      });
    },
  );
}

function addRepair(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/verification/repair",
    described({
      summary: "Verifies, and repairs what can be repaired",
      description:
        "Figures are counted anew, and messages and notifications that are missing are published again. Stock and " +
        "money are never changed by it. `verification` is what was found before the repair.",
      tag: "Operation",
      scopes: ["admin"],
      answers,
      problems: ["verification_running"],
      repeatable: true,
    }),
    checked("header", idempotencyHeaders),
    (c) =>
      answer(c, deps, answerOnce, "repair", async () => {
        const { result, report } = await repairAndTell(deps, operatorOf(c, deps.config));
        return { running: false, repair: result, verification: report };
      }),
  );
}

/** Answers when it is done, or after a while that it goes on. */
function answer(
  c: Context,
  { log, background }: AppDeps,
  answerOnce: AnswerOnce,
  what: string,
  work: () => Promise<z.input<typeof verifiedAnswer>>,
): Promise<Response> {
  return answerOnce(c, [what], async (): Promise<Worked> => {
    const done = work();
    const body = await Promise.race([done, pause(waitMs).then(() => null)]);
    if (body !== null) return { status: 200, location: null, body, stored: false };
    const ended = done.then(() => {}, (error) => {
      log.warn("not verified", { error: messageOf(error) });
    }).finally(() => background?.delete(ended));
    background?.add(ended);
    const running = { running: true, repair: null, verification: null };
    return { status: 202, location: null, body: running, stored: false };
  });
}
