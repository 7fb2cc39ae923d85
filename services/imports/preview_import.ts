/**
 * Previewing a file of orders: the one way for the API, the dashboard and the command line.
 *
 * Nothing of a file is kept between its preview and its import: it is sent again with the plan that the preview ended
 * with, by which it is known to be the same file, read in the same way. So the second request may reach another process,
 * no process has to keep foreign names and addresses for a while, and a preview writes nothing.
 *
 * @module
 */

import type { ImportPreview } from "../../domain/import/import_preview.ts";
import type { PreviewOptions } from "../../streams/imports/preview.ts";
import { editorOf, type FileImportDeps } from "./import_file.ts";

/** How a file is previewed: as it would be imported; settings where it does not say. */
export type PreviewFileOptions =
  & Omit<
    PreviewOptions,
    "initialStock" | "unknownSku" | "erasureSecret" | "edit"
  >
  & {
    initialStock?: number;
  };

/**
 * Previews a file: what importing it with the same options would do. Writes nothing.
 *
 * @param source of any form, see `docs/importing.md`
 * @returns all of it as data. With questions there is no plan: they are answered by a profile, and the file is
 * previewed again. With a plan the file is imported by `importFile` or `ImportRuns.start`, which are given the same
 * bytes, the same profile, and the plan
 * @throws {WorkflowError} `invalid` for a file that is none of orders, with all that is wrong among the faults
 */
export async function previewFile(
  deps: FileImportDeps,
  source: ReadableStream<Uint8Array>,
  options: PreviewFileOptions,
): Promise<ImportPreview> {
  // Most processes never preview anything.
  const { previewOrders } = await import("../../streams/imports/preview.ts");
  const initialStock = options.initialStock ?? deps.config.initialStock;
  return await previewOrders(deps, source, {
    ...options,
    initialStock,
    unknownSku: deps.config.unknownSku,
    erasureSecret: deps.config.erasureSecret,
    edit: editorOf(deps, initialStock),
  });
}
