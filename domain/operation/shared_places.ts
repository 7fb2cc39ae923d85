/**
 * Places that all callers share, of which no token gets all.
 *
 * @module
 */

/** See {@linkcode sharedPlaces}. */
export interface SharedPlaces {
  /**
   * Takes a place.
   *
   * @param name of the caller's token; null where nobody is asked, who has no share
   * @returns the function that gives it back, once however often it is called; or why there is none: `full`, or
   * `share` when the token has all that one gets
   */
  take(name: string | null): (() => void) | "full" | "share";
}

/**
 * Makes places.
 *
 * @param max of all
 * @param share of one token's name; sessions count by it, too
 */
export function sharedPlaces({ max, share }: { max: number; share: number }): SharedPlaces {
  const takenBy = new Map<string | null, number>();
  let taken = 0;
  return {
    take(name) {
      const own = takenBy.get(name) ?? 0;
      if (taken >= max) return "full";
      if (name !== null && own >= share) return "share";
      taken++;
      takenBy.set(name, own + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        taken--;
        const left = takenBy.get(name)! - 1;
        if (left === 0) takenBy.delete(name);
        else takenBy.set(name, left);
      };
    },
  };
}
