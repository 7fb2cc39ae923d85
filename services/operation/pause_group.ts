/**
 * Pausing groups of consumers and letting them go on: the one way for it.
 *
 * @module
 */

import type { Operator } from "../../domain/operation/audit.ts";
import type { Group } from "../../domain/messages/messages.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { reasonFault, trimmedReason } from "../../domain/refund/refund_request.ts";
import {
  pauseGroup as markPaused,
  resumeGroup as markResumed,
} from "../../streams/queue/pause_group.ts";
import { auditedBeyond } from "../audited.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";

type PauseDeps = Pick<ServiceDeps, "db" | "redis" | "keys" | "log">;

/**
 * Has the consumers of a group take nothing more once their batch in hand is done; what comes in waits.
 *
 * @param operator who wants it, for the group's page and the audit log
 * @param reason why, for whoever looks at the group; null where nothing is said
 * @throws {WorkflowError} `invalid`
 */
export async function pauseGroup(
  deps: PauseDeps,
  group: Group,
  operator: Operator,
  reason: string | null = null,
): Promise<void> {
  const { actor } = operator;
  const said = trimmedReason(reason);
  const fault = said === null ? undefined : reasonFault(said);
  if (fault !== undefined) throw new WorkflowError("invalid", `The reason ${fault}`);
  const about = { operator, action: "group.pause", subject: { kind: "group", id: group } } as const;
  await auditedBeyond(deps, about, () => markPaused(deps, group, { actor, reason: said }));
  deps.log.warn("group paused", { group, actor });
}

/**
 * Lets the consumers of a group go on.
 *
 * @param operator who wants it, for the audit log
 */
export async function resumeGroup(
  deps: PauseDeps,
  group: Group,
  operator: Operator,
): Promise<void> {
  const about = {
    operator,
    action: "group.resume",
    subject: { kind: "group", id: group },
  } as const;
  await auditedBeyond(deps, about, () => markResumed(deps, group));
  deps.log.info("group resumed", { group, actor: operator.actor });
}
