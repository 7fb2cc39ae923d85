/**
 * Endpoints of webhooks: the one way to add, change and remove them, for the API and the dashboard.
 *
 * A secret leaves here once, with the call that made it, and is in no log.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import type { Config } from "../../config/config.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import { readFeedEnd } from "../../db/feed/feed_rows.ts";
import { deleteDeliveries, insertDeliveries, retryGivenUp } from "../../db/webhooks/deliveries.ts";
import {
  countEndpoints,
  deleteEndpoint,
  type EndpointContent,
  hasSecretBeginning,
  insertEndpoint,
  lockEndpoint,
  readEndpoint,
  readEndpoints,
  replaceSecret,
  type WebhookEndpoint,
  writeEndpoint,
} from "../../db/webhooks/endpoints.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { AuditAction, Operator } from "../../domain/operation/audit.ts";
import { plural } from "../../domain/text/plural.ts";
import {
  choicesProblem,
  descriptionProblem,
  endpointLimits,
  endpointUrlProblem,
  testEventPrefix,
  usualOverlapSeconds,
} from "../../domain/webhook/endpoint.ts";
import { sealedPrefix, sealSecret } from "../../domain/webhook/sealed_secret.ts";
import { type AuditDeps, audited } from "../audited.ts";

/** What managing endpoints works with. */
export interface EndpointDeps extends AuditDeps {
  config: Pick<Config, "webhookPrivateAddresses" | "webhookSecretsKey">;
}

/** An endpoint with a secret that is new. */
export interface EndpointWithSecret {
  endpoint: WebhookEndpoint;
  secret: string;
}

/** Rows that one statement deletes. */
const deletedAtOnce = 1_000;

/** Most of what was given up that is posted again by one call. */
const maxRetried = 10_000;

/**
 * A secret as it is kept.
 *
 * @throws {WorkflowError} `unavailable` to a process without the key with which those of other endpoints are sealed: this one
 * would stand there for everybody to read who has a dump
 */
async function sealed(
  { config: { webhookSecretsKey: key } }: EndpointDeps,
  tx: Queryable,
  secret: string,
): Promise<string> {
  if (key === "" && await hasSecretBeginning(tx, sealedPrefix)) {
    throw new WorkflowError(
      "unavailable",
      "Secrets of other endpoints are sealed, and WEBHOOK_SECRETS_KEY is not set here: set it as the service has it",
    );
  }
  return sealSecret(secret, key, randomBytes(12));
}

const subjectOf = (id: number | "new") => ({ kind: "webhook_endpoint", id: String(id) } as const);

function newSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

/**
 * Adds an endpoint. What happens from now on is posted to it. A crash leaves it or not; the same request again is refused
 * where it is there, and its secret can then be replaced.
 *
 * @throws {WorkflowError} `invalid` for a URL that may not be one, and for what else can't be; `webhook_endpoint_conflict` where
 * another has the URL or there are as many as there may be
 */
export function addEndpoint(
  deps: EndpointDeps,
  content: EndpointContent,
  operator: Operator,
): Promise<EndpointWithSecret> {
  const about = { operator, action: "webhook_endpoint.add", subject: subjectOf("new") } as const;
  return audited(deps, about, async (note) => {
    const url = checkedUrl(deps, content.url);
    refuse("types", choicesProblem(content.types));
    refuse("description", descriptionProblem(content.description));
    const secret = newSecret();
    const endpoint = await orConflict(deps, url, () =>
      deps.db.transaction(async (tx) => {
        if (await countEndpoints(tx) >= endpointLimits.most) {
          throw conflict(`Cannot add the endpoint: there are ${endpointLimits.most} already`);
        }
        const { stepId: fromStep, movementId: fromMovement } = await readFeedEnd(tx);
        const id = await insertEndpoint(tx, {
          ...content,
          url,
          secret: await sealed(deps, tx, secret),
          fromStep,
          fromMovement,
        });
        await note(tx, `endpoint ${id}`);
        return (await readEndpoint(tx, id))!;
      }));
    return { result: { endpoint, secret }, changed: true };
  });
}

