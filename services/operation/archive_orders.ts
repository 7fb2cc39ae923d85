/**
 * Archiving orders of closed months when somebody asks for it, and bringing them back.
 *
 * @module
 */

import { estimateOrderBytes } from "../../db/archive/archive.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { archiveCut } from "../../domain/operation/archive_cut.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { counted } from "../../domain/text/plural.ts";
import {
  archiveOrdersBefore,
  type ArchiveProgress,
  restoreAllOrders,
} from "../../streams/upkeep/archive_orders.ts";
import { type AuditDeps, auditedBeyond } from "../audited.ts";

/** How a run goes on. */
export interface ArchiveRun {
  /** Ends it after the piece in hand. */
  signal?: AbortSignal;
  /** Is told after each piece. */
  onProgress?: (progress: ArchiveProgress) => void;
}

/** What would be archived. */
export interface ArchivePreview {
  orders: number;
  /** About how many bytes that takes of the tables which get smaller, with their indexes. */
  bytes: number;
}

const archive = { kind: "system", id: "archive" } as const;

/**
 * What a date archives.
 *
 * @param date `YYYY-MM-DD`
 * @returns UTC, the beginning of its month
 * @throws {WorkflowError} `invalid`
 */
export function archiveMoment(date: string, now: Date = new Date()): string {
  const cut = archiveCut(date, now.toISOString());
  if ("fault" in cut) {
    throw new WorkflowError("invalid", `The date ${cut.fault}`, [
      { at: "before", detail: cut.fault },
    ]);
  }
  return cut.before;
}

/** Looks what would be archived, and moves nothing. */
export async function previewArchive(
  { db }: Pick<AuditDeps, "db">,
  date: string,
  run: ArchiveRun = {},
): Promise<ArchivePreview> {
  const orders = await archiveOrdersBefore({ db }, archiveMoment(date), { ...run, isDryRun: true });
  return { orders, bytes: Math.round(orders * await estimateOrderBytes(db)) };
}

/**
 * Archives the orders of all months before the one that a date is in. What is moved is committed piece by piece, so it is
 * told of in two entries: that it is begun, and what came of it. A crash leaves `begun` and whole pieces.
 *
 * @param date `YYYY-MM-DD`
 * @returns how many orders were moved
 * @throws {WorkflowError} `invalid`
 */
export async function archiveAudited(
  deps: AuditDeps,
  date: string,
  operator: Operator,
  run: ArchiveRun = {},
): Promise<number> {
  const before = archiveMoment(date);
  return await auditedBeyond(
    deps,
    { operator, action: "order.archive", subject: archive },
    () => archiveOrdersBefore(deps, before, run),
    (orders) => `${counted(orders, "order")} of before ${before.slice(0, 10)}`,
  );
}

/** Brings all orders back from the archive, told of in the same way. @returns how many there were */
export async function restoreAudited(
  deps: AuditDeps,
  operator: Operator,
  run: ArchiveRun = {},
): Promise<number> {
  return await auditedBeyond(
    deps,
    { operator, action: "order.restore", subject: archive },
    () => restoreAllOrders(deps, run),
    (orders) => counted(orders, "order"),
  );
}
