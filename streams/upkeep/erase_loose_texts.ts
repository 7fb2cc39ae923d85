/**
 * Takes a person out of what belongs to no order: reasons and rejects of imports, dead letters, stored answers.
 *
 * @module
 */

import { keyHours } from "../../db/clients/idempotency.ts";
import type { Database } from "../../db/connection/database.ts";
import {
  findRejects,
  listPackedAnswers,
  lockRejects,
  looseTextTables,
  readAnsweredTimes,
  readAnswers,
  readLooseTexts,
  readPackedAnswer,
  writeAnswer,
  writeLooseTexts,
  writeRejects,
} from "../../db/customers/personal_texts.ts";
import type { PersonFinder } from "../../domain/customer/personal_text.ts";
import { packText, unpackText } from "../../db/clients/packed_text.ts";
import { rejectsHead, rejectsWithout } from "../../domain/customer/rejects_without.ts";
import { erasedText } from "../../domain/customer/erased_customer.ts";

/** Takes the person out of the texts of {@linkcode looseTextTables}. Safe to repeat. */
export async function eraseLooseTexts(db: Database, finder: PersonFinder): Promise<void> {
  for (const table of looseTextTables) {
    for (const { id, texts } of await readLooseTexts(db, table, finder.needles)) {
      const left = Object.entries(texts).map(([name, text]) =>
        [name, text === null ? null : textWithout(text, finder)] as const
      );
      if (left.every(([name, text]) => texts[name] === text)) continue;
      await writeLooseTexts(db, table, id, Object.fromEntries(left));
    }
  }
}

/** Answers to many orders that were packed, without the person; as they were where they do not name them. */
function packedWithout(stored: string, finder: PersonFinder): string {
  const text = unpackText(JSON.parse(stored) as string);
  const said = text.toLowerCase();
  if (!finder.needles.some((needle) => said.includes(needle.toLowerCase()))) return stored;
  const left = text.split("\n").map((line) => lineWithout(line, finder)).join("\n");
  return left === text ? stored : JSON.stringify(packText(left));
}

/** An answer that stands in a line of its own, with the signs of an array around it. */
function lineWithout(line: string, finder: PersonFinder): string {
  const from = line.indexOf("{");
  const to = line.lastIndexOf("}") + 1;
  if (from < 0 || to === 0) return line;
  return line.slice(0, from) + textWithout(line.slice(from, to), finder) + line.slice(to);
}

/** A text without the person: of JSON only what names them, and else all of it. */
function textWithout(text: string, finder: PersonFinder): string {
  if (!finder.isNamedIn(text) && !finder.isNamedIn(unescaped(text))) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object") return JSON.stringify(finder.without(value));
  } catch {
    // It is no JSON.
  }
  return erasedText;
}

/** JSON with what it escapes written out, so that a name is found in it. */
function unescaped(text: string): string {
  return text.replace(/\\(["\\/])/g, "$1");
}

/** Takes the person's rows out of stored rejects, piece by piece. Safe to repeat. */
export async function eraseRejects(db: Database, finder: PersonFinder): Promise<void> {
  for (const { importId, piece } of await findRejects(db, finder.needles)) {
    await db.transaction(async (tx) => {
      const head = await lockRejects(tx, importId, 0);
      const csv = await lockRejects(tx, importId, piece);
      if (head === undefined || csv === undefined) return;
      const left = rejectsWithout(csv, rejectsHead(head), finder);
      if (left.taken > 0) await writeRejects(tx, importId, piece, left.csv);
    });
  }
}

/**
 * Takes the person out of answers that are kept for requests that come again: those have the same answer as before, without
 * the name. Safe to repeat.
 */
export async function eraseAnswers(db: Database, finder: PersonFinder): Promise<void> {
  for (const time of await readAnsweredTimes(db, keyHours + 1)) {
    for (const stored of await readAnswers(db, time, finder.needles)) {
      const answer = textWithout(stored.answer, finder);
      if (answer !== stored.answer) await writeAnswer(db, { ...stored, answer });
    }
    // One at a time: each may be of thousands of orders.
    for (const key of await listPackedAnswers(db, time)) {
      const stored = await readPackedAnswer(db, key);
      if (stored === undefined) continue;
      const answer = packedWithout(stored, finder);
      if (answer !== stored) await writeAnswer(db, { ...key, answer });
    }
  }
}
