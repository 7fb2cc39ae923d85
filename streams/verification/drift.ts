/**
 * Differences that a proof found.
 *
 * @module
 */

/** A difference between two places that should agree, in words for people. */
export interface Drift {
  /** What it is about: `product 12 (A-1)`, `order 42`, a key in Redis. */
  subject: string;
  /** Which property of it. */
  what: string;
  /** What it should be; null for: it should not be there. */
  expected: string | number | null;
  /** What it is; null for: it is not there. */
  found: string | number | null;
}

/** What one check found. */
export interface Drifts {
  /** The first ones. */
  list: Drift[];
  /** How many there are in all. */
  count: number;
  /** How many of them nothing can repair, because the database itself says so or a person has to decide. */
  forPeople: number;
}

/** Differences that a check tells in full. */
const maxDrifts = 20;

/** A list to collect differences in; it keeps the first ones and counts all. */
export function noDrifts(): Drifts {
  return { list: [], count: 0, forPeople: 0 };
}

/** Adds one difference; beyond {@linkcode maxDrifts} it is only counted. */
export function addDrift(drifts: Drifts, drift: Drift, forPeople = false): void {
  drifts.count++;
  if (forPeople) drifts.forPeople++;
  if (drifts.list.length < maxDrifts) drifts.list.push(drift);
}

/** Adds differences of which only the first are listed. */
export function addDrifts(drifts: Drifts, { list, count, forPeople }: Drifts): void {
  drifts.count += count;
  drifts.forPeople += forPeople;
  drifts.list.push(...list.slice(0, maxDrifts - drifts.list.length));
}
