/**
 * Holds rejects for a while, so that they come into their file by their lines.
 *
 * @module
 */

import type { RejectedRow } from "../../domain/import/order_csv.ts";
import type { RejectsCsv } from "../../domain/import/rejects_csv.ts";
import { takeTurns } from "../timing/take_turns.ts";

/** See {@linkcode holdRejects}. */
export interface HeldRejects {
  /** Takes rows; writes once there are many. */
  add(rows: readonly RejectedRow[]): Promise<void>;
  /** Writes what is held. */
  flush(): Promise<void>;
}

/** Rows that are held. */
const maxRows = 10_000;

/** Characters after which they are written nevertheless. */
const maxCharacters = 1_048_576;

/**
 * Holds rows as text: a row itself is part of a whole piece of the imported file, which would stay in memory
 * for its sake.
 *
 * @param write is given lines in the order of the file
 */
export function holdRejects(
  { lineOf }: RejectsCsv,
  write: (csv: string) => Promise<void>,
): HeldRejects {
  let held: { line: number; text: string }[] = [];
  let characters = 0;
  const othersTurn = takeTurns();
  const flush = async () => {
    if (held.length === 0) return;
    const lines = held.sort((a, b) => a.line - b.line);
    held = [];
    characters = 0;
    await write(lines.map(({ text }) => text).join(""));
  };
  return {
    async add(rows) {
      for (const row of rows) {
        const text = lineOf(row);
        held.push({ line: row.line, text });
        characters += text.length;
        const turn = othersTurn();
        if (turn !== undefined) await turn;
        if (held.length >= maxRows || characters >= maxCharacters) await flush();
      }
    },
    flush,
  };
}
