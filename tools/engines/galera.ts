/**
 * Finds Galera, the library by which MariaDB servers form a cluster, or fetches it from Debian.
 *
 * @module
 */

import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { capture } from "./capture.ts";
import { dataDir } from "./data_dir.ts";

const library = "usr/lib/galera/libgalera_smm.so";
const folder = join(dataDir, "galera");

/**
 * The path of the library: of the machine's own, or one that was unpacked without installing it.
 *
 * @returns undefined where there is none and the package `galera-4` can't be had
 */
export async function findGalera(): Promise<string | undefined> {
  for (const path of [join("/", library), join(folder, "root", library)]) {
    if (await stat(path).catch(() => undefined)) return path;
  }
  return await fetchGalera().catch(() => undefined);
}

/** A crash leaves only a folder beside the final one, which gets its place by one rename. */
async function fetchGalera(): Promise<string | undefined> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, "fetch_"));
  try {
    const fetched = await capture("sh", ["-c", `cd '${work}' && apt-get download -q galera-4`]);
    const [file] = (await readdir(work)).filter((name) => name.endsWith(".deb"));
    if (!fetched.success || file === undefined) return undefined;
    const root = join(work, "root");
    const unpacked = await capture("dpkg", ["-x", join(work, file), root]);
    if (!unpacked.success) return undefined;
    // Another process may have been faster.
    await rename(root, join(folder, "root")).catch(() => {});
    return join(folder, "root", library);
  } finally {
    await rm(work, { recursive: true });
  }
}
