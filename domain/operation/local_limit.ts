/**
 * Counts tries in memory, for the time in which nobody else can.
 *
 * @module
 */

/** Callers that are remembered at once; of further ones none may come. */
const maxCallers = 10_000;

const minuteMs = 60_000;

/**
 * Makes a function that counts a try and tells how long the next one has to wait: as many as the limit may come at
 * once, and they are forgotten evenly over a minute, as `rate_limit.lua` has it.
 *
 * @returns milliseconds until this caller may try again; 0 if this try may go on
 */
export function localLimit(): (caller: string, limit: number, nowMs: number) => number {
  const forgottenMs = new Map<string, number>();
  return (caller, limit, nowMs) => {
    if (forgottenMs.size >= maxCallers && !forgottenMs.has(caller)) {
      for (const [name, atMs] of forgottenMs) if (atMs <= nowMs) forgottenMs.delete(name);
      if (forgottenMs.size >= maxCallers) return minuteMs;
    }
    const usedMs = Math.max(0, (forgottenMs.get(caller) ?? 0) - nowMs);
    const intervalMs = minuteMs / limit;
    const waitMs = usedMs + intervalMs - minuteMs;
    if (waitMs > 0) return waitMs;
    forgottenMs.set(caller, nowMs + usedMs + intervalMs);
    return 0;
  };
}
