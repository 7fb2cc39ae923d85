import { spawn } from "node:child_process";
import process from "node:process";
import { text } from "node:stream/consumers";

/** What a finished command said. */
export interface Captured {
  /** Whether it exited with 0. */
  success: boolean;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command to its end and returns what it printed.
 *
 * @param command executable, found in PATH
 * @param options.cwd working folder
 * @param options.env variables added to the environment
 * @param options.input is given to its standard input, which else is empty; one that ends early need not read it
 * @throws {Error} with the code `ENOENT` if there is no such executable
 */
export async function capture(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Promise<Captured> {
  const { cwd, env, input } = options;
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
  const ended = new Promise<boolean>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code === 0));
  });
  // A command that ends early breaks the pipe; its exit code and messages tell why.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [success, stdout, stderr] = await Promise.all([
    ended,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { success, stdout, stderr };
}
