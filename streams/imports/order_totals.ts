/**
 * Adds up the totals of very many orders and finds the middle one, in little memory.
 *
 * @module
 */

import type { ImportMoney } from "../../domain/import/import_money.ts";
import { type Extent, openTemporaryFile, type TemporaryFile } from "./temporary_file.ts";

/** See {@linkcode orderTotals}. */
export interface OrderTotals {
  /** Takes the total of an order. */
  add(currency: string, cents: number): void;
  /** What they come to, by currency, in the order of their names. */
  money(): ImportMoney[];
  /** Frees the disk. */
  close(): void;
}

/** Totals that are held in memory, of all currencies together: 0.8 MB. */
const maxHeld = 100_000;

/** Parts that the range of totals is divided into at every look: five looks tell any total exactly. */
const buckets = 4_096;

interface OfCurrency {
  orders: number;
  sum: bigint;
  least: number;
  most: number;
  held: number[];
  extents: Extent[];
}

/**
 * Keeps the totals themselves, eight bytes each and on disk where they are many, so that the middle one is exact.
 * It is found by counting how many lie in each part of the range, and again within the part that has it.
 *
 * @param limit how many are held in memory; for tests
 */
export function orderTotals(limit = maxHeld): OrderTotals {
  const currencies = new Map<string, OfCurrency>();
  let file: TemporaryFile | undefined;
  let held = 0;

  const spill = (): void => {
    file ??= openTemporaryFile();
    for (const one of currencies.values()) {
      if (one.held.length === 0) continue;
      const bytes = new Uint8Array(Float64Array.from(one.held).buffer);
      one.extents.push({ offset: file.append(bytes), length: bytes.length });
      one.held = [];
    }
    held = 0;
  };

  function* totalsOf({ extents, held }: OfCurrency): Generator<Float64Array | number[]> {
    for (const extent of extents) {
      const bytes = file!.read(extent);
      yield new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
    }
    yield held;
  }

  return {
    add(currency, cents) {
      const one = currencies.get(currency);
      if (one === undefined) {
        currencies.set(currency, {
          orders: 1,
          sum: BigInt(cents),
          least: cents,
          most: cents,
          held: [cents],
          extents: [],
        });
      } else {
        one.orders++;
        one.sum += BigInt(cents);
        if (cents < one.least) one.least = cents;
        if (cents > one.most) one.most = cents;
        one.held.push(cents);
      }
      if (++held > limit) spill();
    },
    money: () =>
      [...currencies].sort(([a], [b]) => a < b ? -1 : 1).map(([currency, one]) => ({
        currency,
        orders: one.orders,
        sum_cents: Number(one.sum),
        smallest_cents: one.least,
        median_cents: medianOf(one, () => totalsOf(one)),
        largest_cents: one.most,
      })),
    close: () => file?.close(),
  };
}

/** @param totals gives all of them, as often as it is called */
function medianOf(
  { orders, least: min, most: max }: OfCurrency,
  totals: () => Iterable<Iterable<number>>,
): number {
  const lower = nth(Math.floor((orders - 1) / 2), { least: min, most: max }, totals);
  if (orders % 2 === 1) return lower;
  const upper = nth(orders / 2, { least: min, most: max }, totals);
  return lower + Math.floor((upper - lower) / 2);
}

/** The total at a place, counted from 0, if they were sorted. */
function nth(
  place: number,
  { least: min, most: max }: { least: number; most: number },
  totals: () => Iterable<Iterable<number>>,
): number {
  while (min < max) {
    const width = Math.floor((max - min) / buckets) + 1;
    const counts = new Float64Array(buckets);
    for (const some of totals()) {
      for (const total of some) {
        if (total >= min && total <= max) counts[bucketOf(total - min, width)]!++;
      }
    }
    let bucket = 0;
    for (; place >= counts[bucket]!; bucket++) place -= counts[bucket]!;
    min += bucket * width;
    max = Math.min(max, min + width - 1);
  }
  return min;
}

/** Which bucket a distance lies in. A division of large integers may round up to the next one. */
function bucketOf(distance: number, width: number): number {
  const bucket = Math.floor(distance / width);
  return bucket * width > distance ? bucket - 1 : bucket;
}
