/**
 * Lanes: each group reads two streams, one of what somebody waits for, and one of what comes in bulk.
 *
 * @module
 */

/**
 * `live` is for what comes one by one, from requests and people: it is taken at once, in small batches. `bulk` is for
 * files, recoveries and whatever else comes by the thousand: it takes all that is left, in large ones.
 */
export const lanes = ["live", "bulk"] as const;

/** A lane. What follows from a message stays in the message's lane. */
export type Lane = (typeof lanes)[number];

/** How a name in the bulk lane begins where names of both lanes meet. */
const bulkMark = "bulk:";

/**
 * The name of a message where those of both streams of a group meet: two streams may give the same id.
 *
 * @param id of the stream entry
 */
export function laneName(lane: Lane, id: string): string {
  return lane === "bulk" ? bulkMark + id : id;
}

/** The lane of a name of {@linkcode laneName}. */
export function laneOfName(name: string): Lane {
  return name.startsWith(bulkMark) ? "bulk" : "live";
}
