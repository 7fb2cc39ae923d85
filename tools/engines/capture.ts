/** What a finished command said. */
export interface Captured {
  /** Whether it exited with 0. */
  success: boolean;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command without input to its end and returns what it printed.
 *
 * @param command executable, found in PATH
 * @param options.cwd working folder
 * @param options.env variables added to the environment
 * @throws {Deno.errors.NotFound} if there is no such executable
 */
export async function capture(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Captured> {
  const output = await new Deno.Command(command, { args, stdin: "null", ...options }).output();
  const decoder = new TextDecoder();
  return {
    success: output.success,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}
