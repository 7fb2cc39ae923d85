/**
 * Posts to endpoints what is on their lists, each beside all others.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Database } from "../../db/connection/database.ts";
import {
  type ClaimedDelivery,
  claimWebhooks,
  readDueEndpoints,
  releaseWebhooks,
  settleWebhook,
} from "../../db/webhooks/deliveries.ts";
import {
  disableGone,
  readEndpoint,
  readSigningSecrets,
  type WebhookEndpoint,
} from "../../db/webhooks/endpoints.ts";
import { messageOf } from "../../domain/errors.ts";
import type { EndpointWebhook } from "../../domain/feed/feed_event.ts";
import { decideNextTry } from "../../domain/notification/delivery.ts";
import type { Log } from "../../domain/operation/log.ts";
import { testEventPrefix } from "../../domain/webhook/endpoint.ts";
import { openSecret } from "../../domain/webhook/sealed_secret.ts";
import { readEvents } from "../feed/read_feed.ts";
import type { SendResult } from "../notifications/notification_sender.ts";
import { postWebhook } from "../notifications/post_webhook.ts";
import { concurrently } from "../timing/concurrently.ts";
import { pause } from "../timing/pause.ts";
import { fanOutOnce } from "./fan_out.ts";

/** What posting works with. */
export interface WebhookDeps {
  db: Database;
  log: Log;
  config: Pick<Config, "webhookPrivateAddresses" | "webhookSecretsKey" | "notifyTimeoutMs">;
}

/** Posts to one endpoint at once. */
const concurrency = 4;

/** What is taken for one endpoint at once. */
const batch = 32;

/** A lease outlives the longest posting of all that was taken by this, in milliseconds. */
const leaseReserveMs = 15_000;

/** How long an endpoint is posted to without another look at it, in milliseconds. */
const knownMs = 1_000;

/** How often is looked for what is due, in milliseconds. */
const lookMs = 1_000;

/** Parts of the feed that are put on lists before it is looked for what is due again. */
const maxFanOuts = 20;

/** Wait after an error of our own, in milliseconds. */
const errorPauseMs = 5_000;

/** What one turn did. */
export interface WebhookTurn {
  /** Put on lists. */
  queued: number;
  sent: number;
  /** Did not; will be tried again, or were given up. */
  failed: number;
}

/** How things are posted: plainly where private addresses are allowed, and to public ones alone else. */
interface Post {
  fetch: typeof fetch;
  close(): void;
}

/** What it takes is loaded where there is something to post. */
function postOpener({ config }: Pick<WebhookDeps, "config">) {
  let opened: Promise<Post> | undefined;
  const open = async (): Promise<Post> => {
    if (config.webhookPrivateAddresses) return { fetch, close: () => {} };
    const { publicFetch } = await import("./public_fetch.ts");
    return publicFetch();
  };
  return {
    fetch: async (...request: Parameters<typeof fetch>) =>
      (await (opened ??= open())).fetch(...request),
    close: () => void opened?.then((post) => post.close(), () => {}),
  };
}

/**
 * Posts until the signal aborts. Every endpoint has a place of its own, so one that is slow, dead or has a long list holds up
 * itself alone. With `finish`, what is due is then still posted, unless that signal aborts as well.
 *
 * Nothing is held while something is posted, neither a connection nor a lock; a crash leaves leases that end.
 */
export async function deliverWebhooks(
  deps: WebhookDeps,
  signal: AbortSignal,
  finish?: AbortSignal,
): Promise<void> {
  const { log } = deps;
  const post = postOpener(deps);
  const busy = new Map<number, Promise<unknown>>();
  const begin = (id: number) => {
    const work = deliverAll(deps, post, id, signal)
      .catch(async (error) => {
        log.warn("posting webhooks failed", { endpoint: id, error: messageOf(error) });
        await pause(errorPauseMs, signal);
      })
      .finally(() => busy.delete(id));
    busy.set(id, work);
  };
  try {
    while (!signal.aborted) {
      try {
        await fanOut(deps, signal);
        for (const id of await readDueEndpoints(deps.db)) if (!busy.has(id)) begin(id);
        await pause(lookMs, signal);
      } catch (error) {
        if (!signal.aborted) log.warn("webhooks failed", { error: messageOf(error) });
        await pause(errorPauseMs, signal);
      }
    }
    await Promise.all(busy.values());
    if (finish !== undefined && !finish.aborted) await deliverWebhooksOnce(deps, finish, post);
  } finally {
    post.close();
  }
}

