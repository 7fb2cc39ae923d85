/**
 * Cancelling an import: the one way for the API and the dashboard.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import {
  askForImportEnd,
  type ImportRow,
  lockImport,
  readImport,
} from "../../db/imports/imports.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { decideImportCancel } from "../../domain/import/cancel_import.ts";
import { foreignFault, type OnlyOf } from "../../domain/order/bringer.ts";

/** What belongs to cancelling a run. */
export interface CancelImportOptions {
  /** Is called with the run as it is then, in the same transaction. */
  inTransaction?: (tx: Queryable, row: ImportRow) => Promise<void>;
  /** Only a run that this one has brought. */
  only?: OnlyOf;
}

/**
 * Wants a run to end, in one transaction; one whose process is gone ends by this. Again is nothing.
 *
 * @param actor who wants it; the first one is kept
 * @returns the run as it is then
 * @throws {WorkflowError} `not_found`, `not_yours`, or `import_not_cancellable` once it is over otherwise
 */
export function cancelImport(
  db: Database,
  id: number,
  actor: string,
  options: CancelImportOptions = {},
): Promise<ImportRow> {
  return db.transaction(async (tx) => {
    const found = await lockImport(tx, id);
    if (found === undefined) throw new WorkflowError("not_found", `There is no import ${id}`);
    const fault = foreignFault(options.only, found.actor, `import ${id}`);
    if (fault !== undefined) throw fault;
    const decision = decideImportCancel(found.status);
    if (decision.kind === "refused") {
      throw new WorkflowError(
        "import_not_cancellable",
        `Cannot cancel import ${id}: it is ${found.status} already`,
      );
    }
    if (decision.kind === "cancel") await askForImportEnd(tx, id, actor);
    const row = (await readImport(tx, id))!;
    await options.inTransaction?.(tx, row);
    return row;
  });
}
