import { readFile, writeFile } from "node:fs/promises";

/**
 * Reads the password file of a data folder, or creates it with a new random password.
 *
 * @param path the file; created with mode 0600
 * @returns 48 hexadecimal digits, which need no quoting in a URL, in SQL or in a configuration file
 */
export async function readOrCreatePassword(path: string): Promise<string> {
  const known = await readFile(path, "utf8").catch(() => "");
  if (/^[0-9a-f]{48}$/.test(known)) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const password = bytes.toHex();
  await writeFile(path, password, { mode: 0o600 });
  return password;
}
