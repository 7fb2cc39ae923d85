/**
 * What was committed to a database that does not count any more.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";

/**
 * A process has committed something to a database that another one has meanwhile taken the place of. It is not part of
 * what happened: nobody may be told that it was taken, and nothing follows from it.
 */
export class LeftDatabaseError extends WorkflowError {
  /** The name of the class. */
  override name = "LeftDatabaseError";

  constructor() {
    super(
      "unavailable",
      "Another database has taken the place of the one that this was written to; send it again",
    );
  }
}
