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
  batchAnswer,
  chargebackAnswer,
  chargebackListAnswer,
  importAnswer,
  importListAnswer,
  leaderboardAnswer,
  orderDetailAnswer,
  orderListAnswer,
  orderReceiptAnswer,
  pausedAnswer,
  problemAnswer,
  readyAnswer,
  refundAnswer,
  refundListAnswer,
  streamsAnswer,
} from "./api/description/answers.ts";
import type {
  channelAnswer,
  channelsAnswer,
  notificationAnswer,
  notificationDetailAnswer,
  notificationListAnswer,
} from "./api/notifications/notification_answers.ts";
import type { ledgerBalanceAnswer, ledgerListAnswer } from "./api/ledger/ledger_answers.ts";
import type { erasedAnswer, exportAnswer } from "./api/customers/customer_answers.ts";
import type {
  deliveryListAnswer,
  endpointAnswer,
  endpointDetailAnswer,
  endpointListAnswer,
  retriedAnswer,
  secretAnswer,
  testAnswer,
} from "./api/webhooks/endpoint_answers.ts";
import type { endpointBody, endpointChange, secretBody } from "./api/webhooks/endpoint_body.ts";
import type { eventListAnswer } from "./api/events/event_answers.ts";
import type { kpisAnswer } from "./api/kpis/kpi_answers.ts";
import type { orderBody } from "./api/orders/order_body.ts";
import type {
  auditListAnswer,
  verificationAnswer,
  verifiedAnswer,
} from "./api/operation/operation_answers.ts";
import type { deadLetterAnswer, deadLetterListAnswer } from "./api/streams/dead_letter_answers.ts";
import type {
  discrepancyAnswer,
  discrepancyListAnswer,
  providerDaysAnswer,
  reconciliationAnswer,
  reconciliationListAnswer,
} from "./api/reconciliations/reconciliation_answers.ts";
import type {
  approvalBody,
  discrepancyQuery,
  listedBody,
  mendingBody,
  reconcileQuery,
  reportApprovalBody,
} from "./api/reconciliations/reconciliation_requests.ts";
import type { pauseBody } from "./api/streams/pause_body.ts";
import type {
  auditListQuery,
  chargebackListQuery,
  daysQuery,
  deadLetterListQuery,
  deliveryListQuery,
  feedQuery,
  importQuery,
  leaderboardQuery,
  ledgerBalanceQuery,
  ledgerFileQuery,
  ledgerListQuery,
  notificationListQuery,
  orderFileQuery,
  orderListQuery,
  pageQuery,
  productListQuery,
  refundFileQuery,
  refundListQuery,
  stockFileQuery,
  verificationQuery,
} from "./api/description/queries.ts";
import type {
  movementListAnswer,
  productAnswer,
  productListAnswer,
  stockFileAnswer,
} from "./api/products/product_answers.ts";
import type { productBody, stockBody } from "./api/products/product_body.ts";
import type { captureBody } from "./api/orders/capture_body.ts";
import type { decideBody } from "./api/payments/decide_body.ts";
import type { completedBody, refusedBody, returnedBody } from "./api/refunds/by_hand_body.ts";
import type { refundBody } from "./api/refunds/refund_body.ts";

export type {
  AnyEvent,
  EndpointWebhook,
  FeedEvent,
  OrderEvent,
  OrderEventData,
  StockEvent,
  StockEventData,
  WebhookTest,
} from "../domain/feed/feed_event.ts";
export type {
  AlertWebhook,
  NotificationWebhook,
  Webhook,
} from "../domain/notification/webhook_body.ts";
export {
  type VerifiedWebhook,
  type VerifyOptions,
  verifyWebhook,
  type WebhookHeaders,
  WebhookVerificationError,
} from "./verify_webhook.ts";

/** What a route answers: JSON when all goes well, a problem otherwise. */
type Route<Input, Output extends z.ZodType, Status extends StatusCode> =
  | { input: Input; output: z.output<Output>; outputFormat: "json"; status: Status }
  | Refusal<Input>;

/** What a route answers that gives text: a file, or events. */
type TextRoute<Input> =
  | { input: Input; output: string; outputFormat: "text"; status: 200 }
  | Refusal<Input>;

type Refusal<Input> = {
  input: Input;
  output: z.output<typeof problemAnswer>;
  outputFormat: "json";
  status: 400 | 401 | 403 | 404 | 408 | 409 | 412 | 413 | 415 | 422 | 428 | 429 | 500 | 503;
};

type Nothing = Record<never, never>;
type ById = { param: { id: string } };
type ByGroup = { param: { group: string } };
type BySku = { param: { sku: string } };
type Keyed = { header?: { "idempotency-key": string } };
/** Every parameter that the route checks, as text. */
type Query<Schema extends z.ZodType> = { query?: { [Name in keyof z.input<Schema>]?: string } };

