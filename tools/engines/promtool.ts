import { copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { capture } from "./capture.ts";
import { dataDir } from "./data_dir.ts";
import { findInPath } from "./programs.ts";

/** Debian's and Ubuntu's package that holds it. Installed, it would start a service, so it is only unpacked. */
const PACKAGE = "prometheus";

const fetched = join(dataDir, "promtool", "promtool");

/**
 * Finds Prometheus' own checker of rules, or obtains it from the machine's apt: about 20 MB of traffic and 50 MB
 * of disk, in the data folder. Nothing is installed. A crash leaves only a folder of temporary files.
 *
 * @returns its path, or why there is none
 */
export async function ensurePromtool(): Promise<{ path: string } | { missing: string }> {
  const [found] = await findInPath("promtool");
  if (found !== undefined) return { path: found };
  if (await stat(fetched).catch(() => undefined)) return { path: fetched };
  const work = await mkdtemp(join(tmpdir(), "promtool_"));
  try {
    const loaded = await capture("apt-get", ["download", PACKAGE], { cwd: work });
    const names = await readdir(work);
    const deb = names.find((name) => name.endsWith(".deb"));
    if (!loaded.success || deb === undefined) {
      return { missing: `apt-get cannot download ${PACKAGE}: ${loaded.stderr.trim()}` };
    }
    const unpacked = await capture("dpkg", ["-x", deb, "root"], { cwd: work });
    if (!unpacked.success) return { missing: `dpkg cannot unpack ${deb}: ${unpacked.stderr}` };
    await mkdir(join(dataDir, "promtool"), { recursive: true });
    const part = `${fetched}.${process.pid}`;
    await copyFile(join(work, "root/usr/bin/promtool"), part);
    // Whoever looks for it finds all of it or nothing.
    await rename(part, fetched);
    return { path: fetched };
  } catch (error) {
    return { missing: `promtool cannot be obtained here: ${error}` };
  } finally {
    await rm(work, { recursive: true });
  }
}
