/**
 * The profiles that this product brings along, and which of them a file looks like.
 *
 * @module
 */

import { plainName } from "./column_plan.ts";
import type { DemandedColumn } from "./demanded_columns.ts";
import type { ImportProfile } from "./profile.ts";
import { amazon, amazonDemands } from "./shipped/amazon.ts";
import { ebay, ebayDemands } from "./shipped/ebay.ts";
import { etsy, etsyDemands } from "./shipped/etsy.ts";
import { magento, magentoDemands } from "./shipped/magento.ts";
import { native } from "./shipped/native.ts";
import { odoo, odooDemands } from "./shipped/odoo.ts";
import { shopify, shopifyDemands } from "./shipped/shopify.ts";
import { square, squareDemands } from "./shipped/square.ts";
import { woocommerce, woocommerceDemands } from "./shipped/woocommerce.ts";

const all = [native, shopify, woocommerce, magento, amazon, ebay, etsy, square, odoo];

/** The profiles by their names. */
export const shippedProfiles: ReadonlyMap<string, ImportProfile> = new Map(
  all.map((one) => [one.name, one]),
);

/** What files of them may not be without, by their names. The importer's own columns are all there, or may all be absent. */
export const shippedDemands: ReadonlyMap<string, readonly DemandedColumn[]> = new Map([
  ["native", []],
  ["shopify", shopifyDemands],
  ["woocommerce", woocommerceDemands],
  ["magento", magentoDemands],
  ["amazon", amazonDemands],
  ["ebay", ebayDemands],
  ["etsy", etsyDemands],
  ["square", squareDemands],
  ["odoo", odooDemands],
]);

/** A profile that a file looks like. */
export interface ProposedProfile {
  /** Not settled yet. */
  profile: ImportProfile;
  /** By what it was recognised, for people. */
  why: string;
}

/**
 * The profile that fits a header best: all names that it is recognised by are there, and they are the most.
 *
 * @returns undefined where none fits, or two do equally well
 */
export function proposeProfile(header: readonly string[]): ProposedProfile | undefined {
  const names = new Set(header.map(plainName));
  const fitting = [...shippedProfiles.values()]
    .filter(({ recognisedBy = [] }) =>
      recognisedBy.length > 0 && recognisedBy.every((name) => names.has(plainName(name)))
    )
    .sort((a, b) => b.recognisedBy!.length - a.recognisedBy!.length);
  const [profile, second] = fitting;
  if (profile === undefined) return undefined;
  if (second?.recognisedBy?.length === profile.recognisedBy!.length) return undefined;
  return { profile, why: `its columns ${profile.recognisedBy!.join(", ")}` };
}
