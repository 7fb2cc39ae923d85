/**
 * Sessions of people: who signs in, who tries to, and who signs out, as the audit log tells of them.
 *
 * @module
 */

import { addAuditEntries } from "../../db/audit/audit_log.ts";
import { beginSession, endSession } from "../../db/clients/sessions.ts";
import type { AuditSubject, Operator } from "../../domain/operation/audit.ts";
import { type AuditDeps, audited, keepEntry } from "../audited.ts";

/** A session, or one that is to be. */
export interface SessionPrints {
  /** SHA-256 of its id. */
  idHash: Uint8Array;
  /** Tells by which token it is begun, without telling the token. */
  tokenPrint: Uint8Array;
  /** How long it may last. */
  seconds: number;
  /** SHA-256 of the id of the session that the browser came with, which ends. */
  before: Uint8Array | undefined;
}

/** Begins a session and tells who signed in, in one transaction: a crash leaves both or neither. */
export function beginAndTell(
  { db }: AuditDeps,
  operator: Operator,
  tokenName: string,
  { idHash, tokenPrint, seconds, before }: SessionPrints,
): Promise<void> {
  return db.transaction(async (tx) => {
    if (before !== undefined) await endSession(tx, before);
    await beginSession(tx, idHash, tokenPrint, seconds);
    await addAuditEntries(tx, [{
      operator,
      action: "session.begin",
      subject: sessionOf(tokenName),
      outcome: "done",
      detail: null,
    }]);
  });
}

/**
 * Ends a session and tells who signed out, in one transaction. Again is nothing, and one that is over already ends without a
 * word.
 *
 * @param who undefined where the session is over, or its token is not in the settings any more
 */
export async function endAndTell(
  deps: AuditDeps,
  idHash: Uint8Array,
  who: { operator: Operator; tokenName: string } | undefined,
): Promise<void> {
  if (who === undefined) {
    await endSession(deps.db, idHash);
    return;
  }
  const { operator, tokenName } = who;
  const about = { operator, action: "session.end", subject: sessionOf(tokenName) } as const;
  await audited(deps, about, async (note) => {
    await deps.db.transaction(async (tx) => {
      if (await endSession(tx, idHash)) await note(tx);
    });
    return { result: undefined, changed: true };
  });
}

function sessionOf(tokenName: string): AuditSubject {
  return { kind: "session", id: tokenName };
}

/** Addresses that are told of by themselves within a minute; what others try is told of together. */
export const addressesToldApart = 10;

/** How long tries are counted together, in milliseconds. */
const countMs = 60_000;

/** Tries of one address within a minute. */
interface Tries {
  operator: Operator;
  count: number;
}

/**
 * Tells the audit log of sign-ins that failed: the first one of an address at once, and how many more followed within a
 * minute when it is over. However many try, a process writes some twenty entries a minute and no more. A crash
 * loses the number of the minute that runs, never that there was a try.
 */
export interface FailedSignIns {
  /** Tells of a try, or counts it. */
  add(address: string): Promise<void>;
  /** Writes what is counted so far, as at the end of a minute. */
  flush(): Promise<void>;
}

/** Makes {@linkcode FailedSignIns}; what is counted is written at the latest when the process stops. */
export function failedSignIns(
  deps: AuditDeps & { stopping?: AbortSignal; background?: Set<Promise<void>> },
): FailedSignIns {
  let minute = new Map<string, Tries>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (operator: Operator, detail: string) =>
    keepEntry(deps, {
      operator,
      action: "session.begin",
      subject: sessionOf("unknown"),
      outcome: "refused",
      detail,
    });
  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    const counted = [...minute.values()].filter(({ count }) => count > 1);
    minute = new Map();
    for (const { operator, count } of counted) {
      const more = count - 1;
      await tell(operator, `${more} more ${more === 1 ? "try" : "tries"} within a minute`);
    }
  };
  const flushBehind = () => {
    const work = flush().finally(() => deps.background?.delete(work));
    deps.background?.add(work);
  };
  deps.stopping?.addEventListener("abort", flushBehind);
  return {
    flush,
    async add(address) {
      if (timer === undefined) {
        // A process that has nothing else to do ends; what it has counted is written when it is stopped.
        timer = setTimeout(flushBehind, countMs).unref();
      }
      const isTold = minute.has(address) || minute.size < addressesToldApart;
      const key = isTold ? address : "";
      const known = minute.get(key);
      if (known !== undefined) {
        known.count++;
        return;
      }
      const operator: Operator = {
        actor: "unknown",
        via: "open",
        address: isTold ? address : null,
      };
      minute.set(key, { operator, count: 1 });
      await tell(operator, isTold ? "a token that is not known" : "tries from further addresses");
    },
  };
}