/**
 * Changes an endpoint. One that is switched on again is posted what happens from then on, and what waited.
 *
 * @param change what is undefined stays
 * @throws {WorkflowError} as {@linkcode addEndpoint}, and `not_found`
 */
export function changeEndpoint(
  deps: EndpointDeps,
  id: number,
  change: Partial<EndpointContent>,
  operator: Operator,
): Promise<WebhookEndpoint> {
  return about(deps, "webhook_endpoint.change", id, operator, async (note) => {
    const url = change.url === undefined ? undefined : checkedUrl(deps, change.url);
    return await orConflict(deps, url ?? "", () =>
      deps.db.transaction(async (tx) => {
        const before = await locked(tx, id);
        const after = { ...before, ...defined(change), ...(url === undefined ? {} : { url }) };
        if (after.enabled && !before.enabled) {
          const { stepId, movementId } = await readFeedEnd(tx);
          Object.assign(after, { fromStep: stepId, fromMovement: movementId });
        }
        const isSame = (["url", "description", "enabled"] as const).every((name) =>
          after[name] === before[name]
        ) && JSON.stringify(after.types) === JSON.stringify(before.types);
        if (isSame) {
          return { result: before, changed: false };
        }
        await writeEndpoint(tx, id, after);
        await note(tx, changedFields(change));
        return { result: (await readEndpoint(tx, id))!, changed: true };
      }));
  });
}

/**
 * Removes an endpoint with what was to be posted to it. Switched off first, and emptied in small pieces; a crash leaves it
 * switched off, to be removed again.
 *
 * @throws {WorkflowError} `not_found`
 */
export function removeEndpoint(deps: EndpointDeps, id: number, operator: Operator): Promise<void> {
  const { db } = deps;
  return about(deps, "webhook_endpoint.remove", id, operator, async (note) => {
    await db.transaction(async (tx) => {
      await writeEndpoint(tx, id, { ...await locked(tx, id), enabled: false });
    });
    while (await deleteDeliveries(db, id, deletedAtOnce) === deletedAtOnce);
    await db.transaction(async (tx) => {
      await locked(tx, id);
      await deleteEndpoint(tx, id);
      await note(tx);
    });
    return { result: undefined, changed: true };
  });
}

/**
 * Gives an endpoint another secret; the one before signs beside it for some time, so that the receiver can change.
 *
 * @param overlapSeconds 0 where the one before must not count any more
 * @throws {WorkflowError} `not_found`, `webhook_endpoint_conflict` while two sign already, unless the one before ends at once
 */
export function rotateSecret(
  deps: EndpointDeps,
  id: number,
  operator: Operator,
  overlapSeconds: number = usualOverlapSeconds,
): Promise<EndpointWithSecret> {
  return about(deps, "webhook_endpoint.rotate", id, operator, async (note) => {
    const secret = newSecret();
    const endpoint = await deps.db.transaction(async (tx) => {
      const { previousUntil } = await locked(tx, id);
      if (previousUntil !== null && overlapSeconds > 0) {
        throw conflict(
          `Cannot replace the secret of endpoint ${id}: the one before signs until ${previousUntil}`,
        );
      }
      await replaceSecret(tx, id, await sealed(deps, tx, secret), overlapSeconds);
      await note(
        tx,
        `the one before signs for ${overlapSeconds} ${plural(overlapSeconds, "second")}`,
      );
      return (await readEndpoint(tx, id))!;
    });
    return { result: { endpoint, secret }, changed: true };
  });
}

/** What belongs to something that may be repeated under a key. */
export interface PostOptions<Result> {
  /** Is called in the transaction of the change, again for every try of it. */
  inTransaction?: (tx: Queryable, result: Result) => Promise<void>;
}

