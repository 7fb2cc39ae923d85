/**
 * A product that somebody adds by hand, and whether the one that is there is the same.
 *
 * @module
 */

/** What a product is added as. */
export interface NewProduct {
  /** The shop's own id of it. */
  sku: string;
  /** What it is called. */
  name: string;
  /** Price of one unit, in minor units. */
  priceCents: number;
  /** Units that it begins with; undefined where nobody says, which means none. */
  stockQty?: number;
}

/** What is there under the SKU. */
export interface KnownProduct {
  /** What it is called now: later orders that name it may have changed that. */
  name: string;
  /** Likewise. */
  priceCents: number;
  /** Units that it began with. */
  firstQty: number;
}

/** In what a product that is there differs from the one that is to be added; empty where they are the same. */
export function differencesOf(known: KnownProduct, wanted: NewProduct): string[] {
  return [
    ...(known.name === wanted.name ? [] : ["name"]),
    ...(known.priceCents === wanted.priceCents ? [] : ["price_cents"]),
    ...(wanted.stockQty === undefined || known.firstQty === wanted.stockQty ? [] : ["stock_qty"]),
  ];
}
