/**
 * Checks the records of an import file one by one, and finds the orders whose rows do not stand together.
 *
 * @module
 */

import { isRejectsHeader, maxColumns, placeColumns } from "../../domain/import/csv_columns.ts";
import { fieldsOf, outlineOf } from "../../domain/import/csv_fields.ts";
import { notCsv, type OnRecord } from "../../domain/import/csv_records.ts";
import {
  type FileLines,
  isBlankRow,
  lacksItsHead,
  lacksItsOrder,
} from "../../domain/import/csv_rows.ts";
import { destroyedIdProblem } from "../../domain/import/destroyed_id.ts";
import { withValue } from "../../domain/import/named_value.ts";
import { plainCharacters } from "../../domain/import/profile/money_text.ts";
import {
  isOtherHeader,
  maxBlankRows,
  otherHeader,
  tooManyBlankRows,
} from "../../domain/import/source/row_faults.ts";
import { visibleText } from "../../domain/text/visible_text.ts";
import { parsePlacedAt } from "../../domain/order/placed_at.ts";
import { orderTracker, type TrackedOrders } from "./order_tracker.ts";
import { type OutcomeWatch, watchOutcomes } from "./outcome_watch.ts";
import { idIn, readFields, type RowForm } from "./row_form.ts";

/** See {@linkcode checkRows}. */
export interface RowCheck {
  /**
   * Is told record after record.
   *
   * @throws {WorkflowError} `invalid`, with the line, for one that is no row of the file
   */
  onRecord: OnRecord;
  /** Rows so far, the header and those that are blank not counted. */
  rows(): number;
  /** On which lines the first of them and the last one begin. */
  lines(): FileLines;
  /** What the header says; undefined before there was one. */
  file(): { header: readonly string[]; form: RowForm } | undefined;
}

/**
 * Begins with the header, and notes in `tracked` every order that can't be put together as its rows come.
 *
 * @param rowsTogether rows of one order that are put together without the store
 */
export function checkRows(tracked: TrackedOrders, rowsTogether: number): RowCheck {
  let file: { header: readonly string[]; form: RowForm } | undefined;
  let rows = 0;
  let lastId = "";
  let blankRows = 0, lastLine = 1, firstLine = 0;
  let watch: OutcomeWatch | undefined;
  let names: readonly string[] = [], isName: ReadonlySet<string> = new Set();
  const follow = orderTracker(tracked, rowsTogether);

  return {
    onRecord(text, from, to, line, quoted) {
      if (file === undefined) {
        file = readHeader(fieldsOf(text, from, to, quoted), line);
        names = file.header.map((name) => name.trim());
        isName = new Set(names);
        watch = watchOutcomes(file.header, file.form.places);
        return;
      }
      const { header, form } = file;
      const { count, field, fields } = outlineOf(
        text,
        from,
        to,
        quoted,
        form.places.external_order_id,
        watch?.ends,
      );
      const id = idIn(field, form);
      if (id === "") {
        const fields = readFields(text, from, to, quoted, form);
        if (isBlankRow(fields)) {
          if (++blankRows > maxBlankRows) throw notCsv(lastLine, tooManyBlankRows);
          return;
        }
        if (count === header.length && lacksItsOrder(fields, form.places)) {
          throw notCsv(line, withoutOrder);
        }
      }
      blankRows = 0;
      lastLine = line;
      if (rows === 0) firstLine = line;
      if (count !== header.length) {
        const word = count === 1 ? "field" : "fields";
        throw notCsv(line, `has ${count} ${word}, but the header has ${header.length}`);
      }
      const said = watch?.look(text, from, fields);
      if (said !== undefined) throw notCsv(line, saysOutcome(said));
      if (rows === 0) {
        const time = readFields(text, from, to, quoted, form)[form.places.order_placed_at] ?? "";
        if (isOtherTime(time.trim())) throw notCsv(line, `order_placed_at ${otherTime}`);
      }
      if (id === lastId) {
        if (id !== "" && hasEmptyField(text, from, to)) {
          const fields = readFields(text, from, to, quoted, form);
          if (lacksItsHead(fields, form.places)) throw notCsv(line, withoutHead);
        }
      } else {
        lastId = id;
        const other = isName.has(id) ? readFields(text, from, to, quoted, form) : undefined;
        const fault = faultOfFirst(id, other, names);
        if (fault !== undefined) throw notCsv(line, fault);
      }
      rows++;
      follow(id, to - from, line);
    },
    rows: () => rows,
    lines: () => ({ first: firstLine, last: lastLine }),
    file: () => file,
  };
}

/**
 * Why a row can't begin an order; undefined where it can.
 *
 * @param fields where the id is the name of a column
 */
function faultOfFirst(
  id: string,
  fields: ReturnType<typeof readFields> | undefined,
  names: readonly string[],
): string | undefined {
  if (fields !== undefined && isOtherHeader(fields, names)) return otherHeader;
  const problem = destroyedIdProblem(id);
  return problem === undefined ? undefined : `external_order_id ${withValue(problem, id)}`;
}

function saysOutcome({ name, value }: { name: string; value: string }): string {
  const column = name === "" ? "a column without a name" : `the column ${visibleText(name)}`;
  return `has ${visibleText(JSON.stringify(value))} in ${column}, of which no use is made: ` +
    "that is about what became of an order";
}

const withoutOrder =
  "has an item but no external_order_id, so it can't be told which order it belongs to; " +
  "write the id on every row of an order, or remove the row";

const withoutHead =
  "repeats the order's id and says neither when nor by whom it was placed, nor its currency, as files do that say it " +
  "on an order's first row only";

const otherTime = "is a time in another form, as spreadsheets write it";

/** A day in another order, or the number of one: of the first row, because a spreadsheet saves all of them so. */
function isOtherTime(written: string): boolean {
  const text = plainCharacters(written);
  return text !== written || parsePlacedAt(text) === undefined &&
      /^(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\d{5}(?:[.,]\d+)?$)/.test(text);
}

/** Whether a record may have a field of nothing: cheap, and wrong only where it says so too often. */
function hasEmptyField(text: string, from: number, to: number): boolean {
  const record = text.slice(from, to);
  return record.includes(",,") || record.startsWith(",") || record.endsWith(",");
}

function readHeader(header: readonly string[], line: number) {
  if (header.length > maxColumns) {
    throw notCsv(line, `has ${header.length} columns; there may be at most ${maxColumns}`);
  }
  const places = placeColumns(header);
  if (typeof places === "string") throw notCsv(line, places);
  return { header, form: { places, isRejects: isRejectsHeader(header) } };
}