/**
 * Has a test event posted to an endpoint, as any other is.
 *
 * @returns the id of the event
 * @throws {WorkflowError} `not_found`, `webhook_endpoint_conflict` where it is switched off
 */
export function testEndpoint(
  deps: EndpointDeps,
  id: number,
  operator: Operator,
  { inTransaction }: PostOptions<string> = {},
): Promise<string> {
  return about(deps, "webhook_endpoint.test", id, operator, async (note) => {
    const eventId = testEventPrefix + randomBytes(8).toString("hex");
    await deps.db.transaction(async (tx) => {
      if (!(await locked(tx, id)).enabled) {
        throw conflict(`Cannot test endpoint ${id}: it is switched off`);
      }
      await insertDeliveries(tx, [{ endpointId: id, eventId }]);
      await note(tx, eventId);
      await inTransaction?.(tx, eventId);
    });
    return { result: eventId, changed: true };
  });
}

/**
 * Has what was given up posted again, with all its tries, the latest ten thousand.
 *
 * @returns how many
 * @throws {WorkflowError} `not_found`
 */
export function retryEndpoint(
  deps: EndpointDeps,
  id: number,
  operator: Operator,
  { inTransaction }: PostOptions<number> = {},
): Promise<number> {
  return about(deps, "webhook_endpoint.retry", id, operator, async (note) => {
    const retried = await deps.db.transaction(async (tx) => {
      await locked(tx, id);
      const retried = await retryGivenUp(tx, id, maxRetried);
      if (retried > 0) await note(tx, `${retried} ${plural(retried, "event")}`);
      await inTransaction?.(tx, retried);
      return retried;
    });
    return { result: retried, changed: retried > 0 };
  });
}

/** Does something about an endpoint, and has the audit log tell of it. */
function about<Result>(
  deps: EndpointDeps,
  action: AuditAction,
  id: number,
  operator: Operator,
  work: Parameters<typeof audited<Result>>[2],
): Promise<Result> {
  return audited(deps, { operator, action, subject: subjectOf(id) }, work);
}

async function locked(tx: Queryable, id: number): Promise<WebhookEndpoint> {
  const endpoint = await lockEndpoint(tx, id);
  if (endpoint === undefined) {
    throw new WorkflowError("not_found", `There is no webhook endpoint ${id}`);
  }
  return endpoint;
}

/** @throws {WorkflowError} `invalid` */
function checkedUrl({ config }: EndpointDeps, text: string): string {
  refuse("url", endpointUrlProblem(text, { allowPrivate: config.webhookPrivateAddresses }));
  return new URL(text).href;
}

/** @throws {WorkflowError} `invalid` where there is a problem */
function refuse(field: "url" | "types" | "description", problem: string | undefined): void {
  if (problem === undefined) return;
  throw new WorkflowError("invalid", `${fieldNames[field]} ${problem}`, [
    { at: `#/${field}`, detail: problem },
  ]);
}

const fieldNames = { url: "The URL", types: "The events", description: "The description" };

/** Says which endpoint has a URL that can't be had twice. */
async function orConflict<Result>(
  { db }: EndpointDeps,
  url: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    const all = await readEndpoints(db, { limit: endpointLimits.most });
    const other = all.find((endpoint) => endpoint.url === url)?.id ?? "another one";
    throw conflict(`Cannot have the endpoint so: endpoint ${other} has this URL`);
  }
}

function conflict(message: string): WorkflowError {
  return new WorkflowError("webhook_endpoint_conflict", message);
}

function defined<T extends object>(change: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** Which fields were sent, for the log: never what they say, as a URL may hold a secret. */
function changedFields(change: Partial<EndpointContent>): string {
  const { enabled, ...others } = defined(change);
  const words = Object.keys(others);
  if (enabled !== undefined) words.push(enabled ? "switched on" : "switched off");
  return words.join(", ");
}
