/**
 * Chargebacks: listed, shown, acknowledged, and decided where their provider tells nobody.
 *
 * @module
 */

import { Hono } from "hono";
import type { Queryable } from "../../../db/connection/database.ts";
import { listChargebacks, readChargeback } from "../../../db/payments/chargeback_list.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, pageOf } from "../../../domain/paging.ts";
import { acknowledgeChargeback } from "../../../services/payments/acknowledge_chargeback.ts";
import { decideChargebackByHand } from "../../../services/payments/decide_chargeback.ts";
import { gatewaysOf } from "../../../streams/payments/gateways.ts";
import type { AppDeps } from "../../deps.ts";
import { checked, idParam, jsonBody } from "../../middleware/checked.ts";
import {
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { chargebackAnswer, chargebackListAnswer } from "../description/answers.ts";
import { described } from "../description/described.ts";
import {
  chargebackList,
  heldChargeback,
  lostByLetter,
  seenChargeback,
} from "./payment_examples.ts";
import { addPagedList } from "../description/paged_list.ts";
import { chargebackListQuery } from "../description/queries.ts";
import { chargebackJson } from "./chargeback_json.ts";
import { decideBody } from "./decide_body.ts";

/** `GET /chargebacks`, `GET /chargebacks/{id}`, `POST /chargebacks/{id}/acknowledge` and `…/decide`. */
export function chargebackRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  addList(app, deps);
  addDetail(app, deps);
  addAcknowledge(app, deps);
  addDecide(app, deps);
  return app;
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/chargebacks", {
    summary: "Lists chargebacks, the latest first",
    description:
      "Charges that customers contested at their bank, which providers call disputes. With " +
      "`unknown` only those of charges that no payment here has, or only the others.",
    tag: "Refunds",
    page: { schema: chargebackListAnswer, example: chargebackList },
    query: chargebackListQuery,
    mayLag: true,
    read: async (db, { state, unknown }, { cursor, limit }) => {
      const beforeId = cursor === undefined ? undefined : decodeCursor("chargebacks", cursor);
      const filter = { states: state === undefined ? undefined : [state], isUnknown: unknown };
      const found = await listChargebacks(db, filter, { beforeId, limit: limit + 1 });
      const { data, nextCursor } = pageOf("chargebacks", found, limit);
      return { data: data.map(chargebackJson), nextCursor };
    },
  });
}

function addDetail(app: Hono, { db }: AppDeps): void {
  app.get(
    "/chargebacks/:id",
    described({
      summary: "Shows a chargeback",
      tag: "Refunds",
      scopes: ["read"],
      answers: {
        200: { says: "The chargeback", schema: chargebackAnswer, example: heldChargeback },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const one = await readChargeback(db, id);
      if (one === undefined) throw new WorkflowError("not_found", `There is no chargeback ${id}`);
      return c.json(chargebackJson(one));
    },
  );
}

function addAcknowledge(app: Hono, deps: AppDeps): void {
  const answerOnce = idempotency(deps);
  app.post(
    "/chargebacks/:id/acknowledge",
    described({
      summary: "Says that a chargeback is known as it stands",
      description:
        "Ends the alert about one that was lost, or that is of a charge which nobody here knows, until its " +
        "state changes. No money moves by it; the bank is answered at the provider. The same again changes nothing.",
      tag: "Refunds",
      scopes: ["refunds"],
      answers: {
        200: {
          says: "It is known, now or before",
          schema: chargebackAnswer,
          example: seenChargeback,
        },
      },
      problems: ["not_found"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      const operator = operatorOf(c, deps.config);
      return answerOnce(c, ["acknowledge", id], async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const body = chargebackJson((await readChargeback(source, id))!);
          return { status: 200, location: null, body };
        };
        const { changed } = await acknowledgeChargeback(deps, id, operator, {
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        return { ...await answer(deps.db), stored: changed };
      });
    },
  );
}

function addDecide(app: Hono, deps: AppDeps): void {
  const answerOnce = idempotency(deps);
  const asking = { ...deps, ...gatewaysOf(deps.config) };
  app.post(
    "/chargebacks/:id/decide",
    described({
      summary: "Says how a chargeback ended",
      description:
        "Only where its provider tells nobody here: one that is not configured, or neither has webhooks of chargebacks " +
        "nor is asked about them. Its money moves as if the provider had told it; what the provider or a report " +
        "says of a later moment still counts. The same again changes nothing.",
      tag: "Refunds",
      scopes: ["refunds"],
      answers: {
        200: {
          says: "It has ended so, now or before",
          schema: chargebackAnswer,
          example: seenChargeback,
        },
      },
      problems: [415, "not_found", "invalid", "chargeback_not_decidable"],
      example: lostByLetter,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody(),
    checked("json", decideBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { outcome, note = null } = c.req.valid("json");
      const operator = operatorOf(c, deps.config);
      return answerOnce(c, ["decide", id, outcome, note], async (key) => {
        const answer = async (source: Queryable): Promise<KeyedAnswer> => {
          const body = chargebackJson((await readChargeback(source, id))!);
          return { status: 200, location: null, body };
        };
        const { changed } = await decideChargebackByHand(asking, { id, outcome, note }, operator, {
          inTransaction: key === null
            ? undefined
            : async (tx) => storeAnswers(tx, [{ key, answer: await answer(tx) }]),
        });
        return { ...await answer(deps.db), stored: changed };
      });
    },
  );
}
