import assert from "node:assert/strict";
import { relative } from "node:path";
import { fromFileUrl, walk } from "./sources.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** What fits on a screen can be understood at one look. */
const maxLines = 70;

/** Where the rule holds, by the beginnings of paths. */
const ruled = [
  "main.ts",
  "commands/",
  "config/",
  "db/",
  "domain/",
  "routes/",
  "services/",
  "streams/",
  "tools/",
];

/**
 * The functions of a file with their first and last lines, counted from 1. The code is formatted, so a block ends
 * where a bracket closes at the indent at which it began; lines in between at that indent begin with a bracket too.
 */
function functionsIn(text: string): { name: string; from: number; to: number }[] {
  const found: { name: string; from: number; to: number }[] = [];
  /** By indent: the first line of what is open there, and all its lines at that indent. */
  const open = new Map<number, { from: number; head: string }>();
  text.split("\n").forEach((line, index) => {
    const [, spaces, rest] = /^( *)(.*)$/.exec(line)!;
    const indent = spaces!.length;
    if (rest === "") return;
    const block = open.get(indent);
    if (block === undefined || !/^[)}>\]]/.test(rest!)) {
      open.set(indent, { from: index + 1, head: rest! });
      return;
    }
    if (isFunction(block.head)) found.push({ name: block.head, from: block.from, to: index + 1 });
    block.head += ` ${rest}`;
  });
  return found;
}

function isFunction(head: string): boolean {
  return /\bfunction\b|=>|^(async )?\*?\w+(<.*>)?\(.*\{$/.test(head) &&
    !/^(if|for|while|switch|return|type|interface)\b/.test(head);
}

Deno.test("functionsIn() finds functions, components and methods, and nothing else", () => {
  const text = `
export async function first(
  a: number,
): Promise<void> {
  if (a) {
    second();
  }
}

const Part: FC<{ a: number }> = (
  { a },
) => (
  <p>{a}</p>
);

const table = {
  method(a: number) {
    return [
      a,
    ];
  },
  list: [
    1,
  ],
};
`;
  const ends = new Map(functionsIn(text).map(({ from, to }) => [from, to]));
  assert.deepEqual([...ends], [[2, 8], [10, 14], [17, 21]]);
});

Deno.test("no function is longer than a screen", async () => {
  let functions = 0;
  for await (const file of walk(root, /\.tsx?$/)) {
    const path = relative(root, file);
    if (!ruled.some((folder) => path.startsWith(folder))) continue;
    for (const { name, from, to } of functionsIn(await Deno.readTextFile(file))) {
      functions++;
      assert.ok(to - from < maxLines, `${path}:${from} ${name}: ${to - from + 1} lines`);
    }
  }
  assert.ok(functions > 500, "functions are found");
});
