import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { eventTypeNames } from "../domain/feed/event_types.ts";
import { accountNames, ledgerAccounts } from "../domain/ledger/chart.ts";
import type { ImportProfile } from "../domain/import/profile/profile.ts";
import {
  discrepancyActionNames,
  discrepancyKindNames,
} from "../domain/reconciliation/discrepancy.ts";
import { lineKinds } from "../domain/reconciliation/provider_line.ts";
import { alertKinds } from "../domain/operation/alerts.ts";
import { shippedProfiles } from "../domain/import/profile/shipped_profiles.ts";
import { targets } from "../tools/bench/targets.ts";
import { fromFileUrl, walk } from "./sources.ts";

const root = fromFileUrl(new URL("..", import.meta.url));
const read = (path: string) => Deno.readTextFile(join(root, path));
const { tasks, imports } = JSON.parse(await read("deno.json")) as {
  tasks: Record<string, unknown>;
  imports: Record<string, string>;
};

async function find(name: RegExp): Promise<string[]> {
  const found: string[] = [];
  for await (const path of walk(root, name)) found.push(relative(root, path));
  return found.sort();
}

const files = await find(/./);
const names = new Set(files.map((path) => path.split("/").at(-1)!));
const paths = new Set(files);
for (const path of files) {
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) paths.add(folder);
}
// What it holds was not made here, so it is passed over when files are looked for.
paths.add("tools/samples").add("tools/samples/README.md");

const documents = files.filter((path) => path.endsWith(".md"));
/** The changelog speaks of what was, under the names that it had. */
const current = documents.filter((path) => path !== "CHANGELOG.md");

/** Anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
    ),
  );
}

/** Whether a path exists, given from the root or from the folder of whatever names it. */
function exists(path: string, folder: string): boolean {
  const plain = path.replace(/\/$/, "");
  return paths.has(plain) || paths.has(join(folder, plain));
}

/** The rows of the table below a line of headings, as cells. */
function tableBelow(text: string, head: string): string[][] {
  const [, rest] = text.split(`| ${head} |`);
  assert.ok(rest !== undefined, `there is a table with ${head}`);
  return rest.split("\n\n")[0]!.split("\n").slice(2).filter((line) => line.startsWith("|"))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("the README is short, and its figures are those of docs/numbers.md", async () => {
  const readme = await read("README.md");
  assert.ok(readme.split("\n").length < 200, "under 200 lines");
  const measured = tableBelow(
    await read("docs/numbers.md"),
    "what | median | min–max | target | of the floor | CPU µs an order: Deno, database, Redis | measured by",
  );
  const figures = tableBelow(readme, "what | median | target");
  assert.ok(figures.length >= 5 && figures.length <= 10);
  for (const [what = "", median, target] of figures) {
    const row = measured.find(([name]) => name === what);
    assert.deepEqual([median, target], [row?.[1], row?.[3]], what);
  }
});

Deno.test("docs/numbers.md has every target of the benchmarks, met or missed as its figure says", async () => {
  const rows = tableBelow(
    await read("docs/numbers.md"),
    "what | median | min–max | target | of the floor | CPU µs an order: Deno, database, Redis | measured by",
  );
  const missing = new Set(Object.keys(targets));
  for (const [what = "", median, , target, , , source] of rows) {
    const [, mysql, figure] = /^(mysql )?`\w+`: (.+)$/.exec(source!)!;
    const known = targets[figure!];
    missing.delete(figure!);
    if (known === undefined) {
      assert.equal(target, "", what);
      continue;
    }
    const [bound, values] = known;
    const value = typeof values === "number" ? values : values[mysql ? "mysql" : "mariadb"];
    const reached = Number.parseFloat(median!.replaceAll(",", ""));
    const isMost = bound === "most";
    const isMet = isMost ? reached <= value : reached >= value;
    assert.equal(
      target,
      `${isMost ? "≤" : "≥"} ${value.toLocaleString("en")} ${isMet ? "met" : "**missed**"}`,
      what,
    );
  }
  assert.deepEqual([...missing], []);
});

Deno.test("docs/commands.md has every task and no other", async () => {
  const rows = tableBelow(await read("docs/commands.md"), "task | does");
  const named = rows.map(([task]) => /^`([^ `]+)/.exec(task!)![1]!);
  assert.deepEqual(named.sort(), Object.keys(tasks).sort());
});

