/**
 * Looking whether a webhook is ours, for those who receive it: by Web Crypto alone, on Node, Deno, Bun and in workers.
 * The typed client hands this file out as it stands, so it imports nothing but types.
 *
 * @module
 */

import type { Webhook } from "../domain/notification/webhook_body.ts";

/** Why a webhook is not taken: its headers or its signature are wrong, or it is too old. */
export class WebhookVerificationError extends Error {
  /** As errors are told apart by. */
  override name = "WebhookVerificationError";
}

/** The headers of a request, as `fetch` or as Node has them. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined };

/** How a webhook is looked at. */
export interface VerifyOptions {
  /** How far its time may be from now, in seconds; five minutes by default. */
  toleranceSeconds?: number;
  /** Now, in milliseconds since 1970. */
  nowMs?: number;
}

/** A webhook that is ours. */
export interface VerifiedWebhook<Event = Webhook> {
  /** `webhook-id`: the same for every try of the same event, so whoever has seen it needs to do nothing. */
  id: string;
  /** When this try was sent. */
  sentAt: Date;
  /** What happened. */
  event: Event;
}

/**
 * Looks whether a webhook was signed with one of the secrets, after Standard Webhooks, and reads it. What comes to an endpoint of
 * `/webhook-endpoints` is an event of the feed or a test: `verifyWebhook<EndpointWebhook>(…)`.
 *
 * @param body as it came, byte for byte: what was parsed and written again has another signature
 * @param secrets one, or several while they are being replaced, as they stand in NOTIFY_WEBHOOK_SECRETS or as the endpoint's was shown: `whsec_…`
 * @throws {WebhookVerificationError} for what is not ours or is too old: answer it with 400 or 401
 * @throws {TypeError} for a secret that is none: a fault of the receiver's own settings
 */
export async function verifyWebhook<Event = Webhook>(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<VerifiedWebhook<Event>> {
  const { toleranceSeconds = 300, nowMs = Date.now() } = options;
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  const signatures = headerOf(headers, "webhook-signature");
  if (!/^\d{1,12}$/.test(timestamp)) throw refusal("webhook-timestamp is no number of seconds");
  const seconds = Number(timestamp);
  // What is no number, as of a setting that is missing, must not let everything through.
  if (!(Math.abs(nowMs / 1_000 - seconds) <= toleranceSeconds)) {
    throw refusal(`it was sent more than ${toleranceSeconds} seconds from now`);
  }
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  for (const secret of typeof secrets === "string" ? [secrets] : secrets) {
    if (!await isSignedWith(secret, signed, signatures)) continue;
    const event = JSON.parse(new TextDecoder().decode(bytes)) as Event;
    return { id, sentAt: new Date(seconds * 1_000), event };
  }
  throw refusal("no signature is of a secret that is known");
}

/** Compares in constant time, as `verify` of Web Crypto does. */
async function isSignedWith(
  secret: string,
  signed: Uint8Array<ArrayBuffer>,
  signatures: string,
): Promise<boolean> {
  const bytes = bytesOf(secret.replace(/^whsec_/, ""));
  if (bytes === undefined || bytes.length === 0) {
    throw new TypeError("A secret is whsec_ and Base64, as it stands in NOTIFY_WEBHOOK_SECRETS");
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["verify"]);
  for (const one of signatures.split(" ")) {
    const signature = one.startsWith("v1,") ? bytesOf(one.slice(3)) : undefined;
    if (signature === undefined) continue;
    if (await crypto.subtle.verify("HMAC", key, signature, signed)) return true;
  }
  return false;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = isFetched(headers) ? headers.get(name) : headers[name];
  if (typeof value !== "string" || value === "") throw refusal(`it has no ${name}`);
  return value;
}

function isFetched(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === "function";
}

function refusal(reason: string): WebhookVerificationError {
  return new WebhookVerificationError(`The webhook is not taken: ${reason}`);
}