/** Every route but the payment provider's, with what it takes and gives. */
export type ApiSchema = {
  "/orders": {
    $get: Route<Query<typeof orderListQuery>, typeof orderListAnswer, 200>;
    $post: Route<{ json: z.input<typeof orderBody> } & Keyed, typeof orderReceiptAnswer, 200 | 202>;
  };
  "/orders/batch": {
    $post: Route<{ json: z.input<typeof orderBody>[] } & Keyed, typeof batchAnswer, 200>;
  };
  "/orders.csv": { $get: TextRoute<Query<typeof orderFileQuery>> };
  "/orders/:id": {
    $get: Route<ById, typeof orderDetailAnswer, 200>;
    $put: Route<
      ById & { header: { "if-match": string }; json: z.input<typeof orderBody> },
      typeof orderReceiptAnswer,
      200
    >;
  };
  "/orders/:id/cancel": { $post: Route<ById & Keyed, typeof orderReceiptAnswer, 200> };
  "/orders/:id/capture": {
    $post: Route<
      ById & Keyed & { json?: z.input<typeof captureBody> },
      typeof orderReceiptAnswer,
      202
    >;
  };
  "/orders/:id/retry": { $post: Route<ById & Keyed, typeof orderReceiptAnswer, 202> };
  "/orders/:id/payment/accept": { $post: Route<ById & Keyed, typeof orderReceiptAnswer, 200> };
  "/orders/:id/payment/give-back": { $post: Route<ById & Keyed, typeof orderReceiptAnswer, 200> };
  "/orders/:id/payment/dismiss": { $post: Route<ById & Keyed, typeof orderReceiptAnswer, 200> };
  "/orders/:id/payment/returned": {
    $post: Route<
      ById & Keyed & { json?: z.input<typeof returnedBody> },
      typeof orderReceiptAnswer,
      200
    >;
  };
  "/orders/:id/refunds": {
    $get: Route<ById & Query<typeof pageQuery>, typeof refundListAnswer, 200>;
    $post: Route<
      ById & Keyed & { json?: z.input<typeof refundBody> },
      typeof refundAnswer,
      202
    >;
  };
  "/refunds": { $get: Route<Query<typeof refundListQuery>, typeof refundListAnswer, 200> };
  "/refunds.csv": { $get: TextRoute<Query<typeof refundFileQuery>> };
  "/refunds/:id": { $get: Route<ById, typeof refundAnswer, 200> };
  "/refunds/:id/complete": {
    $post: Route<ById & Keyed & { json?: z.input<typeof completedBody> }, typeof refundAnswer, 202>;
  };
  "/refunds/:id/refuse": {
    $post: Route<ById & Keyed & { json?: z.input<typeof refusedBody> }, typeof refundAnswer, 202>;
  };
  "/chargebacks": {
    $get: Route<Query<typeof chargebackListQuery>, typeof chargebackListAnswer, 200>;
  };
  "/chargebacks/:id": { $get: Route<ById, typeof chargebackAnswer, 200> };
  "/chargebacks/:id/acknowledge": { $post: Route<ById & Keyed, typeof chargebackAnswer, 200> };
  "/chargebacks/:id/decide": {
    $post: Route<ById & Keyed & { json: z.input<typeof decideBody> }, typeof chargebackAnswer, 200>;
  };
  "/ledger": { $get: Route<Query<typeof ledgerListQuery>, typeof ledgerListAnswer, 200> };
  "/ledger.csv": { $get: TextRoute<Query<typeof ledgerFileQuery>> };
  "/ledger/balance": {
    $get: Route<Query<typeof ledgerBalanceQuery>, typeof ledgerBalanceAnswer, 200>;
  };
  "/products": {
    $get: Route<Query<typeof productListQuery>, typeof productListAnswer, 200>;
    $post: Route<{ json: z.input<typeof productBody> } & Keyed, typeof productAnswer, 200 | 201>;
  };
  "/products/stock": {
    $post: Route<
      Query<typeof stockFileQuery> & Keyed & { form: { file: File } },
      typeof stockFileAnswer,
      200
    >;
  };
  "/products/:sku": { $get: Route<BySku, typeof productAnswer, 200> };
  "/products/:sku/movements": {
    $get: Route<BySku & Query<typeof pageQuery>, typeof movementListAnswer, 200>;
  };
  "/products/:sku/stock": {
    $put: Route<
      BySku & { json: z.input<typeof stockBody> } & {
        header?: { "idempotency-key"?: string; "if-match"?: string };
      },
      typeof productAnswer,
      200
    >;
  };
  "/webhook-endpoints": {
    $get: Route<Query<typeof pageQuery>, typeof endpointListAnswer, 200>;
    $post: Route<{ json: z.input<typeof endpointBody> }, typeof secretAnswer, 201>;
  };
  "/webhook-endpoints/:id": {
    $get: Route<ById, typeof endpointDetailAnswer, 200>;
    $patch: Route<ById & { json: z.input<typeof endpointChange> }, typeof endpointAnswer, 200>;
    $delete: Route<ById, typeof endpointAnswer, 200>;
  };
  "/webhook-endpoints/:id/secret": {
    $post: Route<ById & { json?: z.input<typeof secretBody> }, typeof secretAnswer, 200>;
  };
  "/webhook-endpoints/:id/test": { $post: Route<ById & Keyed, typeof testAnswer, 202> };
  "/webhook-endpoints/:id/retry": { $post: Route<ById & Keyed, typeof retriedAnswer, 202> };
  "/webhook-endpoints/:id/deliveries": {
    $get: Route<ById & Query<typeof deliveryListQuery>, typeof deliveryListAnswer, 200>;
  };
  "/events": { $get: Route<Query<typeof feedQuery>, typeof eventListAnswer, 200> };
  "/customers/:id": {
    $get: Route<ById, typeof exportAnswer, 200>;
    $delete: Route<ById, typeof erasedAnswer, 200>;
  };
  "/imports": {
    $get: Route<Query<typeof pageQuery>, typeof importListAnswer, 200>;
    $post: Route<
      Query<typeof importQuery> & Keyed & { form: { file: File } },
      typeof importAnswer,
      202
    >;
  };
  "/imports/:id": { $get: Route<ById, typeof importAnswer, 200> };
  "/imports/:id/events": { $get: TextRoute<ById> };
  "/imports/:id/rejects": { $get: TextRoute<ById> };
  "/imports/:id/cancel": { $post: Route<ById & Keyed, typeof importAnswer, 202> };
  "/notifications": {
    $get: Route<Query<typeof notificationListQuery>, typeof notificationListAnswer, 200>;
  };
  "/notifications/channels": { $get: Route<Nothing, typeof channelsAnswer, 200> };
  "/notifications/channels/:channel/enable": {
    $post: Route<{ param: { channel: string } } & Keyed, typeof channelAnswer, 200>;
  };
  "/notifications/:id": { $get: Route<ById, typeof notificationDetailAnswer, 200> };
  "/notifications/:id/replay": { $post: Route<ById & Keyed, typeof notificationAnswer, 202> };
  "/kpis": { $get: Route<Query<typeof daysQuery>, typeof kpisAnswer, 200> };
  "/kpis.csv": { $get: TextRoute<Query<typeof daysQuery>> };
  "/leaderboard": {
    $get: Route<Query<typeof leaderboardQuery>, typeof leaderboardAnswer, 200>;
  };
  "/streams": { $get: Route<Nothing, typeof streamsAnswer, 200> };
  "/streams/:group/pause": {
    $post: Route<ByGroup & Keyed & { json?: z.input<typeof pauseBody> }, typeof pausedAnswer, 200>;
  };
  "/streams/:group/resume": { $post: Route<ByGroup & Keyed, typeof pausedAnswer, 200> };
  "/dead-letters": {
    $get: Route<Query<typeof deadLetterListQuery>, typeof deadLetterListAnswer, 200>;
  };
  "/dead-letters/:id": { $get: Route<ById, typeof deadLetterAnswer, 200> };
  "/dead-letters/:id/retry": { $post: Route<ById & Keyed, typeof deadLetterAnswer, 200> };
  "/dead-letters/:id/discard": { $post: Route<ById & Keyed, typeof deadLetterAnswer, 200> };
  "/reconciliations": {
    $get: Route<Query<typeof pageQuery>, typeof reconciliationListAnswer, 200>;
    $post: Route<
      { query?: z.input<typeof reconcileQuery>; json?: z.input<typeof listedBody> },
      typeof reconciliationAnswer,
      202
    >;
  };
  "/reconciliations/:id": { $get: Route<ById, typeof reconciliationAnswer, 200> };
  "/reconciliations/:id/withdraw": {
    $post: Route<ById & Keyed, typeof reconciliationAnswer, 202>;
  };
  "/reconciliations/:id/approve": {
    $post: Route<
      ById & Keyed & { json: z.input<typeof reportApprovalBody> },
      typeof reconciliationAnswer,
      200
    >;
  };
  "/provider-days": { $get: Route<Nothing, typeof providerDaysAnswer, 200> };
  "/discrepancies": {
    $get: Route<Query<typeof discrepancyQuery>, typeof discrepancyListAnswer, 200>;
  };
  "/discrepancies/:id": { $get: Route<ById, typeof discrepancyAnswer, 200> };
  "/discrepancies/:id/mend": {
    $post: Route<
      ById & Keyed & { json?: z.input<typeof mendingBody> },
      typeof discrepancyAnswer,
      200
    >;
  };
  "/discrepancies/:id/approve": {
    $post: Route<
      ById & Keyed & { json?: z.input<typeof approvalBody> },
      typeof discrepancyAnswer,
      200
    >;
  };
  "/audit": { $get: Route<Query<typeof auditListQuery>, typeof auditListAnswer, 200> };
  "/verification": {
    $get: Route<Nothing, typeof verificationAnswer, 200>;
    $post: Route<Query<typeof verificationQuery> & Keyed, typeof verifiedAnswer, 200 | 202>;
  };
  "/verification/repair": { $post: Route<Keyed, typeof verifiedAnswer, 200 | 202> };
  "/metrics": { $get: TextRoute<Nothing> };
  "/livez": { $get: Route<Nothing, typeof aliveAnswer, 200> };
  "/readyz": { $get: Route<Nothing, typeof readyAnswer, 200 | 503> };
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