/** One turn, with everything that is due: what happened is put on lists, and posted. */
export async function deliverWebhooksOnce(
  deps: WebhookDeps,
  signal: AbortSignal = new AbortController().signal,
  open?: Post,
): Promise<WebhookTurn> {
  const post = open ?? postOpener(deps);
  try {
    const queued = await fanOut(deps, signal);
    const due = await readDueEndpoints(deps.db);
    const turns = await Promise.all(due.map((id) => deliverAll(deps, post, id, signal)));
    const sum = (name: "sent" | "failed") => turns.reduce((all, turn) => all + turn[name], 0);
    return { queued, sent: sum("sent"), failed: sum("failed") };
  } finally {
    if (open === undefined) post.close();
  }
}

async function fanOut(deps: WebhookDeps, signal: AbortSignal): Promise<number> {
  let queued = 0;
  for (let turns = 0; turns < maxFanOuts && !signal.aborted; turns++) {
    const turn = await fanOutOnce(deps);
    queued += turn.queued;
    if (!turn.hasMore) break;
  }
  return queued;
}

/** Posts to one endpoint what is due, until nothing is or nothing gets through. */
async function deliverAll(
  deps: WebhookDeps,
  post: Post,
  endpointId: number,
  signal: AbortSignal,
): Promise<Omit<WebhookTurn, "queued">> {
  const all = { sent: 0, failed: 0 };
  while (!signal.aborted) {
    const endpoint = await readEndpoint(deps.db, endpointId);
    if (endpoint === undefined || !endpoint.enabled) break;
    const turn = await deliverTo(deps, post, endpoint, signal);
    all.sent += turn.sent;
    all.failed += turn.failed;
    if (turn.sent === 0) break;
  }
  return all;
}

/**
 * Takes what is due for an endpoint and posts it: events of one order one after the other, those of several at once. Posting comes
 * before writing it down, so a crash between the two posts again, under the same id.
 */
async function deliverTo(
  deps: WebhookDeps,
  post: Post,
  endpoint: WebhookEndpoint,
  signal: AbortSignal,
): Promise<Omit<WebhookTurn, "queued">> {
  const { db, config } = deps;
  const turn = { sent: 0, failed: 0 };
  const claim = crypto.randomUUID().replaceAll("-", "");
  const leaseMs = batch * config.notifyTimeoutMs + leaseReserveMs;
  const takenAt = performance.now();
  const claimed = await claimWebhooks(db, endpoint.id, { claim, limit: batch, leaseMs });
  if (claimed.length === 0) return turn;
  const untried = new Set(claimed.map(({ id }) => id));
  // Whoever begins later might still be posting when the lease ends.
  const isTooLate = () => performance.now() - takenAt > leaseMs - config.notifyTimeoutMs - 5_000;
  let gone = false;
  try {
    const target = targetOf(deps, endpoint.id, claimed);
    const bodies = (await target())?.bodies;
    const inOrder = [...Map.groupBy(claimed, ({ eventId }) => subjectOf(bodies?.get(eventId)))];
    await concurrently(inOrder.map(([, some]) => some), concurrency, async (some) => {
      for (const delivery of some) {
        const to = await target();
        if (to === undefined || gone || signal.aborted || isTooLate()) return;
        untried.delete(delivery.id);
        const startedAt = performance.now();
        const body = to.bodies.get(delivery.eventId);
        const result = to.secrets.length === 0
          ? unsigned
          : body === undefined
          ? vanished
          : await postWebhook(
            {
              url: to.url,
              secrets: to.secrets,
              timeoutMs: config.notifyTimeoutMs,
              fetch: post.fetch,
            },
            { id: delivery.eventId, body: JSON.stringify(body) },
          );
        if (result.gone === true && !gone) {
          gone = true;
          await switchOff(deps, { id: endpoint.id, url: to.url });
        }
        turn[result.error === null ? "sent" : "failed"]++;
        await settleWebhook(db, claim, {
          id: delivery.id,
          durationMs: performance.now() - startedAt,
          statusCode: result.statusCode,
          error: result.error,
          nextMs: nextTryOf(deps, endpoint, delivery, result),
        });
      }
    });
  } finally {
    await releaseWebhooks(db, claim, [...untried]);
  }
  return turn;
}

