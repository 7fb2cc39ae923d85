/**
 * Endpoints of webhooks: where what happens is posted to.
 *
 * @module
 */

import { Hono } from "hono";
import { countDeliveries, listDeliveries } from "../../../db/webhooks/deliveries.ts";
import { readEndpoint, readEndpoints } from "../../../db/webhooks/endpoints.ts";
import { maxCounted } from "../../../domain/bounded_count.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, pageOf } from "../../../domain/paging.ts";
import {
  addEndpoint,
  changeEndpoint,
  removeEndpoint,
  retryEndpoint,
  rotateSecret,
  testEndpoint,
} from "../../../services/notifications/manage_webhooks.ts";
import type { AppDeps } from "../../deps.ts";
import { checked, idParam, jsonBody } from "../../middleware/checked.ts";
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
import {
  addedEndpoint,
  changedEndpoint,
  deliveryList,
  endpointDetail,
  endpointList,
  newEndpoint,
  retriedDeliveries,
  rotatedEndpoint,
  sentTest,
  webhookEndpoint,
} from "./endpoint_examples.ts";
import { deliveryListQuery, pageQuery } from "../description/queries.ts";
import {
  deliveryJson,
  deliveryListAnswer,
  endpointAnswer,
  endpointDetailAnswer,
  endpointJson,
  endpointListAnswer,
  retriedAnswer,
  secretAnswer,
  testAnswer,
} from "./endpoint_answers.ts";
import { endpointBody, endpointChange, secretBody } from "./endpoint_body.ts";

/**
 * `GET /webhook-endpoints`, `POST /webhook-endpoints`, and of each `GET`, `PATCH`, `DELETE`, `POST …/secret`, `POST …/test`,
 * `POST …/retry`, `GET …/deliveries`.
 */
export function endpointRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addList(app, deps);
  addAdding(app, deps);
  addDetail(app, deps);
  addChange(app, deps);
  addRemoval(app, deps);
  addSecret(app, deps);
  addTest(app, deps, answerOnce);
  addRetry(app, deps, answerOnce);
  addDeliveries(app, deps);
  return app;
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/webhook-endpoints", {
    summary: "Lists the endpoints that webhooks are posted to",
    description: "Those of the API; that of `NOTIFY_WEBHOOK_URL` is a channel of notifications.",
    tag: "Events",
    scopes: ["admin"],
    page: { schema: endpointListAnswer, example: endpointList },
    query: pageQuery,
    read: async (db, _filters, { cursor, limit }) => {
      const afterId = cursor === undefined ? 0 : decodeCursor("endpoints", cursor);
      const rows = await readEndpoints(db, { afterId, limit: limit + 1 });
      const { data, nextCursor } = pageOf("endpoints", rows, limit);
      return { data: data.map(endpointJson), nextCursor };
    },
  });
}

function addAdding(app: Hono, deps: AppDeps): void {
  app.post(
    "/webhook-endpoints",
    described({
      summary: "Adds an endpoint, and shows its secret this once",
      description:
        "What happens from now on is posted to it, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it, " +
        "with the event of `GET /events` as its body. Two can't have the same URL, so a request whose answer was lost can be sent " +
        "again: it is 409 then, and `POST /webhook-endpoints/{id}/secret` makes another secret. No `Idempotency-Key` is " +
        "taken, under which the secret would be kept.",
      tag: "Events",
      scopes: ["admin"],
      answers: {
        201: {
          says: "The endpoint with its secret",
          schema: secretAnswer,
          example: addedEndpoint,
          located: true,
        },
      },
      problems: [413, 408, 415, "invalid", "webhook_endpoint_conflict"],
      example: newEndpoint,
    }),
    jsonBody(),
    checked("json", endpointBody),
    async (c) => {
      const { url, types, description = "", enabled = true } = c.req.valid("json");
      const content = { url, types, description, enabled };
      const { endpoint, secret } = await addEndpoint(deps, content, operatorOf(c, deps.config));
      c.header("location", `/webhook-endpoints/${endpoint.id}`);
      return c.json({ ...endpointJson(endpoint), secret }, 201);
    },
  );
}

