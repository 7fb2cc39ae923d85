/**
 * A process whose database has moved on beyond what it knows.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import { formatVersion } from "./migration_header.ts";

/** The process is too old for its database: it must not read or write it any more. Never comes true again. */
export class OutdatedError extends WorkflowError {
  /**
   * Makes the error that says which version is asked for.
   *
   * @param knows the newest migration that this process knows
   * @param least the oldest version that the database takes
   */
  constructor(knows: number, least: number) {
    super(
      "unavailable",
      `This version knows migrations up to ${
        formatVersion(knows)
      }, and the database takes those that know ` +
        `${formatVersion(least)} or later`,
    );
    this.name = "OutdatedError";
  }
}
