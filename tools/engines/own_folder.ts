import { lstat, stat } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The product's folder: whoever owns its files may have done anything already. */
const root = fileURLToPath(new URL("../../", import.meta.url));

/** What is looked at of a file or folder. */
interface Owned {
  uid: number;
  mode: number;
}

/** Those whose files are believed; undefined where the system knows no owners. */
async function trustedOwners(): Promise<number[] | undefined> {
  if (process.getuid === undefined) return undefined;
  return [process.getuid(), 0, (await stat(root)).uid];
}

function isOurs({ uid, mode }: Owned, owners: readonly number[]): boolean {
  return owners.includes(uid) && (mode & 0o002) === 0;
}

/**
 * Refuses a folder of engines that another user has made or may write to: what lies there says where the orders go, which
 * data is served, and which files are written. One that does not exist yet is nobody's.
 *
 * @throws {Error} which says what to do
 */
export async function refuseFolderOfOthers(dir: string): Promise<void> {
  const owners = await trustedOwners();
  const found = await stat(dir).catch((error) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (owners === undefined || found === undefined || isOurs(found, owners)) return;
  const why = owners.includes(found.uid)
    ? `any user may write there; type chmod o-w ${dir}`
    : "it belongs to another user; set ENGINES_DIR to a folder of your own";
  throw new Error(`Cannot use ${dir} for private engines: ${why}`);
}

/** True for a file itself, no link, that no other user has made or may write to. */
export async function isOwnFile(path: string): Promise<boolean> {
  const [owners, found] = await Promise.all([trustedOwners(), lstat(path)]);
  return found.isFile() && (owners === undefined || isOurs(found, owners));
}
