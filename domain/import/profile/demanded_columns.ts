/**
 * Columns that a file of a profile that comes along may not be without, though no order needs them to be made: what they
 * would have said would be passed over, and nothing else in the file shows that it is missing.
 *
 * @module
 */

import { visibleText } from "../../text/visible_text.ts";
import { plainName } from "./column_plan.ts";
import type { ImportProfile } from "./profile.ts";

/** What every version of a format has, or every one that has something other. */
export interface DemandedColumn {
  /** Names in the header: one of them has to be there. Those that the profile makes nothing of any more are no matter. */
  columns: readonly string[];
  /**
   * Names that come together with it: demanded of files alone that have one of these. In all files of the format where it is
   * absent.
   */
  beside?: readonly string[];
}

/** What of a profile a column is for, and what would become of orders without it. */
interface Use {
  /** All columns that say the same, or add to it. */
  names: readonly string[];
  /** As a profile's document calls it. */
  of: string;
  /** For people. */
  without: string;
}

const ofAmounts = "orders would be booked without it";
const uses = {
  order_total: "nothing would show that orders come to another amount",
  skip_filled: "orders that were cancelled or given back would be taken for whole",
  item_ids: "rows that stand there twice would be booked twice",
} as const;

/**
 * Why a file is none of a profile that comes along, or of one that was made of it: what it may not be without and what the
 * profile reads is not there.
 *
 * @returns none where nothing is missing
 */
export function missingDemands(
  demands: readonly DemandedColumn[],
  profile: ImportProfile,
  header: readonly string[],
): string[] {
  return absentDemands(demands, profile, header)
    .filter(({ isDemanded }) => isDemanded)
    .map(({ columns, use: { of, without } }) =>
      `the column ${
        columns.map(shown).join(" or ")
      } is missing (${of}): ${without}, so export the file again with it, ` +
      "or take it out of a profile of your own (--preview --save-profile=mine.json begins one)"
    );
}

/** Columns that some versions of a format have and this file has not, for people: nothing is booked by them. */
export function absentOptions(
  demands: readonly DemandedColumn[],
  profile: ImportProfile,
  header: readonly string[],
): string[] {
  return absentDemands(demands, profile, header)
    .filter(({ isDemanded }) => !isDemanded)
    .map(({ columns, use: { of } }) =>
      `the file has no column ${columns.map(shown).join(" or ")} (${of})`
    );
}

function absentDemands(
  demands: readonly DemandedColumn[],
  profile: ImportProfile,
  header: readonly string[],
): { columns: readonly string[]; use: Use; isDemanded: boolean }[] {
  const names = new Set(header.map(plainName));
  const isThere = (name: string) => names.has(plainName(name));
  const used = usesOf(profile);
  const demanded = new Set(demands.flatMap(({ columns }) => columns.map(plainName)));
  // The shop has renamed it, and somebody said so.
  const isRenamed = ({ names }: Use) =>
    names.some((name) => isThere(name) && !demanded.has(plainName(name)));
  return demands.flatMap(({ columns, beside }) => {
    const wanted = columns.filter((name) => used.has(plainName(name)));
    if (wanted.length === 0 || wanted.some(isThere)) return [];
    const use = used.get(plainName(wanted[0]!))!;
    if (isRenamed(use)) return [];
    return [{ columns: wanted, use, isDemanded: beside?.some(isThere) ?? true }];
  });
}

/** What the profile makes of columns, by their plain names. */
function usesOf({ columns, adjustments = [], status, itemIds = [] }: ImportProfile) {
  const used = new Map<string, Use>();
  const note = (names: readonly string[], use: Omit<Use, "names">) => {
    for (const name of names) used.set(plainName(name), { ...use, names });
  };
  note(itemIds, { of: "item_ids", without: uses.item_ids });
  note(status?.skipFilled ?? [], { of: "status.skip_filled", without: uses.skip_filled });
  note((columns.order_total ?? []).flat(), { of: "order_total", without: uses.order_total });
  for (const { kind, columns } of adjustments) note(columns, { of: kind, without: ofAmounts });
  return used;
}

function shown(name: string): string {
  return visibleText(JSON.stringify(name));
}
