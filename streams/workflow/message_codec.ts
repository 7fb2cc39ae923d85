/**
 * How the queue reads and writes the messages of this workflow.
 *
 * @module
 */

import {
  decodeMessage,
  encodeMessage,
  groupOf,
  groups,
  isOfNewerVersion,
  type Message,
  messageField,
  messageOfEntry,
  orderIdOf,
  traceField,
  traceOfEntry,
} from "../../domain/messages/messages.ts";
import { workOf } from "../../domain/messages/work.ts";
import type { Codec } from "../queue/queue.ts";

/** A queue is summed up in money, and an import publishes an order once. */
export const messageCodec: Codec<Message> = {
  groups,
  groupOf: ({ type }) => groupOf[type],
  laneOf: ({ type }) => workOf[type].lane,
  messageField,
  traceField,
  encode: encodeMessage,
  decode: decodeMessage,
  read: messageOfEntry,
  isOfNewerVersion,
  traceOf: traceOfEntry,
  unitOf: (message) => "currency" in message ? message.currency : "",
  amountOf: (message) => "amountCents" in message ? message.amountCents : 0,
  onceIdOf: (message) => orderIdOf(message) ?? 0,
  logFacts: (message) =>
    "productId" in message ? { product_id: message.productId } : { order_id: message.orderId },
  spanFacts: (message): Record<string, number> =>
    "productId" in message ? { "product.id": message.productId } : { "order.id": message.orderId },
};
