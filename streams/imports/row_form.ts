/**
 * How the records of an import file are read.
 *
 * @module
 */

import type { ColumnPlaces } from "../../domain/import/csv_rows.ts";
import { fieldsOf } from "../../domain/import/csv_fields.ts";
import type { CsvRow } from "../../domain/import/csv_rows.ts";
import { rearmed } from "../../domain/import/spreadsheet_text.ts";

/** What all records of a file have in common. */
export interface RowForm {
  places: ColumnPlaces;
  /** It holds the rejects of an earlier import, whose fields were disarmed for spreadsheets. */
  isRejects: boolean;
}

/** The fields of a record. */
export function readFields(
  text: string,
  from: number,
  to: number,
  quoted: boolean,
  { isRejects }: RowForm,
): readonly string[] {
  const fields = fieldsOf(text, from, to, quoted);
  return isRejects ? fields.map(rearmed) : fields;
}

/** The id of an order as its field says it; "" for none. */
export function idIn(field: string, { isRejects }: RowForm): string {
  return (isRejects ? rearmed(field) : field).trim();
}

/** The id of a row's order; "" for none. */
export function orderIdOf({ fields }: CsvRow, places: ColumnPlaces): string {
  return fields[places.external_order_id]!.trim();
}
