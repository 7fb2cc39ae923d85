import { capture } from "./capture.ts";
import { findInPath, install } from "./programs.ts";

/** Names that Chromium and its relatives are installed under. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Debian's package brings fonts along, so that pages look like pages. */
const CHROMIUM = { program: "chromium", apt: "chromium", brew: "chromium" };

/**
 * Finds Chromium, and installs it with apt (as root or with sudo) or Homebrew if it is missing.
 *
 * @param options.log gets one line before anything is installed
 * @returns where its executable is
 * @throws {Error} naming the exact command to run, where it cannot install by itself, and where what was
 * installed is no browser: Ubuntu's package only asks for a snap, which containers don't have
 */
export async function ensureBrowser(options: { log: (line: string) => void }): Promise<string> {
  const found = await findBrowser();
  if (found !== undefined) return found;
  await install([CHROMIUM], options.log);
  const installed = await findBrowser();
  if (installed === undefined) throw new Error("chromium was installed, but it does not start");
  return installed;
}

async function findBrowser(): Promise<string | undefined> {
  for (const name of NAMES) {
    for (const command of await findInPath(name)) {
      const { success, stdout } = await capture(command, ["--version"]);
      if (success && /Chrom/.test(stdout)) return command;
    }
  }
}
