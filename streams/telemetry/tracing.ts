/**
 * Traces: what belongs together, from the request or file that brings an order to the word to the customer.
 *
 * Deno itself makes and exports traces, where `OTEL_DENO=true` tells it to. Everywhere else nothing here is
 * called: whoever may trace asks {@linkcode tracing} once for a batch and goes on as if this did not exist.
 *
 * A message carries the context of its order's trace (a W3C `traceparent`). A batch is many orders' work, so it
 * is a span with links to all of them, and has the calls to the engines below it; a lone message's batch is part
 * of that message's own trace. Each message has a span of its own besides, in its order's trace.
 *
 * @module
 */

import {
  type Attributes,
  context,
  createContextKey,
  type Link,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { messageOf } from "../../domain/errors.ts";

/** True where this process exports traces. */
export const tracing = !(trace.getTracerProvider() instanceof ProxyTracerProvider);

/** Links that a span carries at most, as OpenTelemetry's own limit is; what a batch has beyond it is left out. */
const maxLinks = 128;

const tracer = trace.getTracer("orders-workflow");

/** How a span is begun. */
export interface SpanOptions {
  kind?: SpanKind;
  attributes?: Attributes;
  /**
   * Contexts that the work belongs to, besides the one that is active: a single one becomes the parent, many
   * become links of a span that begins a trace. Undefined ones are left out.
   */
  of?: readonly (string | undefined)[];
}

/** The trace that the running code belongs to, as 32 hexadecimal digits; undefined outside of any. */
export function traceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** The context of the running code as a W3C `traceparent`, to be handed on; undefined outside of any trace. */
export function traceparent(): string | undefined {
  return formatTraceparent(trace.getActiveSpan());
}

/** Does work in a span. What the work throws is noted in it and passed on. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const { kind = SpanKind.INTERNAL, attributes = {} } = options;
  const contexts = (options.of ?? []).flatMap((text) => parseTraceparent(text) ?? []);
  let parent = context.active();
  const links: Link[] = [];
  if (contexts.length === 1) parent = trace.setSpanContext(parent, contexts[0]!);
  else if (contexts.length > 1) {
    parent = ROOT_CONTEXT;
    links.push(...contexts.slice(0, maxLinks).map((context) => ({ context })));
  }
  const span = tracer.startSpan(name, { kind, attributes, links }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** What a span tells of a message. */
export interface MessageInSpan {
  type: string;
  attributes: Attributes;
}

/**
 * Publishes in a span, and gives each message the context that whoever handles it goes on with: below the
 * context that it brings along, or else in the publisher's trace if it is the only one, or else in a trace of
 * its own. So every order of a large file has a trace that a person can read.
 *
 * @param work is told the messages with their contexts
 */
export function tracePublish<M extends { traceparent?: string }, T>(
  messages: readonly M[],
  describe: (message: M) => MessageInSpan,
  work: (messages: readonly M[]) => Promise<T>,
): Promise<T> {
  const kind = SpanKind.PRODUCER;
  const attributes = {
    "messaging.system": "redis",
    "messaging.operation.type": "send",
    "messaging.batch.message_count": messages.length,
  };
  return inSpan("publish", { kind, attributes }, (publishing) => {
    const link = { context: publishing.spanContext() };
    return work(messages.map((one) => {
      const brought = parseTraceparent(one.traceparent);
      if (brought === undefined && messages.length === 1) {
        return { ...one, traceparent: formatTraceparent(publishing) };
      }
      const parent = brought === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, brought);
      const { type, attributes: own } = describe(one);
      const attributes = {
        "messaging.system": "redis",
        "messaging.operation.type": "create",
        ...own,
      };
      const name = `create ${type}`;
      const span = tracer.startSpan(name, { kind, attributes, links: [link] }, parent);
      span.end();
      return { ...one, traceparent: formatTraceparent(span) };
    }));
  });
}

/** A message in a consumer's hands. */
interface Incoming {
  /** The stream entry's id. */
  id: string;
  /** Undefined where the message can't be understood. */
  type: string | undefined;
  attributes: Attributes;
  attempt: number;
  traceparent: string | undefined;
}

const spansKey = createContextKey("spans of the messages of the running batch");

/** Handles a batch in a span, with a span for each message that ends with it. */
export function traceBatch<T>(
  group: string,
  messages: readonly Incoming[],
  work: () => Promise<T>,
): Promise<T> {
  const kind = SpanKind.CONSUMER;
  const shared = {
    "messaging.system": "redis",
    "messaging.operation.type": "process",
    "messaging.destination.name": group,
    "messaging.consumer.group.name": group,
  };
  const attributes = { ...shared, "messaging.batch.message_count": messages.length };
  const of = messages.map(({ traceparent }) => traceparent);
  return inSpan(`process ${group}`, { kind, attributes, of }, async (batch) => {
    const links = [{ context: batch.spanContext() }];
    const spans = new Map(messages.map(({ id, type, attributes: own, attempt, traceparent }) => {
      const brought = parseTraceparent(traceparent);
      const parent = brought === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, brought);
      const attributes = {
        ...shared,
        "messaging.message.id": id,
        "messaging.message.delivery_attempt": attempt,
        ...own,
      };
      return [id, tracer.startSpan(type ?? "unknown", { kind, attributes, links }, parent)];
    }));
    try {
      return await context.with(context.active().setValue(spansKey, spans), work);
    } finally {
      for (const span of spans.values()) span.end();
    }
  });
}

/** The span of a message of the running batch. */
function spanOf(id: string): Span | undefined {
  return (context.active().getValue(spansKey) as Map<string, Span> | undefined)?.get(id);
}

/** The context that what follows from a message of the running batch belongs to. */
export function traceparentOf(id: string): string | undefined {
  return formatTraceparent(spanOf(id));
}

/** The trace of a message of the running batch: its order's, where the batch has many. */
export function traceIdOf(id: string): string | undefined {
  return spanOf(id)?.spanContext().traceId;
}

/**
 * Notes what became of messages of the running batch.
 *
 * @param error why they are not finished; undefined for those that are
 */
export function noteOutcome(
  ids: readonly string[],
  outcome: "processed" | "retried" | "delayed" | "dead",
  error?: (index: number) => string,
): void {
  ids.forEach((id, index) => {
    const span = spanOf(id);
    span?.setAttribute("order.message.outcome", outcome);
    if (error) span?.setStatus({ code: SpanStatusCode.ERROR, message: error(index) });
  });
}

function formatTraceparent(span: Span | undefined): string | undefined {
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** @returns undefined for what is none: strangers may write to Redis, and a trace is no reason to fail */
function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? "");
  if (parts === null || /^0+$/.test(parts[1]!) || /^0+$/.test(parts[2]!)) return undefined;
  return {
    traceId: parts[1]!,
    spanId: parts[2]!,
    traceFlags: parseInt(parts[3]!, 16),
    isRemote: true,
  };
}
