/**
 * Help that fits a terminal, whatever the width in which it was written.
 *
 * @module
 */

/** Columns that every terminal has. */
const columns = 80;

/** How far what goes on of a usage is moved to the right: to below the command. */
const usageHang = 9;

/** Lines of the help that belong together, and how far those after the first are moved to the right. */
interface Block {
  /** What stands before the text of the first line: an option with the blanks behind it, or blanks. */
  head: string;
  hang: number;
  words: string[];
}

/**
 * Breaks help anew: paragraphs, options with their texts beside them, and lists that are moved to the right.
 *
 * @param text as commands have it, a blank line between paragraphs
 */
export function fitHelp(text: string): string {
  const blocks: (Block | undefined)[] = [];
  for (const line of text.split("\n")) {
    const last = blocks.at(-1);
    const indent = line.length - line.trimStart().length;
    const words = line.trim().split(" ").filter((word) => word !== "");
    const [, head] = /^( +(?:--\S+ +|\S.*? {2,}))\S/.exec(line) ?? [];
    if (words.length === 0) blocks.push(undefined);
    else if (line.startsWith("Usage:")) blocks.push({ head: "", hang: usageHang, words });
    else if (/^ {7}(deno task|bun run|orders) /.test(line)) {
      blocks.push({ head: " ".repeat(indent), hang: usageHang, words });
    } else if (last?.hang === usageHang && indent >= 2 && !/^ {2}\S.* {2}\S/.test(line)) {
      last.words.push(...words);
    } else if (head !== undefined) {
      const beside = line.slice(head.length).split(" ");
      blocks.push({ head, hang: head.length, words: beside });
    } else if (last !== undefined && indent === last.hang) last.words.push(...words);
    else blocks.push({ head: " ".repeat(indent), hang: indent, words });
  }
  return blocks.map((block) => block === undefined ? "" : broken(block)).join("\n");
}

function broken({ head, hang, words }: Block): string {
  const lines: string[] = [];
  let line = head;
  let isEmpty = true;
  for (const word of words) {
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = " ".repeat(hang);
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line].join("\n");
}
