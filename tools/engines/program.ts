/** An executable and the arguments that always come first. */
export interface Program {
  /** Absolute path of the executable. */
  command: string;
  /** Arguments before all others. */
  args: string[];
}