function addDetail(app: Hono, { db }: AppDeps): void {
  app.get(
    "/webhook-endpoints/:id",
    described({
      summary: "Shows an endpoint with what waits for it",
      tag: "Events",
      scopes: ["admin"],
      answers: {
        200: { says: "The endpoint", schema: endpointDetailAnswer, example: endpointDetail },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const endpoint = await findEndpoint(db, id);
      const { waiting, givenUp } = await countDeliveries(db, id, maxCounted);
      return c.json({ ...endpointJson(endpoint), waiting, given_up: givenUp });
    },
  );
}

function addChange(app: Hono, deps: AppDeps): void {
  app.patch(
    "/webhook-endpoints/:id",
    described({
      summary: "Changes an endpoint: its URL, its events, whether it is switched on",
      description:
        "What is not in the body stays. While it is switched off nothing is put on its list; switched on again it is posted what " +
        "waited, and what happens from then on. `GET /events` has what it missed.",
      tag: "Events",
      scopes: ["admin"],
      answers: { 200: { says: "The endpoint", schema: endpointAnswer, example: webhookEndpoint } },
      problems: [413, 408, 415, "invalid", "not_found", "webhook_endpoint_conflict"],
      example: changedEndpoint,
    }),
    checked("param", idParam),
    jsonBody(),
    checked("json", endpointChange),
    async (c) => {
      const { id } = c.req.valid("param");
      const operator = operatorOf(c, deps.config);
      return c.json(endpointJson(await changeEndpoint(deps, id, c.req.valid("json"), operator)));
    },
  );
}

function addRemoval(app: Hono, deps: AppDeps): void {
  app.delete(
    "/webhook-endpoints/:id",
    described({
      summary: "Removes an endpoint with everything that waits for it",
      tag: "Events",
      scopes: ["admin"],
      answers: {
        200: { says: "The endpoint as it was", schema: endpointAnswer, example: webhookEndpoint },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const endpoint = await readEndpoint(deps.db, id);
      await removeEndpoint(deps, id, operatorOf(c, deps.config));
      return c.json(endpointJson(endpoint!));
    },
  );
}

function addSecret(app: Hono, deps: AppDeps): void {
  app.post(
    "/webhook-endpoints/:id/secret",
    described({
      summary: "Gives an endpoint another secret, and shows it this once",
      description:
        "The secret before signs beside it for `overlap_seconds`, so that the receiver can be told; with 0 it counts no more. " +
        "While two sign a third is 409, but with 0. No `Idempotency-Key` is taken.",
      tag: "Events",
      scopes: ["admin"],
      answers: {
        200: {
          says: "The endpoint with its secret",
          schema: secretAnswer,
          example: rotatedEndpoint,
        },
      },
      problems: [413, 408, 415, "invalid", "not_found", "webhook_endpoint_conflict"],
      example: { overlap_seconds: 86_400 },
      optionalBody: true,
    }),
    checked("param", idParam),
    jsonBody({ optional: true }),
    checked("json", secretBody),
    async (c) => {
      const { id } = c.req.valid("param");
      const { overlap_seconds: overlap } = c.req.valid("json");
      const operator = operatorOf(c, deps.config);
      const { endpoint, secret } = await rotateSecret(deps, id, operator, overlap);
      return c.json({ ...endpointJson(endpoint), secret });
    },
  );
}

function addTest(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/webhook-endpoints/:id/test",
    described({
      summary: "Posts a test event to an endpoint",
      description:
        "`webhook.test`, whatever events the endpoint has chosen, in the way of all others. What becomes of it stands among the " +
        "deliveries.",
      tag: "Events",
      scopes: ["admin"],
      answers: { 202: { says: "It is on its way", schema: testAnswer, example: sentTest } },
      problems: ["not_found", "webhook_endpoint_conflict"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      return answerOnce(c, ["test-endpoint", id], async (key) => {
        const answerOf = (eventId: string): KeyedAnswer => ({
          status: 202,
          location: null,
          body: { event_id: eventId },
        });
        const eventId = await testEndpoint(deps, id, operatorOf(c, deps.config), {
          inTransaction: async (tx, eventId) => {
            if (key !== null) await storeAnswers(tx, [{ key, answer: answerOf(eventId) }]);
          },
        });
        return { ...answerOf(eventId), stored: key !== null };
      });
    },
  );
}

function addRetry(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/webhook-endpoints/:id/retry",
    described({
      summary: "Posts again what was given up",
      description: "With all its tries, the latest ten thousand, under the ids of before.",
      tag: "Events",
      scopes: ["admin"],
      answers: {
        202: { says: "They are on their way", schema: retriedAnswer, example: retriedDeliveries },
      },
      problems: ["not_found"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      return answerOnce(c, ["retry-endpoint", id], async (key) => {
        const answerOf = (retried: number): KeyedAnswer => ({
          status: 202,
          location: null,
          body: { retried },
        });
        const retried = await retryEndpoint(deps, id, operatorOf(c, deps.config), {
          inTransaction: async (tx, retried) => {
            if (key !== null) await storeAnswers(tx, [{ key, answer: answerOf(retried) }]);
          },
        });
        return { ...answerOf(retried), stored: key !== null };
      });
    },
  );
}

function addDeliveries(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/webhook-endpoints/:id/deliveries", {
    summary: "Lists what was or is to be posted to an endpoint, the latest first",
    tag: "Events",
    scopes: ["admin"],
    problems: ["not_found"],
    page: { schema: deliveryListAnswer, example: deliveryList },
    query: deliveryListQuery,
    path: idParam,
    read: async (db, { status }, { cursor, limit }, { path: { id } }) => {
      await findEndpoint(deps.db, id);
      const beforeId = cursor === undefined ? undefined : decodeCursor("deliveries", cursor);
      const rows = await listDeliveries(db, id, { status, beforeId, limit: limit + 1 });
      const { data, nextCursor } = pageOf("deliveries", rows, limit);
      return { data: data.map(deliveryJson), nextCursor };
    },
  });
}

async function findEndpoint(db: AppDeps["db"], id: number) {
  const endpoint = await readEndpoint(db, id);
  if (endpoint === undefined) {
    throw new WorkflowError("not_found", `There is no webhook endpoint ${id}`);
  }
  return endpoint;
}
