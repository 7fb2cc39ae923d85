/**
 * What the runtime lets this process do. Deno keeps a task to the permissions in deno.json; Bun has none, so there a
 * process may do what its user may.
 *
 * @module
 */

import { bun } from "./bun.ts";

/** True where this process may start programs: then no permission keeps it from anything that they could do. */
export function mayStartPrograms(): boolean {
  return bun !== undefined || Deno.permissions.querySync({ name: "run" }).state === "granted";
}

/** True for the error of something that this process has no permission for. */
export function isNotPermitted(error: unknown): boolean {
  return bun === undefined && error instanceof Deno.errors.NotCapable;
}
