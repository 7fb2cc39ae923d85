/**
 * Waiting for who waits, for tests of locks.
 *
 * @module
 */

import type { Workflow } from "./workflow.ts";

/** Looks after which nobody waits any more. */
const maxLooks = 1_000;

/** Once some transaction waits for a lock, or something is done. */
export async function untilWaiting({ rows }: Workflow, isDone: () => boolean): Promise<void> {
  for (let look = 0; look < maxLooks && !isDone(); look++) {
    const [row] = await rows(
      "select count(*) as n from information_schema.innodb_trx where trx_state = 'LOCK WAIT'",
    );
    if (Number(row!.n) > 0) return;
  }
}
