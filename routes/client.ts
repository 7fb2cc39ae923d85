/**
 * The API for programs in TypeScript: every route with its types, by Hono's client.
 *
 * @module
 */

import type { Hono } from "hono";
import { hc } from "hono/client";
import type { BlankEnv } from "hono/types";
import type { StatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import type {
  aliveAnswer,
  importAnswer,
  importListAnswer,
  kpisAnswer,
  leaderboardAnswer,
  orderDetailAnswer,
  orderListAnswer,
  orderReceiptAnswer,
  problemAnswer,
  readyAnswer,
  refundAnswer,
  refundListAnswer,
  streamsAnswer,
} from "./answers.ts";
import type {
  channelAnswer,
  channelsAnswer,
  notificationAnswer,
  notificationDetailAnswer,
  notificationListAnswer,
} from "./notification_answers.ts";
import type { orderBody } from "./order_body.ts";
import type { refundBody } from "./refunds.ts";

/** What a route answers: JSON when all goes well, a problem otherwise. */
type Route<Input, Output extends z.ZodType, Status extends StatusCode> =
  | { input: Input; output: z.output<Output>; outputFormat: "json"; status: Status }
  | {
    input: Input;
    output: z.output<typeof problemAnswer>;
    outputFormat: "json";
    status: 400 | 401 | 403 | 404 | 408 | 409 | 413 | 415 | 422 | 429 | 500 | 503;
  };

type ById = { param: { id: string } };
type Keyed = { header?: { "idempotency-key": string } };
type Page = { limit?: string; cursor?: string };

/** Every route that answers with JSON, with what it takes and gives. */
export type ApiSchema = {
  "/orders": {
    $get: Route<
      {
        query: Page & {
          q?: string;
          status?: string;
          customer?: string;
          currency?: string;
          from?: string;
          to?: string;
          least_cents?: string;
          most_cents?: string;
        };
      },
      typeof orderListAnswer,
      200
    >;
    $post: Route<{ json: z.input<typeof orderBody> } & Keyed, typeof orderReceiptAnswer, 200 | 202>;
  };
  "/orders/:id": { $get: Route<ById, typeof orderDetailAnswer, 200> };
  "/orders/:id/cancel": { $post: Route<ById & Keyed, typeof orderReceiptAnswer, 200> };
  "/orders/:id/refunds": {
    $get: Route<ById & { query: Page }, typeof refundListAnswer, 200>;
    $post: Route<
      ById & Keyed & { json: z.input<typeof refundBody> },
      typeof refundAnswer,
      202
    >;
  };
  "/refunds": {
    $get: Route<
      { query: Page & { status?: string; from?: string; to?: string } },
      typeof refundListAnswer,
      200
    >;
  };
  "/refunds/:id": { $get: Route<ById, typeof refundAnswer, 200> };
  "/imports": { $get: Route<{ query: Page }, typeof importListAnswer, 200> };
  "/imports/:id": { $get: Route<ById, typeof importAnswer, 200> };
  "/imports/:id/cancel": { $post: Route<ById & Keyed, typeof importAnswer, 202> };
  "/notifications": {
    $get: Route<
      { query: Page & { order?: string; channel?: string; success?: string } },
      typeof notificationListAnswer,
      200
    >;
  };
  "/notifications/channels": { $get: Route<Record<never, never>, typeof channelsAnswer, 200> };
  "/notifications/channels/:channel/enable": {
    $post: Route<{ param: { channel: string } } & Keyed, typeof channelAnswer, 200>;
  };
  "/notifications/:id": { $get: Route<ById, typeof notificationDetailAnswer, 200> };
  "/notifications/:id/replay": { $post: Route<ById & Keyed, typeof notificationAnswer, 202> };
  "/kpis": {
    $get: Route<{ query: { date?: string; from?: string; to?: string } }, typeof kpisAnswer, 200>;
  };
  "/leaderboard": {
    $get: Route<{ query: { limit?: string; currency?: string } }, typeof leaderboardAnswer, 200>;
  };
  "/streams": { $get: Route<Record<never, never>, typeof streamsAnswer, 200> };
  "/livez": { $get: Route<Record<never, never>, typeof aliveAnswer, 200> };
  "/readyz": { $get: Route<Record<never, never>, typeof readyAnswer, 200 | 503> };
};

/** The type that Hono's client needs. */
export type Api = Hono<BlankEnv, ApiSchema, "/">;

/**
 * A client: `const { orders } = ordersClient("https://orders.example", token)`, then
 * `await orders[":id"].$get({ param: { id: "42" } })`.
 *
 * @param url of the API
 * @param token is sent with every request; undefined where none is needed
 * @param options.fetch asks in another way than over the network
 */
export function ordersClient(
  url: string,
  token?: string,
  options: { fetch?: typeof fetch } = {},
): ReturnType<typeof hc<Api>> {
  return hc<Api>(url, {
    ...options,
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  });
}
