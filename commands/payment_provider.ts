/**
 * A payment provider as one meets them: slow, forgetful, repetitive, and now and then impersonated. For trials
 * and tests of `GATEWAY=http`; it keeps everything in memory.
 *
 * @module
 */

import { Hono } from "hono";
import { pause } from "../streams/timing/pause.ts";
import { type Callbacks, openCallbacks } from "./payment_callbacks.ts";
import {
  type Delivery,
  happens,
  type MadeRefund,
  type ProviderCharge,
  type ProviderOptions,
} from "./provider_behaviour.ts";

import { feeOf, reportCsv, type ReportLine, reportLine } from "./provider_report.ts";
import { databaseTime } from "../domain/database_time.ts";

export type { MadeRefund, ProviderCharge, ProviderOptions } from "./provider_behaviour.ts";

/** A simulated provider: its routes, and what tests look at and set. */
export interface PaymentProvider {
  app: Hono;
  /** By the key that it was asked for under. */
  charges: ReadonlyMap<string, ProviderCharge>;
  /** All that it has made, the first one first. */
  refunds: readonly MadeRefund[];
  /** Its report of everything so far, in the native form. */
  report(): ReportLine[];
  /** What is wrong with all of it at the moment: it answers 503, or 401 as to a token that has expired. */
  trouble: "none" | "down" | "denied";
  /** How many requests it answered, good or bad. */
  asked: number;
  /** Statuses with which callbacks were answered, and which of them were no true ones. */
  deliveries: Delivery[];
  /** Resolves when no callback is on its way. */
  settled(): Promise<void>;
  /** Ends all waiting. */
  stop(): void;
}

/** An answer that never comes is not waited for that long, in milliseconds. */
const maxSilenceMs = 3_600_000;

/** Makes a provider that pays even amounts and declines odd ones. */
export function paymentProvider(options: ProviderOptions): PaymentProvider {
  const app = new Hono();
  const stop = new AbortController();
  const counter = openCounter(options, stop.signal);
  const provider: PaymentProvider = {
    app,
    charges: counter.charges,
    refunds: counter.made,
    report: () => reportOf(counter),
    trouble: "none",
    asked: 0,
    deliveries: counter.callbacks.deliveries,
    settled: () => counter.callbacks.settled(),
    stop: () => stop.abort(),
  };

  app.use(async (c, next) => {
    provider.asked++;
    if (provider.trouble === "down") return c.json({ error: "down" }, 503);
    if (provider.trouble === "denied") return c.json({ error: "token expired" }, 401);
    if (options.token !== "" && c.req.header("authorization") !== `Bearer ${options.token}`) {
      return c.json({ error: "unauthorized" }, 401);
    }
    await next();
  });
  app.route("/", chargeRoutes(counter));
  app.route("/", refundRoutes(counter));
  app.route("/", bookRoutes(counter));
  return provider;
}

/** What the provider has, and how it behaves. */
interface Counter {
  options: ProviderOptions;
  charges: Map<string, ProviderCharge>;
  /** Answers to refunds, by the key that they were asked for under. */
  refunds: Map<string, Record<string, unknown>>;
  made: MadeRefund[];
  callbacks: Callbacks;
  /** The first try fails, before any money moves. */
  failsAtFirst(key: string): boolean;
  /** The first try is never answered, although the money moves. */
  staysSilentAtFirst(key: string): Promise<void>;
}

function openCounter(options: ProviderOptions, stopping: AbortSignal): Counter {
  const met = new Set<string>();
  const isFirst = (what: string, key: string) => {
    const name = `${what} ${key}`;
    if (met.has(name)) return false;
    met.add(name);
    return true;
  };
  return {
    options,
    charges: new Map(),
    refunds: new Map(),
    made: [],
    callbacks: openCallbacks(options, stopping),
    failsAtFirst: (key) => happens("error", key, options.errors) && isFirst("error", key),
    staysSilentAtFirst: async (key) => {
      if (happens("time-out", key, options.timeOuts) && isFirst("time-out", key)) {
        await pause(maxSilenceMs, stopping);
      }
    },
  };
}

/** Asking for a charge, and looking one up. */
function chargeRoutes(counter: Counter): Hono {
  const { options, charges, callbacks } = counter;
  const app = new Hono();

  app.post("/charges", async (c) => {
    const key = c.req.header("idempotency-key") ?? "";
    const { order_id: orderId, reference = null, amount_cents: amountCents, currency } = await c.req
      .json();
    if (key === "" || !Number.isSafeInteger(amountCents)) return c.json({ error: "invalid" }, 422);
    if (counter.failsAtFirst(key)) return c.json({ error: "try again" }, 503);
    if (amountCents < 1 || happens("refusal", key, options.refusals)) {
      return c.json({ error: { message: "amount_too_small" } }, 422);
    }
    let charge = charges.get(key);
    if (charge === undefined) {
      charge = newCharge(options, { key, orderId, reference, amountCents, currency });
      charges.set(key, charge);
      if (happens("early", key, options.early)) await callbacks.decide(charge);
      else callbacks.decideLater(charge);
    } else if (charge.askedCents !== amountCents || charge.currency !== currency) {
      return c.json({ error: "another request under this key" }, 422);
    }
    await counter.staysSilentAtFirst(key);
    return c.json(chargeJson(charge), charge.status === "pending" ? 202 : 200);
  });

  app.get("/charges/:key", (c) => {
    const charge = charges.get(c.req.param("key"));
    return charge === undefined ? c.json({ error: "unknown" }, 404) : c.json(chargeJson(charge));
  });

  return app;
}