/** What becomes of all events where nothing could be signed: nothing is posted. */
const unsigned: SendResult = {
  statusCode: null,
  reply: null,
  error: "its secret was sealed by another WEBHOOK_SECRETS_KEY",
};

/** What became of an event whose rows are gone. */
const vanished: SendResult = {
  statusCode: null,
  reply: null,
  error: "what happened is not kept any more",
  permanent: true,
};

async function bodiesOf(
  db: Database,
  { id }: WebhookEndpoint,
  claimed: readonly ClaimedDelivery[],
): Promise<Map<string, EndpointWebhook>> {
  const bodies = new Map<string, EndpointWebhook>();
  for (const event of await readEvents(db, claimed.map(({ eventId }) => eventId))) {
    bodies.set(event.id, event);
  }
  for (const { eventId, createdAt } of claimed) {
    if (!eventId.startsWith(testEventPrefix)) continue;
    bodies.set(eventId, {
      id: eventId,
      type: "webhook.test",
      timestamp: createdAt,
      sequence: 0,
      data: { endpoint_id: id },
    });
  }
  return bodies;
}

/** What an event is of, within which the order of events matters. */
function subjectOf(body: EndpointWebhook | undefined): string {
  if (body === undefined || body.type === "webhook.test") return "";
  const { data } = body;
  if (data.order_id !== null) return `order ${data.order_id}`;
  return "items" in data ? `product ${data.items[0]?.sku}` : "";
}

/** Where an endpoint is posted to, what signs, and what is posted, by the ids of the events. */
interface Target {
  url: string;
  secrets: string[];
  bodies: Map<string, EndpointWebhook>;
}

/**
 * Tells an endpoint's target as it was a second ago at the earliest: what was taken may take minutes to post, and whoever has switched
 * it off, taken a secret away or erased a person meanwhile has done so for that as well.
 *
 * @returns a function that gives undefined where nothing is to be posted any more
 */
function targetOf(
  { db, config }: WebhookDeps,
  id: number,
  claimed: readonly ClaimedDelivery[],
): () => Promise<Target | undefined> {
  const read = async () => {
    const endpoint = await readEndpoint(db, id);
    if (endpoint === undefined || !endpoint.enabled) return undefined;
    const secrets = (await readSigningSecrets(db, id)).flatMap((kept) =>
      openSecret(kept, config.webhookSecretsKey) ?? []
    );
    return { url: endpoint.url, secrets, bodies: await bodiesOf(db, endpoint, claimed) };
  };
  let known = Promise.resolve<Target | undefined>(undefined);
  let readAt = -Infinity;
  return () => {
    if (performance.now() - readAt >= knownMs) {
      readAt = performance.now();
      known = read();
    }
    return known;
  };
}

async function switchOff(
  { db, log }: WebhookDeps,
  endpoint: Pick<WebhookEndpoint, "id" | "url">,
): Promise<void> {
  await disableGone(db, endpoint, "it answered 410 Gone");
  log.error("webhook endpoint disabled", {
    endpoint: endpoint.id,
    origin: new URL(endpoint.url).origin,
  });
}

function nextTryOf(
  { log }: WebhookDeps,
  endpoint: WebhookEndpoint,
  delivery: ClaimedDelivery,
  result: SendResult,
): number | null {
  if (result.error === null) return null;
  // Not its fault: it waits, due at once, until somebody switches the endpoint on again.
  if (result.gone === true) return 0;
  const nextMs = decideNextTry({
    failures: delivery.attempts + 1,
    permanent: result.permanent ?? false,
    retryAfterMs: result.retryAfterMs ?? null,
  }, Math.random());
  if (nextMs === null) {
    log.warn("webhook given up", {
      endpoint: endpoint.id,
      event: delivery.eventId,
      attempt: delivery.attempts + 1,
      status_code: result.statusCode,
    });
  }
  return nextMs;
}
