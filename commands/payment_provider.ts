/**
 * A payment provider as one meets them: slow, forgetful, repetitive, and now and then impersonated. For trials
 * and tests of `GATEWAY=http`; it keeps everything in memory.
 *
 * @module
 */

import { hash as digestOf } from "node:crypto";
import { Hono } from "hono";
import { Webhook } from "standardwebhooks";

/** How the provider behaves. Percentages are of charges, or of refunds too; their keys tell of which of them. */
export interface ProviderOptions {
  /** Where callbacks go; undefined for none. */
  callbackUrl: string | undefined;
  /** Signs them; `whsec_` and base64. */
  secret: string;
  /** Wants this bearer token; empty for none. */
  token: string;
  /** Milliseconds until a charge is decided. */
  delayMs: number;
  /** Milliseconds until a callback that was not taken is sent again, doubling. */
  resendMs: number;
  /** Percent, of refunds too, that are answered 503 at the first try, before any money moves. */
  errors: number;
  /** Percent, of refunds too, whose first try is never answered, although the money moves. */
  timeOuts: number;
  /** Percent whose callback comes twice. */
  duplicates: number;
  /** Percent whose callback comes before the answer to the charge. */
  early: number;
  /** Percent whose callback never comes. */
  silent: number;
  /** Percent of which somebody without the secret claims the opposite first. */
  lies: number;
  /** Percent of which the provider itself, well signed, claims first that it took a cent more. */
  wrongAmounts: number;
  /** Percent of which it really takes a cent more. */
  overcharges: number;
  /** Percent that are refused with 422, as an amount that is too small. */
  refusals: number;
}

/** A charge as the provider has it. */
export interface ProviderCharge {
  /** The provider's name for it. */
  id: string;
  /** Under which it was asked for. */
  key: string;
  /** What the service calls its row of the order; other orders may have been called so before. */
  orderId: number;
  /** The shop's id of the order; null where it was not told. */
  reference: string | null;
  /** What was asked for, in minor units of the currency. */
  askedCents: number;
  /** What it takes, in minor units of the currency. */
  amountCents: number;
  /** ISO 4217. */
  currency: string;
  /** `pending` until it is decided. */
  status: "pending" | "succeeded" | "declined";
  /** What went back of it, in minor units. */
  refundedCents: number;
}

/** Whose hand a callback is from, and what it says. */
type CallbackKind = "true" | "forged" | "wrong amount";

/** The provider. */
export interface PaymentProvider {
  /** To serve. */
  app: Hono;
  /** By the key that it was asked for under. */
  charges: ReadonlyMap<string, ProviderCharge>;
  /** What is wrong with all of it at the moment: it answers 503, or 401 as to a token that has expired. */
  trouble: "none" | "down" | "denied";
  /** How many requests it answered, good or bad. */
  asked: number;
  /** Statuses with which callbacks were answered, and which of them were no true ones. */
  deliveries: { kind: CallbackKind; status: number }[];
  /** Resolves when no callback is on its way. */
  settled(): Promise<void>;
  /** Ends all waiting. */
  stop(): void;
}

/** Tries of one callback. */
const mostDeliveries = 8;

