/**
 * Whose an order or an import is: that of the token which brought it.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";

/** Limits somebody to what they have brought themselves. */
export interface OnlyOf {
  /** As it stands in timelines: `api:shop`. */
  actor: string;
  /** They may look at what others have brought; else it is as though it were not there. */
  seesOthers: boolean;
}

/** Who brought an order, from its first step: `api:shop` of `api:shop import:7`. */
export function bringerOf(actor: string): string {
  return actor.split(" ", 1)[0]!;
}

/**
 * True where somebody may not change something, because another has brought it.
 *
 * @param only undefined for those who may change everybody's
 * @param bringer null where nobody knows
 */
export function isForeign(
  only: Pick<OnlyOf, "actor"> | undefined,
  bringer: string | null,
): boolean {
  return only !== undefined && only.actor !== bringer;
}

/**
 * Why somebody may not change something; undefined where they may.
 *
 * @param only undefined for those who may change everybody's
 * @param bringer null where nobody knows
 * @param what the thing: `import 7`
 * @param doing what they want to do, and the scope that lets them do it to everybody's
 */
export function foreignFault(
  only: OnlyOf | undefined,
  bringer: string | null,
  what: string,
  doing: { verb: string; scope: string } = { verb: "cancel", scope: "cancel" },
): WorkflowError | undefined {
  if (only === undefined || !isForeign(only, bringer)) return undefined;
  return only.seesOthers
    ? new WorkflowError(
      "not_yours",
      `Cannot ${doing.verb} ${what}: another token has brought it, so this needs the scope ${doing.scope}`,
    )
    : new WorkflowError("not_found", `There is no ${what}`);
}
