/**
 * A fast hash of text, for splitting and marking; not for telling texts apart.
 *
 * @module
 */

/** FNV-1a in 32 bits; a seed gives another split of the texts that an earlier one put together. */
export function textHash(text: string, seed = 0): number {
  let value = 0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1);
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  // The low bits of FNV are weak: mix the high ones in.
  value ^= value >>> 15;
  value = Math.imul(value, 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
