/**
 * Goes over from the provider's keys that were made of row ids to those of today.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  endOldKeys,
  noteOlderRan,
  noteOlderSeen,
  readInstallation,
} from "../../db/payments/installation.ts";
import { repairProviders } from "../../db/payments/payments.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { Group } from "../../domain/messages/messages.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { pause } from "../timing/pause.ts";
import { livingConsumers } from "../workflow/living_consumers.ts";

/** How often is looked whether older processes have ended, in milliseconds. */
const lookMs = 500;

/** How often is looked whether one has come back, in milliseconds: much less than the time for which it leaves a trace. */
const laterLookMs = 2_000;

/** The groups that ask the provider. */
const asking: readonly Group[] = ["payments", "refunds"];

/** Names end with so many hexadecimal digits since the keys of today: it tells these consumers from older ones. */
const nameEnd = /:[0-9a-f]{12}(:2)?$/;

/** What looking works with. */
export type OldKeysDeps = RedisDeps & { db: Queryable; log: Log };

/** Whether payments may be taken; shut while older consumers are alive. */
export interface PaymentsGate {
  isShut: boolean;
}

/**
 * Before the first charge under a key of today: waits until no consumer is alive that asks under the old ones, because
 * an order that one of them has charged would be charged again here. They do the work meanwhile.
 *
 * A crash before the end leaves the old keys in use; whoever starts next goes on.
 *
 * @returns true, or false where the signal aborted before
 */
export async function leaveOldKeys(deps: OldKeysDeps, signal: AbortSignal): Promise<boolean> {
  const gate = { isShut: true };
  while (!signal.aborted) {
    await lookForOlder(deps, gate, "warn");
    if (!gate.isShut && await noteRan(deps)) return true;
    await pause(lookMs, signal);
  }
  return false;
}

/**
 * Goes on looking until the signal aborts, and shuts the gate while an older consumer is alive: one that stood still
 * when the keys changed, or that was started later. Costs one look at a row and four at Redis every two seconds.
 */
export async function keepOldKeysAway(
  deps: OldKeysDeps,
  gate: PaymentsGate,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(gate.isShut ? lookMs : laterLookMs, signal);
    if (!signal.aborted) await lookForOlder(deps, gate, "error");
  }
}

/** @returns false where nobody can tell whether one ran meanwhile */
async function noteRan({ db, log }: OldKeysDeps): Promise<boolean> {
  try {
    await noteOlderRan(db);
    return true;
  } catch (error) {
    log.warn("not looked for the version before", { error: messageOf(error) });
    return false;
  }
}

/** Takes one look. What can't be read leaves the gate as it is. */
async function lookForOlder(
  deps: OldKeysDeps,
  gate: PaymentsGate & { told?: boolean },
  level: "warn" | "error",
): Promise<void> {
  try {
    const [{ oldKeysUntil }, older] = await Promise.all([
      readInstallation(deps.db),
      olderConsumers(deps),
    ]);
    if (older.length > 0) {
      gate.isShut = true;
      if (oldKeysUntil !== null) {
        await noteOlderSeen(deps.db);
        await repairProviders(deps.db);
      }
      if (!gate.told) {
        deps.log[level]("waits with payments until the version before has stopped", {
          consumers: older.join(","),
        });
      }
      gate.told = true;
      return;
    }
    if (oldKeysUntil === null && await endOldKeys(deps.db)) {
      deps.log.info("charges and refunds have new keys from now on");
    }
    gate.told = false;
    gate.isShut = false;
  } catch (error) {
    deps.log.warn("not looked for the version before", { error: messageOf(error) });
  }
}

/** The consumers that are alive and ask the provider under keys made of row ids. */
export async function olderConsumers(deps: RedisDeps): Promise<string[]> {
  return (await livingConsumers(deps, asking)).filter((name) => !nameEnd.test(name));
}
