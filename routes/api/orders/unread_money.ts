/**
 * Looks through an order as it came for fields that nobody knows and that may be about money.
 *
 * @module
 */

import { meantByMoneyField, type MoneyPlace } from "../../../domain/order/money_field.ts";

/** A field that may not be passed over. */
export interface UnreadField {
  code: "custom";
  path: (string | number)[];
  message: string;
}

/** Different unknown names that are looked at in one order: more of them would hold up all others. */
const maxNames = 100;

/** Fields that are told of one order: each of a thousand items may have the same one. */
const maxTold = 100;

/** Names of which it is remembered what they mean: those of a client come with each of its orders. */
const maxRemembered = 1_000;

/**
 * Makes the function that finds such fields, at the top of an order, in its items and adjustments and in its payment.
 *
 * @param known the names of each
 * @returns undefined where there is none, as in nearly every order
 */
export function unreadMoneyFields(
  known: Readonly<Record<MoneyPlace, readonly string[]>>,
): (came: unknown) => UnreadField[] | undefined {
  const places = Object.keys(known) as MoneyPlace[];
  const remembered = new Map<string, string | null>();
  const knownIn = Object.fromEntries(
    places.map((place) => [place, new Set(known[place])]),
  ) as unknown as Record<MoneyPlace, ReadonlySet<string>>;
  const meantBy = (name: string, place: MoneyPlace): string | null => {
    const key = `${place} ${name}`;
    let meant = remembered.get(key);
    if (meant === undefined) {
      meant = meantByMoneyField(name, place, known[place]) ?? null;
      if (remembered.size >= maxRemembered) remembered.clear();
      if (key.length < 100) remembered.set(key, meant);
    }
    return meant;
  };

  return (came) => {
    let found: UnreadField[] | undefined;
    const names = new Set<string>();
    const look = (value: unknown, place: MoneyPlace, path: UnreadField["path"]): void => {
      if (typeof value !== "object" || value === null) return;
      for (const name in value) {
        if (knownIn[place].has(name) || saysNothing((value as Record<string, unknown>)[name])) {
          continue;
        }
        names.add(name);
        if (names.size > maxNames) {
          // Once: what is behind it is not looked at.
          if (names.size === maxNames + 1) {
            const message = `must have at most ${maxNames} different fields that are not known`;
            (found ??= []).push({ code: "custom", path, message });
          }
          return;
        }
        const meant = meantBy(name, place);
        if (meant === null || found !== undefined && found.length >= maxTold) continue;
        const message =
          `is not known and may be about money, so it is not passed over; did you mean ${meant}?`;
        (found ??= []).push({ code: "custom", path: [...path, name], message });
      }
    };
    look(came, "order", []);
    const { items, adjustments, payment } = (came ?? {}) as Record<string, unknown>;
    lookAtAll(items, (value, at) => look(value, "item", ["items", at]));
    lookAtAll(adjustments, (value, at) => look(value, "adjustment", ["adjustments", at]));
    look(payment, "payment", ["payment"]);
    return found;
  };
}

/** Nothing follows for the money of an order from what is empty or zero. */
function saysNothing(value: unknown): boolean {
  return value === null || value === 0 || value === "" || value === false ||
    (typeof value === "object" && Object.keys(value).length === 0);
}

function lookAtAll(list: unknown, look: (value: unknown, at: number) => void): void {
  if (!Array.isArray(list)) return;
  for (let at = 0; at < list.length; at++) look(list[at], at);
}
