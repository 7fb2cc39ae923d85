/**
 * What an import works with, how it is to be done, and how far it is.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import type { RejectedRow } from "../../domain/import/order_csv.ts";
import type { RejectsForm } from "../../domain/import/rejects_csv.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { OnlyOf } from "../../domain/order/bringer.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import type { OrderStatus } from "../../domain/order/order.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/redis.ts";
import type { BatchLimits } from "./import_batches.ts";
import type { ImportFileLimits } from "./import_file.ts";
import type { RejectsFile } from "./rejects_file.ts";
import type { AwaitedEngine } from "./wait_out.ts";

/** What the importer works with. */
export interface ImportDeps {
  db: Database;
  redis: RedisClient;
  keys: Keys;
  log: Log;
}

/** Changes an order to what a file says; safe to repeat. */
export type EditFromFile = (
  orderId: number,
  order: IncomingOrder,
  options: { actor: string; only: OnlyOf | undefined; dryRun: boolean },
) => Promise<FileEdit>;

/** What became of an order that a file was to change. */
export interface FileEdit {
  /** See `TakenOrder`. */
  outcome: "updated" | "unchanged" | "conflict";
  /** Where the order stands; undefined where it can't be changed for another reason. */
  status?: OrderStatus;
  /** Why it can't be changed, for people. */
  refusal?: string;
}

/** Single settings that somebody has named beside a profile, or instead of one. */
export interface NamedSettings {
  /** Those of them that say how the bytes are read. */
  file: ImportProfile["file"];
  /**
   * A profile with them.
   *
   * @throws {WorkflowError} `invalid` for one that no profile may have
   */
  apply(profile: ImportProfile): ImportProfile;
}

/** How a file is imported. */
export interface ImportOptions {
  /** The file's name, for messages and the table of imports. */
  name: string;
  /** Units of products that no order has named before. */
  initialStock: number;
  /** What becomes of orders that name a product that there is not; by default it is created. */
  unknownSku?: "create" | "reject";
  /** Of the settings; by it people are known again who were erased. */
  erasureSecret?: string;
  /** Leave bad rows out instead of rejecting their orders. */
  keepGoodRows?: boolean;
  /**
   * Let the file take items away from orders that are still `PENDING`, and change those that are `RESERVED` by
   * {@linkcode edit}.
   */
  replace?: boolean;
  /** Changes an order that is not settled, see `services/orders/edit_order.ts`; without it a reserved one is a conflict. */
  edit?: EditFromFile;
  /** What the file's columns mean, where somebody says so. */
  profile?: ImportProfile;
  /** The sheet of a workbook, by its name or its place from 1. */
  sheet?: string;
  /** Settings of whatever profile the file is read by. */
  settings?: NamedSettings;
  /** The plan that a preview of the file ended with: it is imported as it was shown there or not at all. */
  plan?: string;
  /** Import a file that needs a profile without a plan, by the profile that was named. */
  yes?: boolean;
  /** Read, check and compare with the database, and change nothing. */
  dryRun?: boolean;
  /** Where rows that were not taken are written to. */
  rejectsPath?: string;
  /** Opens something else than a file for the rows that were not taken, by a database that waits as the import does. */
  openRejects?: (form: RejectsForm, db: Database) => Promise<RejectsFile>;
  /**
   * Begins the row in `imports` once the file was read and found to be a CSV of orders; undefined for none.
   * By default there is one unless this is a dry run. The database that it is given waits as the import does.
   */
  begin?: (form: ImportedForm, db: Database) => Promise<number | undefined>;
  /** Is called where orders were changed, in the transaction that ends the row in `imports`, however it ends. */
  onEdited?: (tx: Queryable, importId: number, orders: number) => Promise<void>;
  /** Who brings the file, for the timeline; the import's id follows. */
  actor?: string;
  /** Limits them to changing orders that they have brought themselves; undefined for everybody's. */
  only?: OnlyOf;
  /** False for whoever may not look at what others have brought: then nothing is told of it. */
  seesOthers?: boolean;
  /** Nobody is served by this process meanwhile: what would be kept waiting is the import itself. */
  alone?: boolean;
  /** For how many milliseconds an engine may be away before the import fails; by default for none. */
  waitMs?: number;
  /** Ends the import between two batches; those that were written stay. */
  signal?: AbortSignal;
  /** Is told how far the import is, at least once a batch. */
  onProgress?: (progress: ImportProgress) => void;
  /** Is told every row that was not taken. */
  onRejected?: (rows: readonly RejectedRow[]) => void;
  /** For tests: how much is kept in memory, and how much goes into a transaction. */
  limits?: { file?: ImportFileLimits; batch?: BatchLimits; catalogEntries?: number };
}

/** How the file of an import is read. */
export interface ImportedForm {
  /** Name of its profile; null for a file in the own form. */
  profile: string | null;
  /** Its plan; null where none was asked for. */
  plan: string | null;
}

/** How far an import is. */
export interface ImportProgress {
  /** `reading` while nothing has been written yet. */
  phase: "reading" | "writing";
  /** Of the source, compressed bytes if it is. */
  bytesRead: number;
  /** Of what they were unpacked to. */
  unpackedBytes: number;
  rowsRead: number;
  /** Rows whose orders were taken or rejected. */
  rowsDone: number;
  ordersDone: number;
  /** What it waits for at this moment; undefined while it works. */
  waitingFor?: AwaitedEngine;
}

/** Nothing was done yet. */
export function noProgress(): ImportProgress {
  return {
    phase: "reading",
    bytesRead: 0,
    unpackedBytes: 0,
    rowsRead: 0,
    rowsDone: 0,
    ordersDone: 0,
  };
}
