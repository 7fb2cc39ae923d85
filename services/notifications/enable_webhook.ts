/**
 * Switching the webhook's endpoint on again that has said it wants nothing any more: the one way for the API
 * and the dashboard.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { enableEndpoint } from "../../db/notifications/disabled_endpoints.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { audited } from "../audited.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";

/**
 * Switches the endpoint on; what waited for it is then sent.
 *
 * @param operator who does it, for the audit log
 * @param options.inTransaction is called once it is on, in the same transaction
 * @returns what that returns
 * @throws {WorkflowError} `channel_not_configured`
 */
export async function enableWebhook<T>(
  { db, log, config }: Pick<ServiceDeps, "db" | "log"> & {
    config: Pick<Config, "notifyWebhookUrl">;
  },
  operator: Operator,
  options: { inTransaction?: (tx: Queryable) => Promise<T> } = {},
): Promise<T | undefined> {
  const { notifyWebhookUrl: url } = config;
  const subject = { kind: "channel", id: "webhook" } as const;
  const about = { operator, action: "webhook.enable", subject } as const;
  const result = await audited({ db, log }, about, async (note) => {
    if (url === "") {
      throw new WorkflowError(
        "channel_not_configured",
        "Cannot enable webhook: NOTIFY_WEBHOOK_URL is not set",
      );
    }
    const result = await db.transaction(async (tx) => {
      await enableEndpoint(tx, url);
      await note(tx);
      return await options.inTransaction?.(tx);
    });
    return { result, changed: true };
  });
  log.info("webhook endpoint enabled", { actor: operator.actor });
  return result;
}
