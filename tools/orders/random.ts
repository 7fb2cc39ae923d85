/**
 * Chance that can be repeated.
 *
 * @module
 */

/** A source of random choices; the same seed makes the same ones. */
export interface Random {
  /** From 0 up to 1. */
  fraction(): number;
  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  /** One of them, each as likely as the others. */
  pick<T>(from: readonly T[]): T;
}

/** Mulberry32: small, fast, and the same everywhere. */
export function randomFrom(seed: number): Random {
  // Neighbouring seeds give unlike sequences only once their bits are spread.
  let state = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const integer = (min: number, max: number) => min + Math.floor(fraction() * (max - min + 1));
  return { fraction, integer, pick: (from) => from[integer(0, from.length - 1)]! };
}
