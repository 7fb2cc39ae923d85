/**
 * A file of any form as orders: what its columns mean is settled from all of its values, and then it is read like any
 * other.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import { isRejectsHeader } from "../../domain/import/csv_columns.ts";
import { type CsvRow, type FileLines, isBlankRow } from "../../domain/import/csv_rows.ts";
import { notCsv } from "../../domain/import/csv_records.ts";
import {
  destroyedIdProblem,
  destroyedIdsProblem,
  hasLostZeros,
} from "../../domain/import/destroyed_id.ts";
import {
  type Counted,
  countValue,
  noneCounted,
  noteStored,
} from "../../domain/import/profile/column_evidence.ts";
import {
  type ColumnPlace,
  type ColumnPlan,
  planColumns,
  textAt,
} from "../../domain/import/profile/column_plan.ts";
import {
  type FileEvidence,
  gatherEvidence,
  moneyPlaces,
} from "../../domain/import/profile/file_evidence.ts";
import {
  type InferredSettings,
  inferSettings,
} from "../../domain/import/profile/infer_settings.ts";
import {
  type ComparedTotal,
  mapOrder,
  mapOrderStepwise,
  type MappedOrder,
} from "../../domain/import/profile/map_order.ts";
import { watchContinuations } from "../../domain/import/profile/sorted_rows.ts";
import { orderMapping, ownText } from "../../domain/import/profile/order_mapping.ts";
import {
  ownFields,
  type PlacedRecord,
  plannedId,
  PlannedRow,
} from "../../domain/import/profile/planned_row.ts";
import { absentColumns, planFile } from "../../domain/import/profile/plan_file.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import {
  type UnusedTotal,
  type UnusedTotals,
  watchUnusedTotals,
} from "../../domain/import/profile/unused_totals.ts";
import { type Suspicion, suspicionOf } from "../../domain/import/profile/suspicious_column.ts";
import {
  type OpenQuestion,
  questionFault,
  type SourceRow,
  type StoredCells,
} from "../../domain/import/source_row.ts";
import { counted } from "../../domain/text/plural.ts";
import { rearmed } from "../../domain/import/spreadsheet_text.ts";
import { takeTurns } from "../timing/take_turns.ts";
import { defaultOrderRows, type ImportFile } from "./import_file.ts";
import { gatheredOrders, groupRows, type OrderGroup } from "./order_groups.ts";
import { noOrders, orderTracker, sizeLarge, type TrackedOrders } from "./order_tracker.ts";
import { openRowStore, type RowStoreLimits } from "./row_store.ts";

/** A file as records; see `source_table.ts`. */
export interface RecordTable {
  header: readonly string[];
  /** Of a workbook: what the texts of the cells do not tell of a column, by its place. */
  storedCells?: ReadonlyMap<number, StoredCells>;
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
  suspicious?: Suspicion;
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

/** A file whose columns are settled; see {@linkcode ProfileLook.finish}. */
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
  /** True where a column looks like a total and no use is made of it. */
  hasUnusedTotals: boolean;
  /** Columns that look like totals, are not used, and contradict the orders that were decided on so far. */
  contradictingTotals(): UnusedTotal[];
}

/** How much is kept in memory, for tests. */
export interface ProfiledFileLimits {
  store?: RowStoreLimits;
  orderRows?: number;
}

/** A look at all records of a file, one by one, by which its profile is settled. */
export interface ProfileLook {
  /** Takes the next records; all of them once, in the order of the file. */
  note(rows: readonly SourceRow[]): void;
  /**
   * Ends the look.
   *
   * @param table gives the same records
   * @throws {WorkflowError} `invalid` for ids that a spreadsheet has destroyed, and for rows that continue the order
   * above in a file that was sorted
   */
  finish(table: RecordTable, limits?: ProfiledFileLimits): ProfiledFile;
}

/**
 * Begins a look at a file's records, for those who read them anyway.
 *
 * @param profile as somebody wrote it, or as it was recognised; what it leaves open is settled or asked
 * @throws {WorkflowError} `invalid` for a file that lacks columns of the profile, with every one of them
 */
