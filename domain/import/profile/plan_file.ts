/**
 * A file's columns by a profile that somebody wrote for just such files.
 *
 * @module
 */

import { nearestName } from "../../text/nearest_name.ts";
import { visibleText } from "../../text/visible_text.ts";
import { type ColumnPlan, plainName, planColumns } from "./column_plan.ts";
import { absentOptions, missingDemands } from "./demanded_columns.ts";
import type { ImportProfile } from "./profile.ts";
import { shippedDemands } from "./shipped_profiles.ts";

/**
 * Finds a profile's columns in a header, as `planColumns` does, and holds a profile of one's own to all that it says of
 * money: where a shop has renamed the column of its shipping, its orders would cost another sum from then on, with nobody
 * there to see it. Profiles that come along, and those that were made of them, are of several versions of a format, and
 * held to what each of these has.
 *
 * @returns the plan, or every reason why the file is none of this profile
 */
export function planFile(
  profile: ImportProfile,
  header: readonly string[],
): ColumnPlan | string[] {
  const plan = planColumns(profile, header);
  const demands = shippedDemands.get(profile.name);
  const lost = demands === undefined
    ? lostColumns(profile, header)
    : missingDemands(demands, profile, header);
  if (lost.length === 0) return plan;
  return Array.isArray(plan) ? [...new Set([...plan, ...lost])] : lost;
}

/**
 * Columns that a profile of one's own names and a file is without, for people: one may be misspelt, and what it says would
 * be passed over. Of a profile that comes along, those that some versions of its format have.
 */
export function absentColumns(profile: ImportProfile, header: readonly string[]): string[] {
  const demands = shippedDemands.get(profile.name);
  if (demands !== undefined) return absentOptions(demands, profile, header);
  const { columns, adjustments = [], status } = profile;
  const names = new Set(header.map(plainName));
  const wanted: [what: string, columns: readonly string[]][] = [
    ...Object.entries(columns).map(([what, theirs]): [string, string[]] => [what, theirs.flat()]),
    ...adjustments.map((one): [string, string[]] => [
      one.kind,
      [...one.columns, ...(one.labelColumn === undefined ? [] : [one.labelColumn])],
    ]),
    ["status", status?.columns ?? []],
    ["status.paid_filled", status?.paidFilled ?? []],
    ["status.skip_filled", status?.skipFilled ?? []],
  ];
  return wanted.flatMap(([what, some]) =>
    some.filter((name) => !names.has(plainName(name))).map((name) => {
      const near = nearestName(name, header.map((one) => one.trim()));
      const hint = near === undefined ? "" : `; did you mean ${visibleText(JSON.stringify(near))}?`;
      return `the file has no column ${visibleText(JSON.stringify(name))} (${what})${hint}`;
    })
  );
}

/** What says what orders cost or what becomes of them, and has no column in the file. */
function lostColumns(
  { columns, adjustments = [], status }: ImportProfile,
  header: readonly string[],
): string[] {
  const names = new Set(header.map(plainName));
  const wanted: [what: string, columns: readonly string[]][] = [
    ["order_total", (columns.order_total ?? []).flat()],
    ...adjustments.map(({ kind, columns }): [string, readonly string[]] => [kind, columns]),
    ["status", status?.columns ?? []],
    ["status.paid_filled", status?.paidFilled ?? []],
    ["status.skip_filled", status?.skipFilled ?? []],
  ];
  return wanted
    .filter(([, some]) => some.length > 0 && !some.some((name) => names.has(plainName(name))))
    .map(([what, some]) => {
      const list = some.map((name) => visibleText(JSON.stringify(name))).join(" or ");
      return `the column ${list} is missing (${what})`;
    });
}
