/**
 * Posts a webhook, signed after Standard Webhooks.
 *
 * @module
 */

import { Webhook } from "standardwebhooks";
import { messageOf } from "../../domain/errors.ts";
import type { SendResult } from "./notification_sender.ts";

/** How webhooks are posted. */
export interface WebhookOptions {
  /** The one address that they are posted to. */
  url: string;
  /** Each of them signs; read at each post. */
  readonly secrets: readonly string[];
  /** Longest wait for an answer, in milliseconds. */
  timeoutMs: number;
  /** Gives up at once when it aborts. */
  signal?: AbortSignal;
  /** Asks in another way than the platform does. */
  fetch?: typeof fetch;
}

/** Bytes of an answer that are read. */
const replyBytes = 2_048;

/**
 * Posts a webhook once. Redirects are not followed, and a receiver that answers one has failed. Anything from 200
 * to 299 counts as taken. Never throws.
 *
 * @param webhook.id the same for every try, so that a receiver can drop what it has
 * @param webhook.body JSON
 */
export async function postWebhook(
  { url, secrets, timeoutMs, signal, fetch: ask = fetch }: WebhookOptions,
  { id, body }: { id: string; body: string },
): Promise<SendResult> {
  const now = new Date();
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await ask(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "orders-workflow",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
        "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, now, body))
          .join(" "),
      },
      body,
      redirect: "manual",
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    });
    return await resultOf(response);
  } catch (error) {
    return { statusCode: null, reply: null, error: withoutUrl(error, url, timeoutMs) };
  }
}

async function resultOf(response: Response): Promise<SendResult> {
  const { status } = response;
  if (response.ok) {
    await response.body?.cancel();
    return { statusCode: status, reply: null, error: null };
  }
  const redirect = status >= 300 && status < 400 ? "; redirects are not followed" : "";
  return {
    statusCode: status,
    reply: await beginningOf(response),
    error: `the endpoint answered ${status}${redirect}`,
    retryAfterMs: retryAfterOf(response),
    gone: status === 410,
  };
}

/** The first bytes of an answer: it may be endless. */
async function beginningOf(response: Response): Promise<string | null> {
  if (response.body === null) return null;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let read = 0; read < replyBytes;) {
      const { done, value } = await reader.read();
      if (done) break;
      read += value.length;
      text += decoder.decode(value.subarray(0, replyBytes), { stream: true });
    }
  } catch {
    // The status says enough.
  } finally {
    await reader.cancel().catch(() => {});
  }
  const plain = text.replace(/[\p{Cc}]+/gu, " ").trim();
  return plain === "" ? null : plain;
}

/** `Retry-After` as seconds or as a date. */
function retryAfterOf(response: Response): number | null {
  const text = response.headers.get("retry-after")?.trim();
  if (!text) return null;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

/** The address may hold a secret. */
function withoutUrl(error: unknown, url: string, timeoutMs: number): string {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return `the endpoint did not answer within ${timeoutMs} ms`;
  }
  // What `fetch` throws says nothing itself.
  const cause = error instanceof TypeError && error.cause !== undefined ? error.cause : error;
  const message = messageOf(cause).replace(/ for url \(\S*\)/g, "");
  return `the endpoint cannot be reached: ${message.replaceAll(url, "…")}`;
}
