/**
 * Tells a disk of this machine that can't be used from everything else that has a code of the operating
 * system.
 *
 * @module
 */

const reasons: Readonly<Record<string, string>> = {
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk's quota is used up",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EIO: "the disk fails",
};

/** What is wrong with the disk, without a path, for whoever sends a file; null for any other error. */
export function diskFaultOf(error: unknown): string | null {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? reasons[code] ?? null : null;
}