export function lookByProfile(
  profile: ImportProfile,
  header: readonly string[],
  limits?: ProfiledFileLimits,
): ProfileLook {
  const plan = planFile(profile, header);
  if (Array.isArray(plan)) {
    const message = `the file is no file of the profile ${profile.name}: ${plan.join("; ")}`;
    throw new WorkflowError("invalid", message, plan.map((detail) => ({ at: "header", detail })));
  }
  const tracked = noOrders();
  const track = orderTracker(tracked, limits?.orderRows ?? defaultOrderRows);
  const toRow = rowPlanner(profile, plan);
  const { evidence, note } = gatherEvidence(plan, {
    fillsDown: profile.fillDown === undefined ? undefined : profile.fillDown === "order",
  });
  const destroyed = noneCounted();
  const continued = profile.fillDown === "order" ? watchContinuations(plan) : undefined;
  let rows = 0;
  const lines: FileLines = { first: 0, last: 0 };
  let lastId = "", isDestroyed = false;
  return {
    note(some) {
      for (const row of some) {
        const planned = toRow(row);
        if (planned === undefined) continue;
        if (rows++ === 0) lines.first = row.line;
        lines.last = row.line;
        const { ownId, orderId, source, fields } = planned;
        note(source, ownId);
        continued?.note(source, ownId);
        if (ownId !== lastId) {
          lastId = ownId;
          isDestroyed = destroyedIdProblem(ownId) !== undefined ||
            hasLostZeros(ownId, profile.idDigits);
        }
        if (isDestroyed) countValue(destroyed, ownId, row.line);
        track(orderId, orderId.length + charactersOf(source, fields), row.line);
      }
    },
    finish(table, storeLimits) {
      for (const place of moneyPlaces(plan)) {
        const stored = table.storedCells?.get(place);
        if (stored !== undefined) noteStored(evidence.money, stored);
      }
      const inferred = inferSettings(profile, plan, evidence);
      if (destroyed.count > 0) throw destroyedIds(destroyed, plan, inferred.questions);
      const sorted = continued?.problem(evidence.totals.count > 0);
      if (sorted !== undefined) throw sortedRows(sorted, inferred.questions);
      // With what was settled: a currency that all orders have alike, and how discounts are written.
      const settled = planColumns(inferred.settings, header) as ColumnPlan;
      inferred.notes.push(...absentColumns(profile, header));
      const found = { table, plan: settled, evidence, tracked, rows, lines, inferred };
      return profiledFile(found, storeLimits?.store);
    },
  };
}

/** Of all fields of a record. */
function charactersOf({ plain }: SourceRow, fields: readonly string[]): number {
  if (plain !== undefined) return plain.length - fields.length + 1;
  let characters = 0;
  for (let at = 0; at < fields.length; at++) characters += fields[at]!.length;
  return characters;
}

/** A sum below all orders would be taken for an amount of the last one. */
const sumFault = "has neither an order id nor an item: a sum or a title that has to be removed";

/**
 * Says which order each record belongs to, one after the other; undefined for a blank one.
 *
 * One that can't be read and has no id may be of the order above, which is rejected for its sake: no order is ever booked
 * in part.
 */
function rowPlanner(
  profile: ImportProfile,
  { header, columns }: ColumnPlan,
): (row: SourceRow) => PlacedRecord | undefined {
  const isRejects = isRejectsHeader(header);
  const idPlaces = columns.external_order_id!.places;
  const fillsDown = profile.fillDown === "order";
  const { orderIdPrefix = "" } = profile;
  // Where rows may have no item, a quantity alone is none: with "Sum" in front of it, its amounts are of the whole file.
  const { product_sku: sku, product_name: name, qty } = columns;
  const ofItems = profile.rowsWithoutItem === "allowed" ? [sku, name] : [sku, name, qty];
  const itemPlaces = ofItems.flatMap((column) => column === undefined ? [] : [column.places]);
  let above = "";
  return (read) => {
    const { line, fields: raw } = read;
    if (isBlankRow(raw) && read.fault === undefined) return undefined;
    const fields = isRejects ? raw.map(rearmed) : raw;
    const source = isRejects ? { line, fields, fault: read.fault } : read;
    const said = fields.length === header.length
      ? textAt(fields, idPlaces)
      : likeliestId(source, header.length, { idPlaces, above });
    const isSum = fillsDown && said === "" &&
      itemPlaces.every((places) => textAt(fields, places) === "");
    const fault = read.fault ?? (isSum ? sumFault : "");
    // The quotation mark that is wrong may stand in the id itself.
    const ownId = fault === "" ? said : said.replaceAll('"', "").trim();
    const id = ownId === "" && (fillsDown || fault !== "") ? above : ownId;
    if (id !== "") above = id;
    const orderId = id === "" ? "" : orderIdPrefix + id;
    return { source, fields, ownId, orderId, fault };
  };
}

