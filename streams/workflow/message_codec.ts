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
  type Message,
  messageField,
  messageOfEntry,
  traceField,
  traceOfEntry,
} from "../../domain/messages/messages.ts";
import type { Codec } from "../queue/queue.ts";

/** A queue is summed up in money, and an import publishes an order once. */
export const messageCodec: Codec<Message> = {
  groups,
  groupOf: ({ type }) => groupOf[type],
  messageField,
  traceField,
  encode: encodeMessage,
  decode: decodeMessage,
  read: messageOfEntry,
  traceOf: traceOfEntry,
  unitOf: ({ currency }) => currency,
  amountOf: ({ amountCents }) => amountCents,
  onceIdOf: ({ orderId }) => orderId,
  logFacts: ({ orderId }) => ({ order_id: orderId }),
  spanFacts: ({ orderId }) => ({ "order.id": orderId }),
};
