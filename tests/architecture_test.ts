import assert from "node:assert/strict";
import { basename, dirname, join, relative } from "node:path";
import { fromFileUrl, walk } from "./sources.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

const product = ["domain", "config", "db", "streams", "services", "routes", "commands"];

/** Folders of code, and which of them each may import from. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  domain: ["domain"],
  config: ["config", "domain"],
  db: ["db", "config", "domain"],
  streams: ["streams", "db", "config", "domain"],
  services: ["services", "streams", "db", "config", "domain"],
  routes: ["routes", "services", "streams", "db", "config", "domain"],
  commands: [
    "commands",
    "routes",
    "services",
    "streams",
    "db",
    "config",
    "domain",
    "tools/engines",
  ],
  main: ["commands", "config", "domain"],
  "tools/engines": ["tools/engines"],
  // What measures and breaks the product may look at all of it; of the product, only commands know a tool.
  "tools/orders": ["tools/orders", "domain"],
  "tools/bench": ["tools/bench", "tools/engines", "tools/orders", ...product],
  "tools/chaos": ["tools/chaos", "tools/engines", "tools/orders", ...product],
  std: ["std"],
};

/** Handlers of messages: they meet through messages and keys. */
const handlers = [
  "streams/handlers/order_reserve.ts",
  "streams/handlers/payment_charge.ts",
  "streams/handlers/payment_time_out.ts",
  "streams/handlers/notify.ts",
  "streams/handlers/refund_process.ts",
];

/** What takes messages out of the streams is not the API's business. */
const notForRoutes = [
  ...handlers,
  "streams/queue/complete.ts",
  "streams/queue/consumer.ts",
  "streams/queue/handler.ts",
  "streams/handlers/handlers.ts",
  "streams/handlers/product_locks.ts",
  "streams/run_consumers.ts",
  "streams/redis/scripts.ts",
  "streams/handlers/payment_callback.ts",
  "streams/recovery/sweep.ts",
];

/** Packages and built-in modules that a folder may use; others are for the folders not named here. */
const packages: Readonly<Record<string, RegExp>> = {
  domain: /^(node:crypto$|zod$)/,
  config: /^node:/,
  db: /^(mysql2\/promise$|node:)/,
  streams: /^(ioredis$|@opentelemetry\/api$|@std\/csv\/|nodemailer$|standardwebhooks$|node:)/,
  // What talks to the engines stands behind db and streams.
  services: /^node:/,
  routes: /^(?!mysql2|ioredis)/,
};

