/**
 * Importing a file of orders: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import {
  type ImportOptions,
  importOrders,
  type ImportReport,
} from "../streams/imports/orders_import.ts";
import type { EditFromFile } from "../streams/imports/import_options.ts";
import { WorkflowError } from "../domain/errors.ts";
import type { ServiceDeps } from "./publish_after_commit.ts";

/** What an import works with. */
export interface FileImportDeps extends ServiceDeps {
  config: Pick<Config, "initialStock" | "unknownSku">;
}

/**
 * How a file is imported; `initialStock` is the setting where it is not said, and `unknownSku` is always the setting.
 */
export type ImportFileOptions = Omit<ImportOptions, "initialStock" | "unknownSku"> & {
  initialStock?: number;
};

/**
 * Imports a file to its end, see {@linkcode importOrders}: batch after batch in a transaction each, published
 * once it is committed. A crash leaves whole batches; the same file again takes the rest.
 *
 * @throws {WorkflowError} `invalid` for a file that is no CSV of orders; nothing was changed then
 */
export function importFile(
  deps: FileImportDeps,
  source: ReadableStream<Uint8Array>,
  options: ImportFileOptions,
): Promise<ImportReport> {
  const { unknownSku } = deps.config;
  const initialStock = options.initialStock ?? deps.config.initialStock;
  return importOrders(deps, source, {
    ...options,
    initialStock,
    unknownSku,
    edit: editorOf(deps, initialStock),
  });
}

/** Changes orders that a file replaces although they are reserved, each by itself; loaded by the first of them. */
export function editorOf(deps: FileImportDeps, initialStock: number): EditFromFile {
  return async (orderId, order, options) => {
    const { editAndPublish } = await import("./edit_order.ts");
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
