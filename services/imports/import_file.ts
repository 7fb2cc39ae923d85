/**
 * Importing a file of orders: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import { addAuditEntries } from "../../db/audit/audit_log.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { lockOutErasures } from "../../db/customers/erasures.ts";
import { createImport } from "../../db/imports/imports.ts";
import {
  type ImportOptions,
  importOrders,
  type ImportReport,
} from "../../streams/imports/orders_import.ts";
import type { EditFromFile, ImportedForm } from "../../streams/imports/import_options.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { plural } from "../../domain/text/plural.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";

/** What an import works with. */
export interface FileImportDeps extends ServiceDeps {
  config:
    & Pick<Config, "initialStock" | "unknownSku">
    & Partial<Pick<Config, "erasureSecret" | "importWaitSeconds">>;
}

/**
 * How a file is imported; `initialStock` is the setting where it is not said, and `unknownSku` is always the setting.
 */
export type ImportFileOptions =
  & Omit<
    ImportOptions,
    "initialStock" | "unknownSku" | "erasureSecret" | "waitMs" | "edit" | "onEdited"
  >
  & {
    initialStock?: number;
    /** Whoever starts it, for the audit log. */
    operator: Operator;
  };

/** Characters of a file's name that stand in the audit log. */
const maxName = 100;

/**
 * Begins the row of an import, in the transaction that has the audit log tell who started it.
 *
 * @returns the import's id
 */
export async function beginImport(
  tx: Queryable,
  operator: Operator,
  { name, dryRun = false, actor, profile, plan }:
    & Pick<ImportOptions, "name" | "dryRun" | "actor">
    & ImportedForm,
): Promise<number> {
  await lockOutErasures(tx);
  const id = await createImport(tx, name, { dryRun, actor, profile, plan });
  const detail = [
    // Folders say where somebody keeps what, and nothing of the import.
    cutText(name.replace(/^.*[/\\]/s, ""), maxName),
    ...(dryRun ? ["dry run"] : []),
    ...(profile === null ? [] : [`profile ${profile}`]),
    ...(plan === null ? [] : [`plan ${plan}`]),
  ].join(", ");
  const subject = { kind: "import", id: String(id) } as const;
  await addAuditEntries(tx, [{
    operator,
    action: "import.start",
    subject,
    outcome: "done",
    detail,
  }]);
  return id;
}

/** Says of an import how many orders it has changed. */
function noteEdits(operator: Operator): NonNullable<ImportOptions["onEdited"]> {
  return async (tx, importId, orders) => {
    const subject = { kind: "import", id: String(importId) } as const;
    const detail = `${orders} ${plural(orders, "order")}`;
    await addAuditEntries(tx, [{
      operator,
      action: "order.edit",
      subject,
      outcome: "done",
      detail,
    }]);
  };
}

/**
 * Imports a file to its end, see {@linkcode importOrders}: batch after batch in a transaction each, published
 * once it is committed. A crash leaves whole batches; the same file again takes the rest. The audit log says who started it,
 * and at its end how many orders it has changed, which a crash leaves to the timelines of the orders.
 *
 * @throws {WorkflowError} `invalid` for a file that is no CSV of orders; nothing was changed then
 */
export function importFile(
  deps: FileImportDeps,
  source: ReadableStream<Uint8Array>,
  { operator, ...options }: ImportFileOptions,
): Promise<ImportReport> {
  const { unknownSku, erasureSecret, importWaitSeconds = 0 } = deps.config;
  const initialStock = options.initialStock ?? deps.config.initialStock;
  const { dryRun = false } = options;
  const begin = (form: ImportedForm, db: Database) =>
    db.transaction((tx) => beginImport(tx, operator, { ...options, ...form }), {
      repeatable: false,
    });
  return importOrders(deps, source, {
    ...options,
    begin: options.begin ?? (dryRun ? undefined : begin),
    onEdited: dryRun ? undefined : noteEdits(operator),
    initialStock,
    unknownSku,
    erasureSecret,
    waitMs: importWaitSeconds * 1_000,
    edit: editorOf(deps, initialStock),
  });
}

/** Changes orders that a file replaces although they are reserved, each by itself; loaded by the first of them. */
export function editorOf(deps: FileImportDeps, initialStock: number): EditFromFile {
  return async (orderId, order, options) => {
    const { editAndPublish } = await import("../orders/edit_order.ts");
    try {
      const config = { ...deps.config, initialStock };
      const { changed, status } = await editAndPublish(
        { ...deps, config },
        orderId,
        order,
        options,
      );
      return { outcome: changed ? "updated" : "unchanged", status };
    } catch (error) {
      const isRefusal = error instanceof WorkflowError && error.code !== "unavailable";
      if (!isRefusal) throw error;
      return {
        outcome: "conflict",
        refusal: error.message.replace(/^Cannot edit order \d+: /, ""),
      };
    }
  };
}
