/**
 * Which rows a statement of the verification looks at.
 *
 * @module
 */

/** Rows whose ids lie in a range: the first excluded, the last included. */
export interface Range {
  after: number;
  upTo?: number;
}

/** All rows, those of a range, or certain ones. */
export type Scope = null | Range | { ids: readonly number[] };

/** Whether these may be many. */
export function isRange(scope: Scope): scope is Range | null {
  return scope === null || "after" in scope;
}

/** What recent work is: scopes that have no row in common. */
export interface Scopes {
  orders: readonly Scope[];
  refunds: readonly Scope[];
}

/** Everything. */
export const everything: Scopes = { orders: [null], refunds: [null] };

/** A condition on a column of ids, to stand after others: nothing for all rows. */
export function andWithin(column: string, scope: Scope): string {
  return scope === null ? "" : ` and ${within(column, scope)}`;
}

/** The condition by itself. */
export function within(column: string, scope: Scope): string {
  if (scope === null) return "true";
  if ("ids" in scope) {
    return scope.ids.length === 0 ? "false" : `${column} in (${scope.ids.map(Number).join(", ")})`;
  }
  const { after, upTo } = scope;
  return `${column} > ${Number(after)}` +
    (upTo === undefined ? "" : ` and ${column} <= ${Number(upTo)}`);
}
