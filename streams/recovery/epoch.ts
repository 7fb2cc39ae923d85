/**
 * Whether Redis still holds what was written to it.
 *
 * @module
 */

import type { RedisDeps } from "../redis/keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const epochScript = defineScript("epoch", import.meta.url);

/** What the epoch says. */
export type Epoch =
  /** The streams hold all unfinished work, as far as Redis is concerned. */
  | { state: "complete"; server: string }
  /** Redis is new, was flushed, or was restarted without its data. */
  | { state: "empty"; server: string }
  /** It has its data but was restarted, or a replica was promoted: the last writes may be gone. */
  | { state: "another_server"; server: string };

/**
 * Compares the server with the one for which the streams were last found complete.
 *
 * A replica that is promoted, and a server that is restarted from its append-only file, have the epoch
 * and all but the last writes, however well those had been acknowledged.
 */
export async function readEpoch({ redis, keys }: RedisDeps): Promise<Epoch> {
  const [server, value] = await runScript(redis, epochScript, [keys.epoch], []) as [string, string];
  if (value === "") return { state: "empty", server };
  return { state: value.startsWith(`${server} `) ? "complete" : "another_server", server };
}

/** The value of an epoch for a server. */
export function epochOf(server: string): string {
  return `${server} ${new Date().toISOString()}`;
}

/** Since when Redis has what it holds, ISO 8601; null where nobody knows. */
export async function readEpochTime({ redis, keys }: RedisDeps): Promise<string | null> {
  const at = (await redis.get(keys.epoch))?.split(" ").at(-1) ?? "";
  return Number.isNaN(Date.parse(at)) ? null : at;
}
