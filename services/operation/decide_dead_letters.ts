/**
 * Deciding about dead letters: the one way for the dashboard and the command line.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import {
  type DeadLetterFilter,
  type DeadLetterRow,
  lockDeadLetters,
  readDeadLetter,
  readNewestDeadLetter,
  resolveDeadLetters,
} from "../../db/dead_letters/dead_letters.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { addAuditEntries } from "../../db/audit/audit_log.ts";
import type { AuditEntry, Operator } from "../../domain/operation/audit.ts";
import { type Lane, laneOfName, lanes } from "../../domain/messages/lane.ts";
import { type Message, messageOfEntry } from "../../domain/messages/messages.ts";
import { parseFields } from "../../streams/recovery/held_work.ts";
import type { Log } from "../../domain/operation/log.ts";
import { audited, type AuditedAction, auditedTogether } from "../audited.ts";
import { publish, type PublishDeps } from "../../streams/workflow/publish.ts";

/** What the decisions work with. */
export interface DeadLetterDeps extends PublishDeps {
  db: Database;
  log: Log;
}

/** What became of a decision. */
export interface Decided {
  /** Letters that were waiting and are decided about now. */
  letters: DeadLetterRow[];
  /** Letters that can't be retried, and why: they wait on. */
  refused: { letter: DeadLetterRow; reason: string }[];
}

/** What belongs to deciding. */
export interface DecideOptions {
  /** Is called where something is decided, in the same transaction. */
  inTransaction?: (tx: Queryable) => Promise<void>;
}

const lettersPerTransaction = 200;

/**
 * Publishes dead letters again, each to its group and lane with all its tries before it, and marks
 * them as `RETRIED`.
 *
 * Two people at once retry each letter once: the second waits for the lock of the first and finds the
 * letter decided. A crash between the message and the mark leaves the letter waiting although its message
 * is on its way; retrying it again repeats the message, which is harmless.
 *
 * @param operator who decides, for the timelines and the audit log
 */
export function retryDeadLetters(
  deps: DeadLetterDeps,
  filter: DeadLetterFilter,
  operator: Operator,
  options: DecideOptions = {},
): Promise<Decided> {
  const about = aboutAll("dead_letter.retry", filter, operator);
  return auditedTogether(deps, about, () =>
    decide(deps.db, filter, options, (letters) => {
      const messages: Record<Lane, Message[]> = { live: [], bulk: [] };
      const kept: DeadLetterRow[] = [];
      const refused: Decided["refused"] = [];
      for (const letter of letters) {
        const message = messageOfEntry(parseFields(letter.payload));
        if (typeof message === "string") refused.push({ letter, reason: message });
        else {
          messages[laneOfName(letter.messageId)].push(message);
          kept.push(letter);
        }
      }
      return {
        kept,
        refused,
        status: "RETRIED",
        operator,
        beforeCommit: async () => {
          for (const lane of lanes) {
            await publish(deps, messages[lane].map((message) => ({ message })), { lane });
          }
        },
      };
    }));
}

/**
 * Gives dead letters up and marks them as `DISCARDED`. What they were about stays as it is: an unfinished
 * order or refund has no home then, and recovery will publish it anew.
 *
 * @param operator who decides, for the timelines and the audit log
 */
export function discardDeadLetters(
  deps: Pick<DeadLetterDeps, "db" | "log">,
  filter: DeadLetterFilter,
  operator: Operator,
  options: DecideOptions = {},
): Promise<Decided> {
  const about = aboutAll("dead_letter.discard", filter, operator);
  return auditedTogether(deps, about, () =>
    decide(deps.db, filter, options, (letters) => ({
      kept: letters,
      refused: [],
      status: "DISCARDED",
      operator,
      beforeCommit: () => Promise.resolve(),
    })));
}

/** What was to be decided about, where nothing came of it. */
function aboutAll(
  action: "dead_letter.retry" | "dead_letter.discard",
  { id, ids }: DeadLetterFilter,
  operator: Operator,
): AuditedAction[] {
  const named = ids ?? (id === undefined ? ["all"] : [id]);
  return named.map((id) => ({
    operator,
    action,
    subject: { kind: "dead_letter", id: String(id) },
  }));
}

