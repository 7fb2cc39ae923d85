/**
 * The profiles that this product brings along, and which of them a file looks like.
 *
 * @module
 */

import type { ImportProfile } from "./profile.ts";

/** The profiles by their names. */
export const shippedProfiles: ReadonlyMap<string, ImportProfile> = new Map();

/** A profile that a file looks like. */
export interface ProposedProfile {
  profile: ImportProfile;
  /** By what it was recognised, for people. */
  why: string;
}

/** The profile that fits a header best, if one does. */
export function proposeProfile(_header: readonly string[]): ProposedProfile | undefined {
  return undefined;
}