Deno.test("docs/dependencies.md has every package with its version, and says which ones only tests use", async () => {
  const text = await read("docs/dependencies.md");
  const [, product = "", tools = ""] = text.split(/^## Of .*$/m);
  const versions = (part: string) =>
    tableBelow(part, "package | version | why").map(([name, version, why]) => {
      assert.ok(why!.length > 5, `a reason for ${name}`);
      return [name!.replaceAll("`", ""), version!] as const;
    });
  const known = Object.entries(imports).map(([name, specifier]) =>
    [name.replace(/\/$/, ""), specifier.replace(/\/$/, "").split("@").at(-1)!] as const
  );
  const row = ([name, version]: readonly [string, string]) => `${name} ${version}`;
  assert.deepEqual(
    [...versions(product), ...versions(tools)].map(row).sort(),
    known.map(row).sort(),
  );
  for (const path of files.filter((path) => /^(?!tests|tools|std).*\.tsx?$/.test(path))) {
    const code = await read(path);
    for (const [name] of versions(tools)) {
      assert.ok(
        !code.includes(`from "${name}`),
        `${path} imports ${name}, which only tests may use`,
      );
    }
  }
});

/** What a profile says of files: names in their headers, and words that become something other than left alone. */
function saidBy({ columns, adjustments = [], status }: ImportProfile) {
  const first = (name: keyof typeof columns) => [columns[name]?.[0] ?? []].flat();
  return {
    all: [
      ...Object.values(columns).flat(2),
      ...adjustments.flatMap(({ columns }) => columns),
      ...[status?.columns, status?.paidFilled, status?.skipFilled].flatMap((some) => some ?? []),
      ...[status?.charge, status?.paid, status?.free, status?.skip].flatMap((some) => some ?? []),
    ].map((name) => name.toLowerCase()),
    /** What has to be told of it. */
    told: [
      ...(["external_order_id", "order_placed_at", "price", "order_total"] as const).flatMap(first),
      ...adjustments.flatMap(({ columns }) => columns),
      ...[status?.columns, status?.paidFilled, status?.skipFilled].flatMap((some) => some ?? []),
    ],
  };
}

Deno.test("docs/importing.md has every profile, by the columns and words that it reads and no others", async () => {
  const rows = tableBelow(
    await read("docs/importing.md"),
    "profile | order, time, customer | items | what else it costs | what becomes of it",
  );
  const profiles = [...shippedProfiles.values()];
  const codesOf = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
  assert.deepEqual(rows.map(([name]) => codesOf(name!)), profiles.map(({ name }) => [name]));
  for (const [index, [, ...cells]] of rows.entries()) {
    const { name } = profiles[index]!;
    const { all, told } = saidBy(profiles[index]!);
    const codes = codesOf(cells.join(" "));
    const unknown = codes.filter((code) => !all.includes(code.toLowerCase()));
    assert.deepEqual(unknown, [], `${name} reads nothing of these`);
    if (name === "native") continue;
    assert.deepEqual(told.filter((one) => !codes.includes(one)), [], `untold of ${name}`);
  }
});

Deno.test("docs/operating.md has every kind of alert", async () => {
  const text = await read("docs/operating.md");
  assert.deepEqual(alertKinds.filter((kind) => !text.includes(`(\`${kind}\`)`)), []);
});

Deno.test("docs/operating.md has every account of the ledger, as what it is", async () => {
  const rows = tableBelow(await read("docs/operating.md"), "account | | holds");
  assert.deepEqual(
    rows.map(([name, nature]) => [name!.replaceAll("`", ""), nature!.split(",")[0]]),
    accountNames.map((name) => [name, ledgerAccounts[name].nature]),
  );
});

Deno.test("docs/reconciling.md has every kind of discrepancy and no other, every action and every category of lines", async () => {
  const text = await read("docs/reconciling.md");
  const rows = tableBelow(text, "kind | what it is | what mends it");
  const kinds = rows.flatMap(([cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
  );
  assert.deepEqual(kinds.sort(), [...discrepancyKindNames].sort());
  assert.deepEqual(
    [...discrepancyActionNames, ...lineKinds].filter((name) => !text.includes(`\`${name}\``)),
    ["other"],
  );
});

Deno.test("docs/integrating.md has every type of event and no other", async () => {
  const rows = tableBelow(await read("docs/integrating.md"), "types |");
  const named = rows.flatMap(([types]) => {
    const [first, ...others] = [...types!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    const [kind] = first!.split(".");
    return [first!, ...others.map((name) => `${kind}${name}`)];
  });
  assert.deepEqual(named.sort(), [...eventTypeNames].sort());
});

Deno.test("every link of every document leads somewhere", async () => {
  let followed = 0;
  const dead: string[] = [];
  for (const path of documents) {
    const text = (await read(path)).replaceAll(/^```.*?^```/gms, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const place = file === "" ? path : join(dirname(path), file);
      const isThere = paths.has(place.replace(/\/$/, ""));
      const isRight = isThere &&
        (anchor === undefined || anchorsOf(await read(place)).has(anchor));
      if (!isRight) dead.push(`${path}: ${target}`);
      followed++;
    }
  }
  assert.deepEqual(dead, []);
  assert.ok(followed > 50);
});

/** Folders at the top, by which a path is told from other words with a slash. */
const tops = new Set(files.filter((path) => path.includes("/")).map((path) => path.split("/")[0]!));

Deno.test("every file and folder that a document names exists", async () => {
  let named = 0;
  const missing: string[] = [];
  for (const path of [...current, "docs/architecture.svg"]) {
    const text = await read(path);
    const found = path.endsWith(".svg")
      ? [...text.matchAll(/class="file"[^>]*>([^<]+)</g)].flatMap(([, paths]) => paths!.split(", "))
      : [...text.matchAll(/`([\w.@-]+(?:\/[\w.@-]+)*\/?)`/g)].map(([, word]) => word!);
    for (const word of found) {
      const isPath = (word.includes("/") && tops.has(word.split("/")[0]!)) ||
        /\w\.(tsx?|lua|sql)$/.test(word);
      if (!isPath) continue;
      if (!exists(word, dirname(path))) missing.push(`${path} names ${word}`);
      named++;
    }
  }
  assert.deepEqual(missing, []);
  assert.ok(named > 80);
});

/** Files of other programs that comments speak of; a name in capitals stands for any. */
const foreign = new Set(["mysql_system_tables.sql", "mariadb_system_tables.sql"]);

function commentsOf(path: string, text: string): string {
  if (/\.(tsx?|js)$/.test(path)) {
    return [...text.matchAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm)].join("\n");
  }
  const mark = /\.(lua|sql)$/.test(path) ? /^\s*--.*$/gm : /^\s*#.*$/gm;
  return [...text.matchAll(mark)].join("\n");
}

Deno.test("every file that a comment names exists", async () => {
  let named = 0;
  const missing: string[] = [];
  for (
    const path of files.filter((path) => /\.(tsx?|js|lua|sql|ya?ml|conf)$|Dockerfile$/.test(path))
  ) {
    const comments = commentsOf(path, await read(path));
    for (const [word] of comments.matchAll(/[\w./-]*\w\.(tsx?|lua|sql|md)\b/g)) {
      if (foreign.has(word) || /^[A-Z]+\.(tsx?|lua)$/.test(word)) continue;
      const isThere = word.includes("/")
        ? exists(word, dirname(path)) || files.some((file) => file.endsWith(`/${word}`))
        : names.has(word);
      if (!isThere) missing.push(`${path} names ${word}`);
      named++;
    }
  }
  assert.deepEqual(missing, []);
  assert.ok(named > 20);
});

Deno.test("every name that a comment links to, or a guide for contributors has, is one of the code", async () => {
  const words = new Set<string>();
  const links: [path: string, name: string][] = [];
  for (const path of files.filter((path) => /\.(tsx?|lua|sql)$/.test(path))) {
    const text = await read(path);
    for (const [, name] of text.matchAll(/\{@link(?:code)? (\w+)/g)) links.push([path, name!]);
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*(\/\/|--).*$/gm, "");
    for (const [word] of code.matchAll(/\w+/g)) words.add(word);
  }
  for (const path of ["docs/ARCHITECTURE.md", "docs/CONTRIBUTING.md"]) {
    const text = (await read(path)).replaceAll(/^```.*?^```/gms, "");
    // Words in more than one case, or with an underscore, are names and no prose.
    for (const [, name] of text.matchAll(/`(\w*(?:[a-z][A-Z]|[a-z]_[a-z])\w*)(?:\(\))?`/g)) {
      links.push([path, name!]);
    }
  }
  assert.ok(links.length > 50);
  assert.deepEqual(links.filter(([, name]) => !words.has(name)), []);
});

Deno.test("the map of docs/ARCHITECTURE.md has every folder of code and no other", async () => {
  const [, block = ""] = /^## The map$.*?^```\n(.*?)^```/ms.exec(
    await read("docs/ARCHITECTURE.md"),
  )!;
  const lines = [...block.matchAll(/^(\S+) {2,}(\S.+)$/gm)].map(([, name]) => name!);
  const folders = new Set(
    files.filter((path) => /\.(tsx?|lua|sql|js)$/.test(path)).map((path) => `${dirname(path)}/`),
  );
  folders.delete("./");
  const mirrored = (folder: string) =>
    folder.startsWith("tests/") && paths.has(folder.slice(6, -1));
  assert.deepEqual(
    [...folders].filter((folder) => !mirrored(folder) && !lines.includes(folder)),
    [],
    "folders without a line",
  );
  assert.deepEqual(
    lines.filter((line) => !paths.has(line.replace(/\/$/, ""))),
    [],
    "lines without a folder",
  );
  assert.equal(new Set(lines).size, lines.length, "one line a folder");
});

Deno.test("every scenario that docs/ARCHITECTURE.md names is one of the fault suite", async () => {
  const known = new Set<string>();
  for (const path of files.filter((path) => path.startsWith("tools/chaos/"))) {
    for (const [, name] of (await read(path)).matchAll(/^ {2}name: "(\w+)",$/gm)) known.add(name!);
  }
  const text = await read("docs/ARCHITECTURE.md");
  const named = [...text.matchAll(/scenarios? ((?:`\w+`(?:, )?)+)/g)]
    .flatMap(([, list]) => [...list!.matchAll(/\w+/g)].map(String));
  assert.ok(named.length > 8);
  assert.deepEqual(named.filter((name) => !known.has(name)), []);
});
