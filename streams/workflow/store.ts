/**
 * How the queue knows the database, which stands behind every handler.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { isServerFault, unclearFault } from "../../db/connection/faults.ts";
import { tryWriting } from "../../db/connection/ping.ts";
import type { Store } from "../queue/work.ts";

/** Whose fault it is when the database refuses something. */
export const store: Store<{ db: Database }> = {
  isAway: isServerFault,
  unclearOf: (error) => {
    const number = unclearFault(error);
    return number === null ? undefined : `database ${number}`;
  },
  tryWriting: ({ db }) => tryWriting(db),
};
