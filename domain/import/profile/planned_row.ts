/**
 * A record of a file with a profile, and what was found out about it before its order is decided on.
 *
 * @module
 */

import type { CsvRow } from "../csv_rows.ts";
import type { SourceRow } from "../source_row.ts";

/**
 * The fields of a record with the id of its order and its fault behind them, so that a row is still a line and fields,
 * wherever it is kept until its order is complete.
 *
 * @param width columns that the header has; what a record has beyond is cut, what it lacks is empty
 * @param fault why it can't be read; "" for a sound record
 */
export function plannedFields(
  fields: readonly string[],
  width: number,
  orderId: string,
  fault: string,
): string[] {
  const planned = fields.slice(0, width);
  while (planned.length < width) planned.push("");
  planned.push(orderId, fault);
  return planned;
}

/** A record with the order that it belongs to. */
export interface PlacedRecord {
  /** The record as it stands in the file, an earlier rejects file's marks taken off. */
  source: SourceRow;
  /** Those of the record, which need not make them once more. */
  fields: readonly string[];
  /** The id that it has itself; "" for none. */
  ownId: string;
  /** The id of its order; "" for none. */
  orderId: string;
  /** Why it can't be read; "" for a sound record. */
  fault: string;
}

/**
 * A record with what was found out about it. Its fields are held until its order is decided on, and are made anew
 * whenever they are asked for afterwards: rows live as long as their batch, and a string for each of some twenty columns
 * is what the garbage collector would have to carry.
 */
export class PlannedRow implements CsvRow {
  /** Of the file, from 1. */
  readonly line: number;
  /** Of the order that it belongs to; "" for none. */
  readonly orderId: string;
  /** Why it can't be read; "" for a sound record. */
  readonly fault: string;
  readonly #source: SourceRow;
  readonly #width: number;
  #held: readonly string[] | undefined;

  /** Holds a record's fields until they are let go of. @param width columns that the header has */
  constructor({ source, fields, orderId, fault }: PlacedRecord, width: number) {
    this.line = source.line;
    this.orderId = orderId;
    this.fault = fault;
    this.#source = source;
    this.#width = width;
    this.#held = fields;
  }

  /** As the file has them, as many as there are. */
  get own(): readonly string[] {
    return this.#held ?? this.#source.fields;
  }

  /** As {@linkcode plannedFields} makes them. */
  get fields(): readonly string[] {
    return plannedFields(this.own, this.#width, this.orderId, this.fault);
  }

  /** Its order was decided on. */
  release(): void {
    this.#held = undefined;
    this.#source.release?.();
  }
}

/** The id of the order that a row belongs to; "" for none. */
export function plannedId(row: CsvRow): string {
  return row instanceof PlannedRow ? row.orderId : row.fields[row.fields.length - 2]!;
}

/** Why a row can't be read; "" for a sound one. */
export function plannedFault(row: CsvRow): string {
  return row instanceof PlannedRow ? row.fault : row.fields[row.fields.length - 1]!;
}

/** The fields of a row in the columns of the file; there may be fewer or more than the header has. */
export function ownFields(row: CsvRow): readonly string[] {
  return row instanceof PlannedRow ? row.own : row.fields;
}