/**
 * The id of a row with too many fields or too few, as where a comma stands in a name without quotation marks. One field is wrong, so
 * the id stands where it would from the beginning, or else where it would from the end: it is the one that is like the id above. Taken
 * for another order's, the row would be missing in its own.
 *
 * @throws {WorkflowError} `invalid` for the first row of a file, with which there is nothing to compare
 */
function likeliestId(
  { fields, line }: SourceRow,
  width: number,
  { idPlaces, above }: { idPlaces: readonly ColumnPlace[]; above: string },
): string {
  const off = fields.length - width;
  const fromEnd = idPlaces.map((place) => place.map((at) => at + off));
  const said = [idPlaces, fromEnd].map((places) => textAt(fields, places));
  const [first = "", last = ""] = said;
  if (above === "" && first !== last && idPlaces[0]![0]! > 0) {
    throw notCsv(
      line,
      `has ${fields.length} fields, but the header has ${width}, so it can't be told which order it belongs to: mend it`,
    );
  }
  const isLike = [
    (id: string) => id === above,
    (id: string) => formOf(id) === formOf(above),
    (id: string) => formOf(id).replaceAll(/0+/g, "0") === formOf(above).replaceAll(/0+/g, "0"),
  ];
  for (const like of isLike) {
    const found = said.find((id) => id !== "" && like(id));
    if (found !== undefined) return found;
  }
  return first;
}

/** `a-000` of `N-142`. */
function formOf(id: string): string {
  return id.replaceAll(/\d/g, "0").replaceAll(/\p{L}+/gu, "a");
}

function destroyedIds(
  { count, line, samples }: Counted,
  { columns }: ColumnPlan,
  questions: readonly OpenQuestion[],
): WorkflowError {
  const name = columns.external_order_id!.name;
  const detail = `${name}: ids like ${samples.join(", ")} ${destroyedIdsProblem} (${
    counted(count, "row")
  })`;
  const faults = [
    { at: `line ${line}`, detail },
    ...questions.map(questionFault),
  ];
  return new WorkflowError("invalid", `line ${line}: ${detail}`, faults);
}

function sortedRows(
  { line, detail }: { line: number; detail: string },
  questions: readonly OpenQuestion[],
): WorkflowError {
  const faults = [{ at: `line ${line}`, detail }, ...questions.map(questionFault)];
  return new WorkflowError("invalid", `line ${line} ${detail}`, faults);
}

/** What was found out, and what it was found out of. */
interface FoundFile {
  table: RecordTable;
  plan: ColumnPlan;
  evidence: FileEvidence;
  tracked: TrackedOrders;
  rows: number;
  lines: FileLines;
  inferred: InferredSettings;
}

function profiledFile(found: FoundFile, store: RowStoreLimits | undefined): ProfiledFile {
  const { table, plan, evidence, rows, lines, inferred: { settings, questions, notes } } = found;
  let agreement: TotalsAgreement = { named: 0, agree: 0 };
  const mapping = orderMapping(settings, plan, lines);
  const tolerance = settings.money?.tolerance ?? 0;
  let unusedTotals: UnusedTotals = watchUnusedTotals(plan, mapping.money, tolerance);
  const compare = (mapped: MappedOrder, own: readonly CsvRow[]): MappedOrder => {
    if (unusedTotals.hasSome && mapped.kind === "accepted") unusedTotals.note(mapped.order, own);
    for (const row of own) if (row instanceof PlannedRow) row.release();
    if (mapped.kind !== "skipped" && mapped.total !== undefined) {
      compareTotal(agreement, mapped.total, plannedId(own[0]!), tolerance);
    }
    return mapped;
  };
  return {
    header: table.header,
    rows,
    settings,
    questions,
    notes,
    usedColumns: usedColumns(plan, evidence),
    unusedColumns: unusedColumns(plan, evidence),
    agreement: () => agreement,
    hasUnusedTotals: unusedTotals.hasSome,
    contradictingTotals: () => unusedTotals.contradicting(),
    form: {
      idOf: plannedId,
      decide: (own, options) => compare(mapOrder(mapping, own, options), own),
      *steps(own, options) {
        return compare(yield* mapOrderStepwise(mapping, own, options), own);
      },
      skuOf: (row) => ownText(ownFields(row), plan.columns.product_sku),
      skuColumn: plan.columns.product_sku!.name,
    },
    groups(signal) {
      if (questions.length > 0) throw openQuestions(settings.name, questions);
      agreement = { named: 0, agree: 0 };
      unusedTotals = watchUnusedTotals(plan, mapping.money, tolerance);
      return orderGroups(found, store, signal);
    },
    close: () => table.close(),
  };
}

