/**
 * The importer: a CSV file into the books and onto the `orders` stream.
 *
 * The file is read twice over: first from beginning to end, so that a file that is no CSV is refused before
 * anything is written, and its rows are put together by orders; then order by order into the database.
 *
 * @module
 */

import {
  catalogLimit,
  emptyCatalog,
  writeDescriptions as writeDescriptionsOf,
} from "../db/catalog.ts";
import type { Database } from "../db/database.ts";
import { createImport, finishImport, type ImportCounts, updateImport } from "../db/imports.ts";
import { type TakenOrder, takeOrders } from "../db/intake.ts";
import { type ColumnPlaces, placeColumns } from "../domain/csv_columns.ts";
import { notCsv } from "../domain/csv_lines.ts";
import type { CsvRow } from "../domain/csv_rows.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";
import type { Message } from "../domain/messages.ts";
import { decideOrder, rejectConflict, type RejectedRow } from "../domain/order_csv.ts";
import { readCsv } from "./csv_source.ts";
import { type ImportBatch, importBatches } from "./import_batches.ts";
import type { Keys } from "./keys.ts";
import { publish } from "./queue.ts";
import type { RedisClient } from "./redis.ts";
import { openRejectsFile, type RejectsFile } from "./rejects_file.ts";
import { openRowStore, type RowStore, type RowStoreLimits } from "./row_store.ts";
