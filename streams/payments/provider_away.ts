/**
 * Remembers why the payment provider can't be asked, for the alert that names the cause.
 *
 * @module
 */

import { cutText } from "../../domain/text/cut_text.ts";
import type { RedisDeps } from "../redis/keys.ts";

/** What could not be asked is tried again every second or two; so long after the last try it is over. */
const rememberSeconds = 30;

/** Characters of the cause that are kept. */
const maxCauseLength = 500;

/** Notes that requests could not be made, where one of the answers says so; costs nothing otherwise. */
export async function noteProviderAway(
  { redis, keys }: RedisDeps,
  answers: readonly { kind: string; error?: string; notAsked?: true }[],
): Promise<void> {
  const away = answers.find(({ kind, notAsked }) => kind === "away" && !notAsked);
  if (away === undefined) return;
  const cause = cutText(away.error ?? "", maxCauseLength);
  await redis.set(keys.providerAway, cause, "EX", rememberSeconds);
}

/** Why it can't be asked at the moment; null where it can, or nothing was to be asked. */
export function readProviderAway({ redis, keys }: RedisDeps): Promise<string | null> {
  return redis.get(keys.providerAway);
}
