/**
 * A payment provider as a process of its own, in the form of `GATEWAY=http`, whose answers, webhooks and books can be told
 * to be wrong: `deno run -A faulty_provider.ts SECRET CALLBACK_URL`. It prints its port and keeps everything in memory.
 *
 * @module
 */

import { Hono } from "hono";
import { Webhook } from "standardwebhooks";
import { reportCsv } from "../../../commands/provider_report.ts";
import { type BookedCharge, type BookFault, openBooks } from "./faulty_books.ts";
import { pauseMs } from "./until.ts";

/** What can be wrong with the answer to the next charge, or with the webhook that tells of it. */
export const answerFaults = [
  "answer_dropped",
  "webhook_twice",
  "webhook_never",
  "webhook_late",
  "webhook_of_nobody",
] as const;

/** One of {@linkcode answerFaults}. */
export type AnswerFault = typeof answerFaults[number];

/** How late a late webhook is, in milliseconds. */
const lateMs = 3_000;

/** Tries of a webhook, and the wait before the second, which doubles. */
const maxPosts = 6, againMs = 200;

function provider(secret: string, callbackUrl: string): Hono {
  const books = openBooks();
  const armed: AnswerFault[] = [];
  const post = poster(secret, callbackUrl);
  const app = new Hono();

  app.post("/charges", async (c) => {
    const key = c.req.header("idempotency-key")!;
    const { reference, amount_cents: askedCents, currency } = await c.req.json();
    const { charge, isNew } = books.charge({ key, reference, askedCents, currency });
    const fault = isNew ? armed.shift() : undefined;
    if (fault === "answer_dropped") return new Response(null, { status: 502 });
    if (fault === undefined || fault === "webhook_of_nobody") {
      return c.json(chargeJson(charge));
    }
    tell(post, charge, fault);
    return c.json({ ...chargeJson(charge), status: "pending" }, 202);
  });

  app.get("/charges/:key", (c) => {
    const charge = books.find(c.req.param("key"));
    return charge === undefined ? c.json({ error: "unknown" }, 404) : c.json(chargeJson(charge));
  });

  app.post("/refunds", async (c) => {
    const key = c.req.header("idempotency-key")!;
    const { charge_id: chargeId, amount_cents: amountCents } = await c.req.json();
    const refund = books.refund({ key, chargeId, amountCents });
    return c.json(
      refund === undefined
        ? { status: "refused", reason: "nothing of it is left" }
        : { id: refund.id, status: "succeeded", amount_cents: refund.amountCents },
    );
  });

  app.get("/refunds/:key", (c) => {
    const refund = books.refunds.find(({ key }) => key === c.req.param("key"));
    return refund === undefined
      ? c.json({ error: "unknown" }, 404)
      : c.json({ id: refund.id, status: "succeeded", amount_cents: refund.amountCents });
  });

  app.get("/report.csv", (c) => c.body([...reportCsv(books.report())].join("")));

  app.get("/books", (c) => c.json(books.charges));

  app.post("/faults/answers/:fault", async (c) => {
    const fault = c.req.param("fault") as AnswerFault;
    if (fault !== "webhook_of_nobody") armed.push(fault);
    else await post(`nobody_${crypto.randomUUID()}`, bodyOf(strangersCharge()), 1);
    return c.json({ armed: armed.length });
  });

  app.post("/faults/books/:fault/:charge", (c) => {
    const { fault, charge } = c.req.param();
    return c.json({ about: books.fault(fault as BookFault, charge) ?? null });
  });

  return app;
}

/** Nobody waits for it; a webhook that is never taken is no harm. */
function tell(post: Post, charge: BookedCharge, fault: AnswerFault): void {
  if (fault === "webhook_never") return;
  const work = async () => {
    if (fault === "webhook_late") await pauseMs(lateMs);
    for (let copy = 0; copy < (fault === "webhook_twice" ? 2 : 1); copy++) {
      await post(`msg_${charge.id}`, bodyOf(charge), maxPosts);
    }
  };
  work().catch(() => {});
}

/** Sends a webhook until it is taken. */
type Post = (id: string, body: string, times: number) => Promise<void>;

function poster(secret: string, callbackUrl: string): Post {
  const signer = new Webhook(secret);
  return async (id, body, times) => {
    for (let n = 0; n < times; n++) {
      const now = new Date();
      const response = await fetch(callbackUrl, {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
          "webhook-signature": signer.sign(id, now, body),
        },
      }).catch(() => undefined);
      await response?.body?.cancel();
      if (response?.ok) return;
      await pauseMs(againMs * 2 ** n);
    }
  };
}

/** A charge of another shop's order, which nobody here knows of. */
function strangersCharge(): BookedCharge {
  return {
    id: `ch_${crypto.randomUUID()}`,
    key: `charge_${crypto.randomUUID().replaceAll("-", "")}`,
    reference: "of-nobody",
    askedCents: 1_000,
    amountCents: 1_000,
    currency: "GBP",
    status: "succeeded",
    refundedCents: 0,
    at: new Date(),
  };
}

function bodyOf(charge: BookedCharge): string {
  return JSON.stringify({
    type: `charge.${charge.status}`,
    timestamp: new Date().toISOString(),
    data: {
      id: charge.id,
      idempotency_key: charge.key,
      reference: charge.reference,
      amount_cents: charge.amountCents,
      currency: charge.currency,
    },
  });
}

function chargeJson({ id, status, reference, amountCents, currency, refundedCents }: BookedCharge) {
  return {
    id,
    status,
    reference,
    amount_cents: amountCents,
    currency,
    refunded_cents: refundedCents,
  };
}

if (import.meta.main) {
  const [secret, callbackUrl] = Deno.args;
  const app = provider(secret!, callbackUrl!);
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(port),
  }, (request) => app.fetch(request));
}