/**
 * Decides about one letter. The same decision again changes nothing.
 *
 * @param operator who decides, for the timeline and the audit log
 * @throws {WorkflowError} `not_found`, `dead_letter_not_retryable`, or `dead_letter_decided` where somebody decided
 * otherwise before
 */
export async function decideDeadLetter(
  deps: DeadLetterDeps,
  id: number,
  verdict: "retry" | "discard",
  operator: Operator,
  options: DecideOptions = {},
): Promise<{ changed: boolean }> {
  const decideAll = verdict === "retry" ? retryDeadLetters : discardDeadLetters;
  const { letters, refused: [refused] } = await decideAll(deps, { id }, operator, options);
  if (letters.length > 0) return { changed: true };
  if (refused !== undefined) {
    throw new WorkflowError(
      "dead_letter_not_retryable",
      `Cannot retry dead letter ${id}: ${refused.reason}; it can only be discarded`,
    );
  }
  const subject = { kind: "dead_letter", id: String(id) } as const;
  const about = { operator, action: `dead_letter.${verdict}`, subject } as const;
  return await audited(deps, about, async () => {
    const known = await readDeadLetter(deps.db, id);
    if (known === undefined) {
      throw new WorkflowError("not_found", `There is no dead letter ${id}`);
    }
    if (known.status !== (verdict === "retry" ? "RETRIED" : "DISCARDED")) {
      throw new WorkflowError(
        "dead_letter_decided",
        `Cannot ${verdict} dead letter ${id}: it is ${known.status} already`,
      );
    }
    return { result: { changed: false }, changed: false };
  });
}

interface Decision {
  kept: DeadLetterRow[];
  refused: Decided["refused"];
  status: "RETRIED" | "DISCARDED";
  operator: Operator;
  beforeCommit(): Promise<void>;
}

async function decide(
  db: Database,
  filter: DeadLetterFilter,
  { inTransaction }: DecideOptions,
  choose: (letters: DeadLetterRow[]) => Decision,
): Promise<Decided> {
  const decided: Decided = { letters: [], refused: [] };
  // What dies again meanwhile is another letter, and the next decision's: nothing is retried twice by one call, which
  // would otherwise never end while consumers give letters up as fast as they are retried.
  const upToId = filter.upToId ?? await readNewestDeadLetter(db);
  for (let afterId = 0;;) {
    const page = await db.transaction(async (tx) => {
      const letters = await lockDeadLetters(
        tx,
        { ...filter, upToId },
        afterId,
        lettersPerTransaction,
      );
      const decision = choose(letters);
      const ids = decision.kept.map(({ id }) => id);
      await restoreOrders(tx, decision.kept.flatMap(({ orderId }) => orderId ?? []));
      await resolveDeadLetters(tx, ids, decision.status, decision.operator.actor);
      await addAuditEntries(tx, entriesOf(decision));
      if (ids.length > 0) await inTransaction?.(tx);
      await decision.beforeCommit();
      return { letters, decision };
    });
    decided.letters.push(...page.decision.kept);
    decided.refused.push(...page.decision.refused);
    if (page.letters.length < lettersPerTransaction) return decided;
    afterId = page.letters.at(-1)!.id;
  }
}

/** Each letter that was decided about, and each that could not be retried. */
function entriesOf({ kept, refused, status, operator }: Decision): AuditEntry[] {
  const action = status === "RETRIED" ? "dead_letter.retry" : "dead_letter.discard";
  const about = ({ id, group, orderId }: DeadLetterRow) => ({
    operator,
    action,
    subject: { kind: "dead_letter", id: String(id) },
    detail: orderId === null ? group : `${group}, order ${orderId}`,
  } as const);
  return [
    ...kept.map((letter) => ({ ...about(letter), outcome: "done" } as const)),
    ...refused.map(({ letter }) => ({ ...about(letter), outcome: "refused" } as const)),
  ];
}
