/**
 * The callbacks of the simulated payment provider: late, twice, never, or from somebody who lies.
 *
 * @module
 */

import { Webhook } from "standardwebhooks";
import { pause } from "../streams/timing/pause.ts";
import {
  type CallbackKind,
  type Delivery,
  happens,
  type ProviderCharge,
  type ProviderOptions,
} from "./provider_behaviour.ts";

/** Decides charges and tells of it. */
export interface Callbacks {
  deliveries: Delivery[];
  /** Decides a charge, and resolves when its callback has arrived or is given up. */
  decide(charge: ProviderCharge): Promise<void>;
  /** The same after the provider's delay, while nobody waits for it. */
  decideLater(charge: ProviderCharge): void;
  /** Resolves when no callback is on its way. */
  settled(): Promise<void>;
}

/** Tries of one callback. */
const maxDeliveries = 8;

/** Longest wait for the answer to a callback, in milliseconds. */
const maxAnswerMs = 5_000;

/** Opens what the provider calls back with. */
export function openCallbacks(options: ProviderOptions, stopping: AbortSignal): Callbacks {
  const deliveries: Delivery[] = [];
  const onTheWay = new Set<Promise<void>>();
  const post = poster(options, stopping, deliveries);

  const decide = async (charge: ProviderCharge) => {
    if (charge.status !== "pending") return;
    const status = charge.askedCents % 2 === 0 ? "succeeded" : "declined";
    charge.status = status;
    charge.decidedAt = new Date();
    if (options.callbackUrl === undefined || happens("silence", charge.key, options.silent)) return;
    await lie(charge, status, options, post);
    const copies = happens("duplicate", charge.key, options.duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      await deliver(charge, status, options, stopping, post);
    }
  };

  return {
    deliveries,
    decide,
    decideLater: (charge) => {
      const work = pause(options.delayMs, stopping).then(() => decide(charge));
      const tracked = work.finally(() => onTheWay.delete(tracked));
      onTheWay.add(tracked);
    },
    settled: async () => {
      while (onTheWay.size > 0) await Promise.all(onTheWay);
    },
  };
}

/** Sends a callback. @returns the status of the answer */
type Post = (kind: CallbackKind, id: string, body: string) => Promise<number>;

function poster(
  { callbackUrl, secret }: ProviderOptions,
  stopping: AbortSignal,
  deliveries: Delivery[],
): Post {
  const own = new Webhook(secret);
  const stranger = new Webhook(`whsec_${btoa("a stranger who has no secret")}`);
  return async (kind, id, body) => {
    const signer = kind === "forged" ? stranger : own;
    const now = new Date();
    const response = await fetch(callbackUrl!, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
        "webhook-signature": signer.sign(id, now, body),
      },
      signal: AbortSignal.any([stopping, AbortSignal.timeout(maxAnswerMs)]),
    });
    await response.body?.cancel();
    deliveries.push({ kind, status: response.status });
    return response.status;
  };
}

/** What comes before the true callback, from a stranger or from the provider itself. */
async function lie(
  charge: ProviderCharge,
  status: "succeeded" | "declined",
  options: ProviderOptions,
  post: Post,
): Promise<void> {
  if (happens("lie", charge.key, options.lies)) {
    const opposite = status === "succeeded" ? "declined" : "succeeded";
    await post("forged", `lie_${charge.id}`, bodyOf(charge, opposite)).catch(() => {});
  }
  if (happens("wrong amount", charge.key, options.wrongAmounts)) {
    const wrong = bodyOf(charge, "succeeded", charge.amountCents + 1);
    await post("wrong amount", `wrong_${charge.id}`, wrong).catch(() => {});
  }
}

/** Sends the true callback until it is taken, a few times. */
async function deliver(
  charge: ProviderCharge,
  status: string,
  { resendMs }: ProviderOptions,
  stopping: AbortSignal,
  post: Post,
): Promise<void> {
  for (let attempt = 0; attempt < maxDeliveries && !stopping.aborted; attempt++) {
    const answer = await post("true", `msg_${charge.id}`, bodyOf(charge, status)).catch(() => 0);
    if (answer >= 200 && answer < 300) break;
    await pause(resendMs * 2 ** attempt, stopping);
  }
}

function bodyOf(charge: ProviderCharge, outcome: string, amountCents = charge.amountCents): string {
  return JSON.stringify({
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
}
