/**
 * What the addresses of pages may ask for. A filter that makes no sense is passed over and said so, because
 * a person who mistyped a date wants the page all the same.
 *
 * @module
 */

import type { Context } from "hono";
import { decodeCursor } from "../../domain/paging.ts";
import { isDay } from "../../domain/kpi/day.ts";
import { parseAmount } from "../../domain/money.ts";
import { unknownQuery } from "../middleware/known_query.ts";

/** Rows to a page. */
export const pageSize = 50;

/** The query of a page, read piece by piece. */
export interface PageQuery {
  text(name: string, max?: number): string | undefined;
  oneOf<T extends string>(name: string, known: readonly T[]): T | undefined;
  day(name: string): string | undefined;
  /** Minor units of an amount in a currency. */
  cents(name: string, currency: string): number | undefined;
  /** Three capital letters. */
  currency(name: string): string | undefined;
  /** The id after which the page begins. */
  cursor(list: string): number | undefined;
  /** Sentences about what was passed over. */
  faults: string[];
}

/** The query parameters that a page has read: what else its address says was passed over. */
const namesRead = new WeakMap<Context, Set<string>>();

/** Notes that a page knows a query parameter, given or not. */
function note(c: Context, name: string): void {
  const names = namesRead.get(c) ?? new Set();
  namesRead.set(c, names.add(name));
}

/** A query parameter as it stands in the address of a page, for what a change has written there. */
export function said(c: Context, name: string): string | undefined {
  note(c, name);
  return c.req.query(name);
}

/** All values of a query parameter. */
export function allSaid(c: Context, name: string): string[] {
  note(c, name);
  return c.req.queries(name) ?? [];
}

/** Sentences about query parameters that the page has not read, and does not know therefore. */
export function passedOver(c: Context): string[] {
  if (!c.req.url.includes("?")) return [];
  return unknownQuery(c, [...namesRead.get(c) ?? []]).map(({ at, detail }) => `“${at}” ${detail}`);
}

/** The id in the path of a page about one thing; its route lets only digits through. */
export function idOf(c: Context): number {
  return Number(c.req.param("id"));
}

/** Reads the query of a request. */
export function readPageQuery(c: Context): PageQuery {
  const faults: string[] = [];
  const text: PageQuery["text"] = (name, max = 255) => {
    const value = said(c, name)?.trim() ?? "";
    if (value === "") return undefined;
    if ([...value].length <= max && !/\p{Cc}/u.test(value) && value.isWellFormed()) return value;
    faults.push(`What was given for ${name} is too long or no text`);
    return undefined;
  };
  return {
    faults,
    text,
    oneOf: (name, known) => {
      const value = text(name);
      const found = known.find((one) => one === value);
      if (value !== undefined && found === undefined) faults.push(`There is no ${name} “${value}”`);
      return found;
    },
    day: (name) => {
      const value = text(name);
      if (value === undefined || isDay(value)) return value;
      faults.push(`“${value}” is no date`);
      return undefined;
    },
    cents: (name, currency) => {
      const value = text(name);
      const cents = value === undefined ? undefined : parseAmount(value, currency);
      if (value !== undefined && cents === undefined) {
        faults.push(`“${value}” is no amount in ${currency}`);
      }
      return cents;
    },
    currency: (name) => {
      const value = text(name);
      // The database may have orders of codes that were never registered, and a page shows what there is.
      if (value === undefined || /^[A-Za-z]{3}$/.test(value)) return value?.toUpperCase();
      faults.push(`“${value}” is no currency`);
      return undefined;
    },
    cursor: (list) => {
      const value = text("cursor");
      return value === undefined ? undefined : decodeCursor(list, value);
    },
  };
}
