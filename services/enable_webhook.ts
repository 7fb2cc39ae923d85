/**
 * Switching the webhook's endpoint on again that has said it wants nothing any more: the one way for the API
 * and the dashboard.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { Queryable } from "../db/connection/database.ts";
import { enableEndpoint } from "../db/notifications/disabled_endpoints.ts";
import { WorkflowError } from "../domain/errors.ts";
import type { ServiceDeps } from "./publish_after_commit.ts";

/**
 * Switches the endpoint on; what waited for it is then sent.
 *
 * @param options.inTransaction is called once it is on, in the same transaction
 * @returns what that returns
 * @throws {WorkflowError} `channel_not_configured`
 */
export async function enableWebhook<T>(
  { db, log, config }: Pick<ServiceDeps, "db" | "log"> & {
    config: Pick<Config, "notifyWebhookUrl">;
  },
  actor: string,
  options: { inTransaction?: (tx: Queryable) => Promise<T> } = {},
): Promise<T | undefined> {
  const { notifyWebhookUrl: url } = config;
  if (url === "") {
    throw new WorkflowError(
      "channel_not_configured",
      "Cannot enable webhook: NOTIFY_WEBHOOK_URL is not set",
    );
  }
  const result = await db.transaction(async (tx) => {
    await enableEndpoint(tx, url);
    return await options.inTransaction?.(tx);
  });
  log.info("webhook endpoint enabled", { actor });
  return result;
}
