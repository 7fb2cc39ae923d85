/**
 * Tells a provider that refuses everybody from one that refuses single requests in the same words.
 *
 * @module
 */

/** Requests that are let through after a rest, at the same time. */
const maxProbes = 5;

/** Keys of refused requests that are remembered, and for how long in milliseconds. */
const maxKeys = 10_000;
const rememberMs = 3_600_000;

/** A request that was refused. */
interface RefusedKey {
  /** The last request of the kind that had begun when it was refused first. */
  lastBefore: number;
  /** The round of probes in which it was refused last. */
  round: number;
  firstAt: number;
}

/** What is known of one kind of requests, as charges are one and refunds another. */
export interface Refusals {
  /** Why it rests. */
  readonly cause: string;
  /** False while requests of the kind, or this one among them, have to stay out. */
  admits(key: string): boolean;
  /** Numbers a request that is about to be made. */
  begin(): number;
  /** Notes that a request was refused in words that are meant for everybody. */
  refused(key: string, cause: string): void;
  /** Notes that a request was looked up: others may take its place, and it may go on. */
  lookedUp(key: string): void;
  /** Notes that a request which moves money was answered, and whether it was done. */
  posted(key: string, answer: { begun: number; isSuccess: boolean }): void;
  /** True where a request was refused before and others of its kind that began since succeeded: it is refused for itself. */
  isAlone(key: string): boolean;
}

/**
 * Makes the memory of one kind of requests. After some refusals in a row the kind rests; then a few requests find out
 * whether it is still so. Those that were refused already leave that to others, until for a while none came, because
 * they may be what is refused for itself. That while begins with the first of them that asks, so that however late all
 * come back from their rest, the others come first.
 *
 * @param options.most refusals in a row after which the kind rests
 */
export function refusalsOf({ most: max, restMs }: { most: number; restMs: number }): Refusals {
  const keys = new Map<string, RefusedKey>();
  /** Requests that may find out: when each was let through, and whether its answer is still to come. */
  const probes = new Map<string, { at: number; isOpen: boolean }>();
  let inRow = 0;
  let restsUntil = -Infinity;
  /** When one that was refused already asked first after a rest. */
  let askedAgainAt = Infinity;
  /** Requests are numbered as they begin. */
  let begun = 0;
  let lastSuccess = 0;
  let round = 0;
  let cause = "";

  const forgetOld = (now: number) => {
    forgetKeys(keys, now);
    for (const [key, { at }] of probes) if (now - at >= restMs) probes.delete(key);
  };

  return {
    get cause() {
      return cause;
    },
    admits(key) {
      if (inRow < max) return true;
      const now = performance.now();
      forgetOld(now);
      // A request is more than one question: it is looked up and then made.
      if (probes.has(key)) return true;
      if (now < restsUntil) return false;
      const open = [...probes.values()].filter(({ isOpen }) => isOpen).length;
      if (open >= maxProbes) return false;
      if (keys.get(key)?.round === round) {
        askedAgainAt = Math.min(askedAgainAt, now);
        if (open > 0 || now < askedAgainAt + restMs / 4) return false;
        round++;
      }
      probes.set(key, { at: now, isOpen: true });
      return true;
    },
    begin: () => ++begun,
    refused(key, why) {
      const now = performance.now();
      cause = why;
      inRow++;
      if (inRow >= max) {
        restsUntil = now + restMs;
        askedAgainAt = Infinity;
      }
      probes.delete(key);
      const before = keys.get(key);
      if (before === undefined) keys.set(key, { lastBefore: begun, round, firstAt: now });
      else before.round = round;
      forgetOld(now);
    },
    lookedUp(key) {
      const probe = probes.get(key);
      if (probe !== undefined) probe.isOpen = false;
    },
    posted(key, { begun: request, isSuccess }) {
      probes.delete(key);
      inRow = 0;
      restsUntil = -Infinity;
      if (isSuccess) lastSuccess = Math.max(lastSuccess, request);
    },
    isAlone: (key) => (keys.get(key)?.lastBefore ?? Infinity) < lastSuccess,
  };
}

function forgetKeys(keys: Map<string, RefusedKey>, now: number): void {
  for (const [key, { firstAt }] of keys) {
    if (keys.size <= maxKeys && now - firstAt < rememberMs) return;
    keys.delete(key);
  }
}
