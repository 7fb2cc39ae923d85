import { lstat, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { capture } from "./capture.ts";

/** Where Linux keeps files in memory. Deno itself writes there only for who may do everything; programs do it for us. */
const inMemory = "/dev/shm";

/** What has to be free there, and of the memory twice of it, in KiB: the suite's server grows to a third of it. */
const leastKib = 2 * 1_048_576;

// $1 folder, $2 KiB. Prints the new folder, or nothing where there is too little room or none. What a container may have is
// less than what the machine has.
const MAKE = `
cd "$1" 2>/dev/null || exit 0
free=$(df -Pk . | awk 'NR == 2 { print $4 }')
available=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null)
case $limit in
  "" | max) ;;
  *) left=$((($limit - $(cat /sys/fs/cgroup/memory.current)) / 1024))
     [ "$left" -ge "$available" ] || available=$left ;;
esac
[ "$free" -ge "$2" ] && [ "$available" -ge $((2 * $2)) ] || exit 0
mktemp -d "$1/orders_XXXXXXXX"
`;

/**
 * Makes a folder in memory, to which a link at a path leads; {@linkcode removeWithMemory} has to remove it with what holds
 * the link. A crash in between may leave an empty folder.
 *
 * @returns false where there is no room, or no such memory: nothing was made then
 * @throws {Error} where something is at the path
 */
export async function linkMemory(path: string): Promise<boolean> {
  const { stdout } = await capture("/bin/sh", [
    "-c",
    MAKE,
    "memory",
    inMemory,
    String(leastKib),
  ]);
  const made = stdout.trim();
  if (made === "") return false;
  await symlink(made, path);
  return true;
}

/** Whether something is at a path, be it a link that leads nowhere. */
export function isThere(path: string): Promise<boolean> {
  return lstat(path).then(() => true, () => false);
}

/** Removes a folder with what it keeps in memory under a name; nothing happens where there is none. */
export async function removeWithMemory(dir: string, name: string): Promise<void> {
  const kept = await readlink(join(dir, name)).catch(() => undefined);
  if (kept !== undefined) await capture("rm", ["-rf", "--", kept]);
  await rm(dir, { recursive: true, force: true });
}