function newCharge(
  options: ProviderOptions,
  { amountCents, ...asked }: Pick<
    ProviderCharge,
    "key" | "orderId" | "reference" | "amountCents" | "currency"
  >,
): ProviderCharge {
  return {
    id: `ch_${crypto.randomUUID()}`,
    ...asked,
    askedCents: amountCents,
    amountCents: amountCents + (happens("overcharge", asked.key, options.overcharges) ? 1 : 0),
    status: "pending",
    refundedCents: 0,
    decidedAt: null,
  };
}

/** Asking for a refund, and looking one up. */
function refundRoutes(counter: Counter): Hono {
  const { charges, refunds } = counter;
  const app = new Hono();

  app.post("/refunds", async (c) => {
    const key = c.req.header("idempotency-key") ?? "";
    if (counter.failsAtFirst(key)) return c.json({ error: "try again" }, 503);
    const before = refunds.get(key);
    if (before !== undefined) return c.json(before);
    const {
      order_id: orderId,
      charge_id: chargeId,
      reference,
      amount_cents: amountCents,
      currency,
    } = await c.req.json();
    const charge = [...charges.values()].findLast(({ id, orderId: of }) =>
      chargeId === undefined ? of === orderId : id === chargeId
    );
    const left = charge?.status === "succeeded" ? charge.amountCents - charge.refundedCents : 0;
    const refund = {
      id: `re_${crypto.randomUUID()}`,
      ...(charge === undefined || amountCents < 1 || amountCents > left ||
          charge.currency !== currency
        ? { status: "refused", reason: "nothing of it is left" }
        : { status: "succeeded" }),
      reference,
      amount_cents: amountCents,
      currency,
    };
    if (refund.status === "succeeded") {
      charge!.refundedCents += amountCents;
      counter.made.push({ id: refund.id, key, charge: charge!, amountCents, madeAt: new Date() });
    }
    refunds.set(key, refund);
    await counter.staysSilentAtFirst(key);
    return c.json(refund);
  });

  app.get("/refunds/:key", (c) => {
    const refund = refunds.get(c.req.param("key"));
    return refund === undefined ? c.json({ error: "unknown" }, 404) : c.json(refund);
  });

  return app;
}

/** Movements to a page of the list. */
const movementsTogether = 500;

/** What moved since a time, page by page, and all of it as a report. */
function bookRoutes(counter: Counter): Hono {
  const app = new Hono();

  app.get("/movements", (c) => {
    const since = c.req.query("since") ?? "";
    const after = Number(c.req.query("after") ?? 0);
    const moved = reportOf(counter).filter(({ createdUtc }) => timeOf(createdUtc) >= since);
    const data = moved.slice(after, after + movementsTogether).map((line) => ({
      kind: line.kind,
      id: line.kind === "charge" ? line.chargeId : line.refundId,
      charge_id: line.chargeId,
      created: timeOf(line.createdUtc),
      idempotency_key: line.key,
      reference: line.reference,
      amount_cents: Math.abs(line.grossCents),
      currency: line.currency,
    }));
    const next = after + movementsTogether;
    return c.json({ data, next: next < moved.length ? String(next) : null });
  });

  app.get(
    "/report.csv",
    (c) => c.body([...reportCsv(reportOf(counter))].join(""), 200, { "content-type": "text/csv" }),
  );

  return app;
}

function timeOf(createdUtc: string): string {
  return `${createdUtc.replace(" ", "T")}Z`;
}

/** Everything that moved, by time. */
function reportOf({ charges, made }: Counter): ReportLine[] {
  const took = [...charges.values()].filter(({ status }) => status === "succeeded");
  return [
    ...took.map((charge) => lineOf(charge, charge.decidedAt!, null)),
    ...made.map((refund) => lineOf(refund.charge, refund.madeAt, refund)),
  ].sort((a, b) => a.createdUtc < b.createdUtc ? -1 : a.createdUtc > b.createdUtc ? 1 : 0);
}

function lineOf(charge: ProviderCharge, at: Date, refund: MadeRefund | null): ReportLine {
  return reportLine({
    kind: refund === null ? "charge" : "refund",
    createdUtc: databaseTime(at),
    chargeId: charge.id,
    refundId: refund?.id ?? "",
    key: refund?.key ?? charge.key,
    reference: charge.reference ?? "",
    grossCents: refund === null ? charge.amountCents : -refund.amountCents,
    feeCents: refund === null ? feeOf(charge.amountCents) : 0,
    currency: charge.currency,
  });
}

function chargeJson(charge: ProviderCharge) {
  const { id, status, reference, amountCents, currency, refundedCents } = charge;
  return {
    id,
    status,
    reference,
    amount_cents: amountCents,
    currency,
    refunded_cents: refundedCents,
  };
}