/** Makes a provider that pays even amounts and declines odd ones. */
export function paymentProvider(options: ProviderOptions): PaymentProvider {
  const app = new Hono();
  const charges = new Map<string, ProviderCharge>();
  const refunds = new Map<string, Record<string, unknown>>();
  const deliveries: PaymentProvider["deliveries"] = [];
  const met = new Set<string>();
  const onTheWay = new Set<Promise<void>>();
  const stop = new AbortController();
  const webhook = new Webhook(options.secret);
  const stranger = new Webhook(`whsec_${btoa("a stranger who has no secret")}`);

  const provider: PaymentProvider = {
    app,
    charges,
    trouble: "none",
    asked: 0,
    deliveries,
    async settled() {
      while (onTheWay.size > 0) await Promise.all(onTheWay);
    },
    stop: () => stop.abort(),
  };

  const happens = (what: string, key: string, percent: number) =>
    parseInt(digestOf("sha256", `${what} ${key}`, "hex").slice(0, 8), 16) % 100 < percent;
  const firstTime = (what: string, key: string) => {
    const name = `${what} ${key}`;
    if (met.has(name)) return false;
    met.add(name);
    return true;
  };
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      stop.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
    });

  const post = async (kind: CallbackKind, id: string, body: string): Promise<number> => {
    const signer = kind === "forged" ? stranger : webhook;
    const now = new Date();
    const response = await fetch(options.callbackUrl!, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
        "webhook-signature": signer.sign(id, now, body),
      },
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(5_000)]),
    });
    await response.body?.cancel();
    deliveries.push({ kind, status: response.status });
    return response.status;
  };

  const callBack = async (charge: ProviderCharge, status: "succeeded" | "declined") => {
    const bodyOf = (outcome: string, amountCents = charge.amountCents) =>
      JSON.stringify({
        type: `charge.${outcome}`,
        timestamp: new Date().toISOString(),
        data: {
          id: charge.id,
          idempotency_key: charge.key,
          reference: charge.reference,
          amount_cents: amountCents,
          currency: charge.currency,
        },
      });
    if (happens("lie", charge.key, options.lies)) {
      const opposite = status === "succeeded" ? "declined" : "succeeded";
      await post("forged", `lie_${charge.id}`, bodyOf(opposite)).catch(() => {});
    }
    if (happens("wrong amount", charge.key, options.wrongAmounts)) {
      const wrong = bodyOf("succeeded", charge.amountCents + 1);
      await post("wrong amount", `wrong_${charge.id}`, wrong).catch(() => {});
    }
    const copies = happens("duplicate", charge.key, options.duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      for (let attempt = 0; attempt < mostDeliveries && !stop.signal.aborted; attempt++) {
        const answer = await post("true", `msg_${charge.id}`, bodyOf(status)).catch(() => 0);
        if (answer >= 200 && answer < 300) break;
        await wait(options.resendMs * 2 ** attempt);
      }
    }
  };

  const decide = async (charge: ProviderCharge): Promise<void> => {
    if (charge.status !== "pending") return;
    const status = charge.askedCents % 2 === 0 ? "succeeded" : "declined";
    charge.status = status;
    if (options.callbackUrl === undefined || happens("silence", charge.key, options.silent)) return;
    await callBack(charge, status);
  };
  const inBackground = (work: Promise<void>) => {
    const tracked = work.finally(() => onTheWay.delete(tracked));
    onTheWay.add(tracked);
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

  app.post("/charges", async (c) => {
    const key = c.req.header("idempotency-key") ?? "";
    const { order_id: orderId, reference = null, amount_cents: amountCents, currency } = await c.req
      .json();
    if (key === "" || !Number.isSafeInteger(amountCents)) return c.json({ error: "invalid" }, 422);
    if (happens("error", key, options.errors) && firstTime("error", key)) {
      return c.json({ error: "try again" }, 503);
    }
    if (amountCents < 1 || happens("refusal", key, options.refusals)) {
      return c.json({ error: { message: "amount_too_small" } }, 422);
    }
    let charge = charges.get(key);
    if (charge === undefined) {
      const made: ProviderCharge = {
        id: `ch_${crypto.randomUUID()}`,
        key,
        orderId,
        reference,
        askedCents: amountCents,
        amountCents: amountCents + (happens("overcharge", key, options.overcharges) ? 1 : 0),
        currency,
        status: "pending",
        refundedCents: 0,
      };
      charges.set(key, charge = made);
      if (happens("early", key, options.early)) await decide(made);
      else inBackground(wait(options.delayMs).then(() => decide(made)));
    } else if (charge.askedCents !== amountCents || charge.currency !== currency) {
      return c.json({ error: "another request under this key" }, 422);
    }
    if (happens("time-out", key, options.timeOuts) && firstTime("time-out", key)) {
      await wait(3_600_000);
    }
    return c.json(chargeJson(charge), charge.status === "pending" ? 202 : 200);
  });

  app.get("/charges/:key", (c) => {
    const charge = charges.get(c.req.param("key"));
    return charge === undefined ? c.json({ error: "unknown" }, 404) : c.json(chargeJson(charge));
  });

  app.post("/refunds", async (c) => {
    const key = c.req.header("idempotency-key") ?? "";
    if (happens("error", key, options.errors) && firstTime("error", key)) {
      return c.json({ error: "try again" }, 503);
    }
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
    if (refund.status === "succeeded") charge!.refundedCents += amountCents;
    refunds.set(key, refund);
    if (happens("time-out", key, options.timeOuts) && firstTime("time-out", key)) {
      await wait(3_600_000);
    }
    return c.json(refund);
  });

  app.get("/refunds/:key", (c) => {
    const refund = refunds.get(c.req.param("key"));
    return refund === undefined ? c.json({ error: "unknown" }, 404) : c.json(refund);
  });

  return provider;
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
