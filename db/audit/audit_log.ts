/**
 * The log of what operators did.
 *
 * @module
 */

import {
  type AuditAction,
  type AuditEntry,
  type AuditOutcome,
  type AuditSubject,
  type AuditSubjectKind,
  maxAuditDetail,
  type OperatorDoor,
} from "../../domain/operation/audit.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import {
  type BoundedPage,
  type BoundedPageRequest,
  readBoundedPage,
} from "../connection/bounded_page.ts";
import { type Queryable, toInteger, toIsoTime } from "../connection/database.ts";

/** A line of the log as it stands. */
export interface AuditRow {
  id: number;
  actor: string;
  via: OperatorDoor;
  address: string | null;
  action: AuditAction;
  subject: AuditSubject;
  outcome: AuditOutcome;
  detail: string | null;
  /** ISO 8601 UTC. */
  at: string;
}

/** Which lines a list holds; what is undefined does not matter. */
export interface AuditFilter {
  actor?: string;
  action?: AuditAction;
  subject?: AuditSubject;
  /** Not before, UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  from?: string;
  /** Not after, included. */
  to?: string;
}

/** Longest texts of the columns. */
const maxActor = 128, maxSubject = 64, maxAddress = 64;

/** Writes lines, in the transaction of what they tell of. */
export async function addAuditEntries(
  tx: Queryable,
  entries: readonly AuditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await tx.run(
    `
    insert into audit_log (actor, via, address, action, subject_kind, subject_id, outcome, detail)
    select j.actor, j.via, j.address, j.action, j.subject_kind, j.subject_id, j.outcome, j.detail
    from json_table(?, '$[*]' columns (
      actor varchar(128) path '$[0]',
      via varchar(16) character set ascii collate ascii_bin path '$[1]',
      address varchar(64) character set ascii collate ascii_bin path '$[2]',
      action varchar(48) character set ascii collate ascii_bin path '$[3]',
      subject_kind varchar(24) character set ascii collate ascii_bin path '$[4]',
      subject_id varchar(64) character set utf8mb4 collate utf8mb4_bin path '$[5]',
      outcome varchar(16) character set ascii collate ascii_bin path '$[6]',
      detail varchar(255) path '$[7]'
    )) j`,
    [JSON.stringify(entries.map(({ operator, action, subject, outcome, detail }) => [
      cutText(operator.actor.toWellFormed(), maxActor),
      operator.via,
      operator.address === null ? null : cutText(operator.address, maxAddress),
      action,
      subject.kind,
      cutText(subject.id.toWellFormed(), maxSubject),
      outcome,
      detail === null ? null : cutText(detail.toWellFormed(), maxAuditDetail),
    ]))],
  );
}

/**
 * A page of the log, the latest first. Each question has an index that leads to its lines alone, but for times, which a
 * bounded piece of the log is walked through for: then a page may be short, and says where to go on.
 */
export async function listAuditLog(
  db: Queryable,
  filter: AuditFilter,
  request: BoundedPageRequest,
): Promise<BoundedPage<AuditRow>> {
  const { actor, action, subject, from, to } = filter;
  const index = subject !== undefined
    ? "audit_log_subject"
    : actor !== undefined && action !== undefined
    ? "audit_log_actor"
    : actor !== undefined
    ? "audit_log_actor_latest"
    : action !== undefined
    ? "audit_log_action"
    : "primary";
  const given = ([
    ["subject_kind = ?", subject?.kind],
    ["subject_id = ?", subject?.id],
    ["actor = ?", actor],
    ["action = ?", action],
    ["created_at >= ?", from],
    ["created_at <= ?", to],
  ] satisfies [string, string | undefined][]).filter(([, value]) => value !== undefined);
  return await readBoundedPage(
    db,
    { table: "audit_log", id: "id", isIndexed: (from ?? to) === undefined },
    request,
    async ({ top, least, limit }) => {
      const rows = await db.query(
        `
        select id, actor, via, address, action, subject_kind, subject_id, outcome, detail, created_at
        from audit_log force index (${index})
        where id <= ? and id >= ? ${given.map(([sql]) => `and ${sql}`).join(" ")}
        order by id desc
        limit ?`,
        [top, least, ...given.map(([, value]) => value!), limit],
      );
      return rows.map((row): AuditRow => ({
        id: toInteger(row.id),
        actor: String(row.actor),
        via: row.via as OperatorDoor,
        address: row.address === null ? null : String(row.address),
        action: row.action as AuditAction,
        subject: { kind: row.subject_kind as AuditSubjectKind, id: String(row.subject_id) },
        outcome: row.outcome as AuditOutcome,
        detail: row.detail === null ? null : String(row.detail),
        at: toIsoTime(row.created_at)!,
      }));
    },
  );
}
