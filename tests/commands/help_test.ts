import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fitHelp } from "../../commands/help_text.ts";
import { run } from "./run_command.ts";

/** Rows of the terminal that is meant where something has to be seen at once, and its columns. */
const terminal = { rows: 50, columns: 80 };

Deno.test("help has every command in a line that fits a terminal", async () => {
  const { code, out } = await run({}, "--help");
  assert.equal(code, 0);
  const lines = out.split("\n");
  for (const line of lines) assert.ok(line.length <= 80, line);
  for (const name of ["start", "import", "kpis", "engines", "doctor", "demo"]) {
    assert.ok(lines.some((line) => new RegExp(`^ {2}${name} +[A-Z].*\\.$`).test(line)), name);
  }
  assert.ok(lines.length <= 40, "one page");
});

Deno.test("the help of every command fits a terminal", async () => {
  const { out } = await run({}, "--help");
  const names = [...out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, name]) => name!);
  assert.ok(names.length >= 18);
  for (const name of names) {
    const help = await run({}, name, "--help");
    const lines = help.out.split("\n");
    assert.ok(lines.length <= terminal.rows, name);
    for (const line of lines) assert.ok([...line].length <= terminal.columns, `${name}: ${line}`);
  }
});

Deno.test("every command is a task", async () => {
  const { out } = await run({}, "--help");
  const { tasks } = JSON.parse(await readFile(new URL("../../deno.json", import.meta.url), "utf8"));
  const names = [...out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, name]) => name!);
  assert.deepEqual(names.filter((name) => !Object.hasOwn(tasks, name)), []);
});

Deno.test("fitHelp() loses no word, and keeps what an option means beside it", () => {
  const long = "words that go on for longer than the terminal is wide, and then some more of them";
  const help = `
Usage: deno task x FILE [--one=FILE] [--two=FILE] [--three=FILE] [--four=FILE] [--five=FILE]
         [--six]
       deno task x --all

  --one=FILE  ${long}
              and on
  --longest-of-all=FILE ${long}
  --three     one of:
              a  ${long}
              b  ${long}

${long}
${long}:
  ${long}`.trim();
  const fitted = fitHelp(help);
  const words = (text: string) => text.split(/\s+/).join(" ");
  assert.equal(words(fitted), words(help));
  const lines = fitted.split("\n");
  for (const line of lines) assert.ok(line.length <= terminal.columns, line);
  assert.deepEqual(lines.slice(1, 3), [
    "         [--five=FILE] [--six]",
    "       deno task x --all",
  ]);
  assert.ok(lines.includes("              some more of them and on"), fitted);
  assert.match(fitted, /^ {14}a {2}words that .*\n {17}some more of them$/m);
  assert.equal(fitHelp(fitted), fitted, "what fits stays as it is");
});

Deno.test("the list of tasks ends with those to begin with, which a terminal shows last", async () => {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  // Deno writes each in three lines: its name, its description, its command.
  const last = Object.keys(tasks).slice(-Math.floor(terminal.rows / 3));
  for (const name of ["demo", "start", "dev", "doctor", "import", "kpis", "refund", "serve"]) {
    assert.ok(last.includes(name), name);
  }
  assert.equal(last.at(-1), "help");
  for (const name of last) {
    const { description, command } = tasks[name] as Record<string, string>;
    assert.ok(
      `Task ${name} ${command}`.length <= terminal.columns,
      `${name} echoes one short line`,
    );
    assert.ok(`    // ${description}`.length <= terminal.columns, name);
  }
});
