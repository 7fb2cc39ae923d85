/**
 * Keeps what a long run knows of customers and products within bounds.
 *
 * @module
 */

import { type Catalog, emptyCatalog, writeDescriptions } from "./catalog.ts";
import type { Database } from "../connection/database.ts";

/** Customers and products after which a run goes on with an empty catalogue: some 30 MB. */
const maxEntries = 50_000;

/** See {@linkcode catalogKeeper}. */
export interface CatalogKeeper {
  /** Lends the catalogue to work that may run beside other work. */
  use<T>(work: (catalog: Catalog) => Promise<T>): Promise<T>;
  /** Writes all descriptions that were not written yet, after all work has ended. */
  finish(): Promise<void>;
}

/**
 * Lends out one catalogue for a whole run, or a new one when it has become large. From then on every
 * description is written with its date, so that catalogues may overlap in time and the latest order wins.
 *
 * A crash leaves customers and products with the descriptions of earlier orders; the same run again repairs
 * them.
 */
export function catalogKeeper(db: Database, limit = maxEntries): CatalogKeeper {
  let current = { catalog: emptyCatalog(), users: 0 };
  let isOnly = true;
  return {
    async use(work) {
      if (current.catalog.customers.size + current.catalog.products.size > limit) {
        if (current.users === 0) await retire(current.catalog);
        current = { catalog: emptyCatalog(), users: 0 };
        isOnly = false;
      }
      const mine = current;
      mine.users++;
      const result = await work(mine.catalog).finally(() => mine.users--);
      if (mine !== current && mine.users === 0) await retire(mine.catalog);
      return result;
    },
    finish: () => writeDescriptions(db, current.catalog, { everyDate: !isOnly }),
  };

  function retire(catalog: Catalog): Promise<void> {
    return writeDescriptions(db, catalog, { everyDate: true });
  }
}