/** An error that names everything that only the file's owner can know. */
function openQuestions(
  profile: string,
  questions: readonly OpenQuestion[],
): WorkflowError {
  const list = questions.map(({ setting, question }) => `${setting}: ${question}`).join("; ");
  return new WorkflowError(
    "invalid",
    `${questions.length} of the settings of the profile ${profile} can't be found out: ${list}`,
    questions.map(questionFault),
  );
}

/** Goes over all rows once more where an order is known to be too large, for the line from which it is. */
async function findLargeOrders(
  { table, plan, tracked, inferred }: FoundFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  const size = sizeLarge(tracked);
  if (size === undefined) return;
  const place = rowPlanner(inferred.settings, plan);
  for await (const rows of table.rows(signal)) {
    for (const row of rows) {
      const placed = place(row);
      if (placed === undefined) continue;
      const { orderId, source, fields } = placed;
      size(orderId, orderId.length + charactersOf(source, fields), row.line);
    }
  }
}

async function* orderGroups(
  found: FoundFile,
  limits: RowStoreLimits | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<OrderGroup> {
  const { table, plan, tracked, inferred } = found;
  await findLargeOrders(found, signal);
  const store = openRowStore(plannedId, limits);
  const grouping = groupRows(tracked);
  const place = rowPlanner(inferred.settings, plan);
  const width = plan.header.length;
  try {
    const othersTurn = takeTurns();
    for await (const rows of table.rows(signal)) {
      for (const source of rows) {
        const placed = place(source);
        if (placed === undefined) continue;
        const row = new PlannedRow(placed, width);
        if (grouping.next(row.orderId)) store.add(row);
        else grouping.keep(row);
      }
      yield* grouping.complete();
      await othersTurn();
      signal?.throwIfAborted();
    }
    yield* grouping.end();
    yield* gatheredOrders(store, plannedId, signal);
  } finally {
    store.close();
  }
}

function compareTotal(
  agreement: TotalsAgreement,
  { namedCents, ownCents, currency }: ComparedTotal,
  externalOrderId: string,
  tolerance: number,
): void {
  agreement.named++;
  const differenceCents = ownCents - namedCents;
  const size = Math.abs(differenceCents);
  if (size <= tolerance) agreement.agree++;
  if (size > Math.abs(agreement.largest?.differenceCents ?? 0)) {
    agreement.largest = { differenceCents, currency, externalOrderId };
  }
}

function usedColumns({ header, fills }: ColumnPlan, { samples }: FileEvidence): UsedColumn[] {
  return [...fills].sort(([a], [b]) => a - b).map(([at, names]) => ({
    name: header[at]!.trim(),
    fills: [...new Set(names)],
    samples: samples[at]!,
  }));
}

function unusedColumns(
  { header, fills, ignored }: ColumnPlan,
  { samples, statusColumns }: FileEvidence,
): UnusedColumn[] {
  return header.flatMap((name, at): UnusedColumn[] => {
    if (fills.has(at)) return [];
    const byValue = statusColumns.has(name.trim()) ? "status" : undefined;
    const saysNothing = samples[at]!.length === 0;
    const suspicious = ignored.has(at) || saysNothing ? undefined : suspicionOf(name) ?? byValue;
    const column = { name: name.trim(), samples: samples[at]! };
    return [suspicious === undefined ? column : { ...column, suspicious }];
  });
}
