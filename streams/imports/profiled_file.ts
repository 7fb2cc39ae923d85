/**
 * A file of any form as orders: what its columns mean is settled from all of its values, and then it is read like any
 * other.
 *
 * @module
 */

import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import type { OpenQuestion, SourceRow } from "../../domain/import/source_row.ts";
import type { ImportFile } from "./import_file.ts";
import type { RowStoreLimits } from "./row_store.ts";

/** A file as records; see `source_table.ts`. */
export interface RecordTable {
  header: readonly string[];
  /** All records below the header; may be called again. */
  rows(signal?: AbortSignal): AsyncGenerator<SourceRow[]>;
  /** Frees the disk. */
  close(): void;
}

/** A column that the profile makes something of. */
export interface UsedColumn {
  /** As the header has it. */
  name: string;
  /** What it fills, such as `price` or `shipping`. */
  fills: string[];
  /** Different values, the first ones. */
  samples: string[];
}

/** A column that the profile makes nothing of. */
export interface UnusedColumn {
  name: string;
  samples: string[];
  /** What it looks like, where it looks as though it mattered and is not ignored. */
  suspicious?: "status" | "total" | "tax" | "shipping" | "discount" | "refund";
}

/** How the totals that a file names agree with what its orders come to; of the orders that were decided on so far. */
export interface TotalsAgreement {
  /** Orders whose total the file names. */
  named: number;
  /** Of these, those that agree, within the profile's tolerance. */
  agree: number;
  /** The largest difference of any, by its size, in minor units of its currency; undefined where all are exact. */
  largest?: { differenceCents: number; currency: string; externalOrderId: string };
}

/** See {@linkcode openProfiledFile}. */
export interface ProfiledFile extends ImportFile {
  /** The profile with all that was found out, to be saved; what is in question is absent. */
  settings: ImportProfile;
  /** What only the owner of the file can know: while there is one, nothing is decided and `groups` throws. */
  questions: OpenQuestion[];
  usedColumns: UsedColumn[];
  unusedColumns: UnusedColumn[];
  /** What was found out, for people, such as "decimal sign: , (from 41 values such as 1.234,56)". */
  notes: string[];
  agreement(): TotalsAgreement;
}

/** What {@linkcode openProfiledFile} may be told. */
export interface ProfiledFileOptions {
  signal?: AbortSignal;
  /** Is told how many rows were read. */
  onProgress?: (rows: number) => void;
  /** For tests: how much is kept in memory. */
  limits?: { store?: RowStoreLimits; orderRows?: number };
}

/**
 * Reads all records of a file once, settles what its columns mean from all of their values, and finds the orders whose
 * rows do not stand together.
 *
 * @param profile as somebody wrote it, or as it was recognised; what it leaves open is settled or asked
 * @throws {WorkflowError} `invalid` for a file that lacks columns of the profile
 */
export function openProfiledFile(
  _table: RecordTable,
  _profile: ImportProfile,
  _options: ProfiledFileOptions = {},
): Promise<ProfiledFile> {
  throw new Error("Follows within the hour");
}
