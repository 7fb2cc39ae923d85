/**
 * Times that a clock on a wall shows, as UTC.
 *
 * @module
 */

/** What a local time is in its zone. */
export type ZoneOffset =
  /** Milliseconds that the zone is ahead of UTC then. */
  | { kind: "offset"; ms: number }
  /** The clock leaps over this time. */
  | { kind: "gap" }
  /** The clock shows this time twice. */
  | { kind: "overlap" };

/** See {@linkcode zoneClock}. */
export interface ZoneClock {
  /** @param localMs since 1970, as if the local time were UTC */
  /** How far the zone is ahead of UTC at a time of its own clocks. */
  offsetAt(localMs: number): ZoneOffset;
}

const dayMs = 86_400_000;

/** No zone is further from UTC. */
const maxOffsetMs = 16 * 3_600_000;

/** Days that are remembered. */
const maxDays = 20_000;

/** True for a zone of the IANA database, or UTC. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

/**
 * The clock of a zone. Most days have one offset from their beginning to their end, which is found once: the library
 * takes some microseconds a time.
 *
 * @param zone as {@linkcode isZone} knows it
 */
export function zoneClock(zone: string): ZoneClock {
  const days = new Map<number, ZoneOffset | "changes">();
  const dayOffset = (day: number): ZoneOffset | "changes" => {
    const from = Temporal.Instant.fromEpochMilliseconds(day * dayMs - maxOffsetMs)
      .toZonedDateTimeISO(zone);
    const next = from.getTimeZoneTransition("next");
    return next !== null && next.epochMilliseconds <= (day + 1) * dayMs + maxOffsetMs
      ? "changes"
      : { kind: "offset", ms: from.offsetNanoseconds / 1e6 };
  };
  return {
    offsetAt(localMs) {
      const day = Math.floor(localMs / dayMs);
      let known = days.get(day);
      if (known === undefined) {
        known = dayOffset(day);
        if (days.size >= maxDays) days.clear();
        days.set(day, known);
      }
      return known === "changes" ? exactOffset(localMs, zone) : known;
    },
  };
}

function exactOffset(localMs: number, zone: string): ZoneOffset {
  const local = Temporal.Instant.fromEpochMilliseconds(localMs).toZonedDateTimeISO("UTC")
    .toPlainDateTime();
  const [earlier, later] = (["earlier", "later"] as const).map((disambiguation) =>
    local.toZonedDateTime(zone, { disambiguation })
  ) as [Temporal.ZonedDateTime, Temporal.ZonedDateTime];
  if (earlier.epochMilliseconds === later.epochMilliseconds) {
    return { kind: "offset", ms: earlier.offsetNanoseconds / 1e6 };
  }
  return { kind: earlier.toPlainDateTime().equals(local) ? "overlap" : "gap" };
}