interface Source {
  /** From the root, `db/orders/orders.ts`. */
  path: string;
  folder: string;
  text: string;
  /** The text without comments. */
  code: string;
  /** Files of this project that it imports, from the root. */
  imports: string[];
  /** Everything else that it imports. */
  packages: string[];
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

/** The folder by whose rules a file lives: the first one, and within the tools the one of the tool. */
function folderOf(path: string): string {
  const [first, second] = path.split("/");
  if (second === undefined) return path.replace(/\.tsx?$/, "");
  return first === "tools" ? `${first}/${second}` : first!;
}

function toSource(file: string, text: string): Source {
  const path = relative(root, file);
  const code = withoutComments(text);
  const specifiers = [
    ...code.matchAll(/^\s*(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"/gm),
    ...code.matchAll(/^\s*import\s+"([^"]+)"/gm),
    ...code.matchAll(/\bimport\(\s*"([^"]+)"/g),
  ].map((match) => match[1]!);
  const isOwn = (specifier: string) => specifier.startsWith(".");
  return {
    path,
    folder: folderOf(path),
    text,
    code,
    imports: specifiers.filter(isOwn).map((specifier) =>
      relative(root, join(dirname(file), specifier))
    ),
    packages: specifiers.filter((specifier) => !isOwn(specifier)),
  };
}

async function readSources(): Promise<Source[]> {
  const sources: Source[] = [];
  for await (const file of walk(root, /\.tsx?$/)) {
    sources.push(toSource(file, await Deno.readTextFile(file)));
  }
  return sources.sort((a, b) => a.path < b.path ? -1 : 1);
}

const sources = await readSources();
const inFolders = (...folders: string[]) =>
  sources.filter(({ folder }) => folders.includes(folder));

Deno.test("the sources are found", () => {
  for (const folder of Object.keys(mayImport)) assert.ok(inFolders(folder).length > 0, folder);
  const consumer = sources.find(({ path }) => path === "streams/queue/consumer.ts")!;
  assert.ok(consumer.imports.includes("streams/queue/publish.ts") || consumer.imports.length > 5);
  const main = sources.find(({ path }) => path === "main.ts")!;
  assert.ok(main.imports.includes("commands/start.ts"), "lazy imports are seen");
  assert.ok(sources.some(({ packages }) => packages.includes("mysql2/promise")));
});

Deno.test("each folder imports only from the folders that it may know", () => {
  for (const [folder, allowed] of Object.entries(mayImport)) {
    for (const { path, imports } of inFolders(folder)) {
      for (const imported of imports) {
        assert.ok(
          allowed.includes(folderOf(imported)),
          `${path} must not import ${imported}`,
        );
      }
    }
  }
});

Deno.test("no engine is started by the product, except where somebody asks for a private one", () => {
  const starting = inFolders(...product, "main")
    .filter(({ imports }) => imports.some((path) => path.startsWith("tools/")))
    .map(({ path }) => path);
  assert.deepEqual(starting, ["commands/demo.ts", "commands/dev.ts"]);
});

Deno.test("each folder uses only the packages that are its business", () => {
  for (const [folder, allowed] of Object.entries(packages)) {
    for (const { path, packages } of inFolders(folder)) {
      for (const name of packages) assert.match(name, allowed, `${path} must not import ${name}`);
    }
  }
});

Deno.test("handlers never import each other, and routes no consumer", () => {
  const handling = sources.filter(({ path }) => handlers.includes(path));
  assert.equal(handling.length, handlers.length, "every handler is there");
  for (const { path, imports } of handling) {
    for (const imported of imports) assert.ok(!handlers.includes(imported), `${path}: ${imported}`);
  }
  for (const { path, imports } of inFolders("routes")) {
    for (const imported of imports) {
      assert.ok(!notForRoutes.includes(imported), `${path} must not import ${imported}`);
    }
  }
});

Deno.test("routes and commands change orders and refunds through the use cases alone", () => {
  for (
    const path of ["db/orders/cancel.ts", "db/payments/decide_payment.ts", "db/refunds/refunds.ts"]
  ) {
    const users = inFolders("routes", "commands", "services")
      .filter(({ imports }) => imports.includes(path)).map(({ folder }) => folder);
    assert.deepEqual(users, ["services"], path);
  }
});

Deno.test("no file imports itself, however long the way", () => {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
  const finished = new Set<string>();
  const visit = (path: string, way: string[]): void => {
    if (finished.has(path)) return;
    assert.ok(
      !way.includes(path),
      `a cycle: ${[...way.slice(way.indexOf(path)), path].join(" → ")}`,
    );
    for (const imported of importsOf.get(path) ?? []) visit(imported, [...way, path]);
    finished.add(path);
  };
  for (const path of importsOf.keys()) visit(path, []);
});

Deno.test("every file that is imported exists", () => {
  const paths = new Set(sources.map(({ path }) => path));
  for (const { path, imports } of sources) {
    for (const imported of imports.filter((name) => /\.tsx?$/.test(name))) {
      assert.ok(paths.has(imported), `${path} imports ${imported}`);
    }
  }
});

Deno.test("SQL stands in db/ and migrations/ only", () => {
  const statement =
    /["'`]\s*(select\s[^"'`]*\sfrom\s|insert\s+into|update\s+\w+\s+set|delete\s+from|create\s+(table|database|index)|alter\s+table|drop\s+(table|database)|start\s+transaction|commit["'`])/i;
  for (
    const { path, code } of inFolders(
      "domain",
      "config",
      "streams",
      "services",
      "routes",
      "commands",
      "main",
    )
  ) {
    assert.doesNotMatch(code, statement, path);
  }
  assert.ok(inFolders("db").some(({ code }) => statement.test(code)), "it would be recognised");
});

Deno.test("only main.ts reads the environment and the arguments of the product", () => {
  const reading = /\b(Deno\.env|Deno\.args|process\.env|process\.argv)\b/;
  for (
    const { path, code } of inFolders(
      "domain",
      "config",
      "db",
      "streams",
      "services",
      "routes",
      "commands",
    )
  ) {
    assert.doesNotMatch(code, reading, path);
  }
});

Deno.test("everything that is exported says what it is", () => {
  for (
    const { path, text } of inFolders(
      "domain",
      "config",
      "db",
      "streams",
      "services",
      "routes",
      "commands",
    )
  ) {
    const lines = text.split("\n");
    assert.match(text, /^\/\*\*[\s\S]*?@module[\s\S]*?\*\//, `${path} says what it is for`);
    lines.forEach((line, index) => {
      const exported =
        /^export (?:declare )?(?:async )?(?:abstract )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/
          .exec(line);
      if (!exported) return;
      let above = index - 1;
      while (/^\s*\/\/ deno-|^\s*$/.test(lines[above] ?? "x")) above--;
      assert.match(lines[above] ?? "", /\*\/\s*$/, `${path}: ${exported[1]} has a doc comment`);
    });
  }
});

Deno.test("no task has all permissions, and those that serve name theirs", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(root, "deno.json"))) as {
    tasks: Record<string, string>;
  };
  for (const [name, command] of Object.entries(tasks)) {
    // The benchmarks measure processes by /proc, and the browser's driver asks for more than can be named.
    if (name !== "bench" && name !== "test:e2e") {
      assert.doesNotMatch(command, /\s(-A|--allow-all)\b/, name);
    }
  }
  for (const name of ["start", "serve", "consume", "import"]) {
    const command = tasks[name]!;
    assert.match(command, /--no-prompt --ignore-env --allow-env=/, name);
    assert.doesNotMatch(command, /--allow-(run|ffi|env|sys)(\s|$)/, `${name} names what it needs`);
  }
});

Deno.test("every Lua script says what it takes and returns, and has one typed caller", async () => {
  const { code } = sources.find(({ path }) => path === "streams/redis/scripts.ts")!;
  const table = code.split("const folders = {")[1]!.split("}")[0]!;
  const names = [...table.matchAll(/(\w+): "/g)].map((match) => match[1]!);
  const found: string[] = [];
  for await (const file of walk(join(root, "streams"), /\.lua$/)) {
    const name = basename(file, ".lua");
    found.push(name);
    const script = await Deno.readTextFile(file);
    const header = script.split("\n\n")[0]! + script.split(/^(?!--)/m)[0]!;
    assert.match(header, /^-- \S/, `${name} begins with what it does`);
    assert.match(header, /^-- KEYS\[1\]/m, `${name} lists its keys`);
    assert.match(header, /^-- Returns /m, `${name} tells what it returns`);
    const body = script.replaceAll(/^--.*$/gm, "");
    if (/\bARGV\b/.test(body)) {
      assert.match(header, /^-- ARGV\[1\]/m, `${name} lists its arguments`);
    }
    const callers = sources.filter(({ path, code }) =>
      !path.startsWith("tests/") && path !== "streams/redis/scripts.ts" &&
      new RegExp(`runScript\\([^;]*?"${name}"`).test(code)
    );
    assert.deepEqual(
      callers.map(({ path }) => dirname(path)),
      [dirname(relative(root, file))],
      `${name} lies beside its one caller`,
    );
  }
  assert.deepEqual(names.sort(), found.sort(), "ScriptName names every script");
  for (const { path, code } of sources) {
    if (path.startsWith("tests/") || path === "streams/redis/scripts.ts") continue;
    assert.doesNotMatch(
      code,
      /\bdefineCommand\(|\.eval(sha)?\(/i,
      `${path} runs a script by itself`,
    );
  }
});

Deno.test("what is printed goes through commands/print.ts, which shows what a terminal would obey", () => {
  for (const { path, code } of inFolders("main", "commands", "routes", "streams", "db", "domain")) {
    if (path === "commands/print.ts") continue;
    assert.doesNotMatch(code, /\bconsole\.\w+\(/, path);
  }
});
