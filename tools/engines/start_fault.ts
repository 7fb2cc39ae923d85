/**
 * Says in one line why engines could not be started in a folder: what the system says of it, or else the last fault that
 * the server has written into its log.
 *
 * @param setting that leads to another folder
 */
export function describeStartFault(
  error: unknown,
  dir: string,
  setting: "ENGINES_DIR" | "TMPDIR" = "ENGINES_DIR",
): string {
  const said = error instanceof Error ? error.message : String(error);
  const elsewhere = `set ${setting} to a folder on another disk`;
  if (/ENOSPC|No space left|errno:? 28\b|error 28\b|disk is full/i.test(said)) {
    return `the disk of ${dir} is full, and new engines take 700 MB; free some, or ${elsewhere}`;
  }
  if (/EROFS|read-only file system|errno:? 30\b/i.test(said)) {
    return `the disk of ${dir} is read-only; ${elsewhere}`;
  }
  if (/EACCES|EPERM|permission denied|errno:? 13\b/i.test(said)) {
    return `this user may not write into ${dir}; set ${setting} to a folder of your own`;
  }
  const [first, ...log] = said.split("\n");
  const fault = log.findLast((line) => /error/i.test(line)) ?? log.at(-1);
  return fault === undefined ? first! : `${first} ${fault.trim()}`;
}
