import assert from "node:assert/strict";
import { basename, dirname, join, relative } from "node:path";
import { fromFileUrl, walk } from "./sources.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

const product = [
  "domain",
  "config",
  "runtime",
  "db",
  "streams",
  "services",
  "routes",
  "commands",
];

/** Folders of code, and which of them each may import from. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  domain: ["domain"],
  config: ["config", "domain"],
  runtime: ["runtime"],
  db: ["db", "config", "runtime", "domain"],
  streams: ["streams", "db", "config", "runtime", "domain"],
  services: ["services", "streams", "db", "config", "runtime", "domain"],
  routes: ["routes", "services", "streams", "db", "config", "runtime", "domain"],
  commands: [
    "commands",
    "routes",
    "services",
    "streams",
    "db",
    "config",
    "runtime",
    "domain",
    "tools/engines",
  ],
  main: ["commands", "config", "runtime", "domain"],
  "tools/engines": ["tools/engines", "runtime"],
  // What measures and breaks the product may look at all of it; of the product, only commands know a tool.
  "tools/orders": ["tools/orders", "domain"],
  // The client's types are written out from the schemas of the routes.
  "tools/client": ["tools/client", "routes"],
  "tools/bench": ["tools/bench", "tools/engines", "tools/orders", ...product],
  "tools/chaos": ["tools/chaos", "tools/engines", "tools/orders", ...product],
  std: ["std"],
};

/** What the queue may know besides itself: a reader could take it and these away, and use it for something else. */
const forQueue =
  /^(streams\/queue\/|streams\/redis\/|streams\/timing\/|streams\/telemetry\/tracing\.ts$|config\/|domain\/errors\.ts$|domain\/text\/|domain\/messages\/retry\.ts$|domain\/messages\/lane\.ts$|domain\/operation\/log\.ts$)/;

/** Words of this shop's work, of which the queue knows none. */
const wordsOfWork = /orders?_?id|refund|payment|gateway|provider|\bcurrenc|money|\bcents\b|kpi/i;

/** In the handlers' folder, besides handlers: the table, and what one of them alone uses. */
const besideHandlers = ["streams/handlers/handlers.ts", "streams/handlers/reserve_turns.ts"];

/** What takes messages out of the streams is not the API's business, which looks at queues and pauses them. */
const notForRoutes =
  /^streams\/(handlers\/|run_consumers\.ts|redis\/scripts\.ts|recovery\/sweep\.ts|workflow\/(consumer|work|handler|store)\.ts|queue\/(?!queue\.ts|queue_status|group_detail|pause_group|pause\.ts|deadline\.ts|in_lanes\.ts))/;

/** Packages and built-in modules that a folder may use; others are for the folders not named here. */
const packages: Readonly<Record<string, RegExp>> = {
  domain: /^node:crypto$/,
  config: /^node:/,
  runtime: /^node:/,
  db: /^(mysql2\/promise$|node:)/,
  streams:
    /^(ioredis$|csv-parse\/sync$|yauzl$|saxes$|@opentelemetry\/api$|@std\/csv\/|nodemailer$|standardwebhooks$|stripe$|node:)/,
  // What talks to the engines stands behind db and streams.
  services: /^(zod$|node:)/,
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
  assert.ok(
    consumer.imports.includes("streams/workflow/publish.ts") || consumer.imports.length > 5,
  );
  const guard = sources.find(({ path }) => path === "streams/recovery/database_guard.ts")!;
  assert.ok(guard.imports.includes("streams/recovery/recover.ts"), "lazy imports are seen");
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

Deno.test("a process holds the sources of its own command alone", async () => {
  const { code, imports } = sources.find(({ path }) => path === "main.ts")!;
  // Whatever is imported by a text that can be foreseen is read, run or not.
  assert.deepEqual(
    imports.filter((path) => path.startsWith("commands/")).sort(),
    ["commands/command.ts", "commands/print.ts"],
  );
  const list = /\bcommands = \[([^\]]+)\]/.exec(code)![1]!;
  const names = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name!);
  assert.ok(names.includes("start"));
  for (const name of names) {
    const { default: command } = await import(
      new URL(`../commands/${name}.ts`, import.meta.url).href
    );
    assert.equal(typeof command.run, "function", name);
    assert.match(command.summary, /^[A-Z].*\.$/, name);
  }
});

Deno.test("formats of Intl are made by whoever writes with them: each kind takes some megabytes", () => {
  const atStart = /^(export )?(const|let) [^=;\n]*=[^;{]*\bnew Intl\./m;
  for (const { path, code } of inFolders(...product, "main")) {
    assert.doesNotMatch(code, atStart, path);
  }
  assert.match('const counts = new Intl.NumberFormat("en");', atStart, "it would be recognised");
});

Deno.test("no engine is started by the product, except where somebody asks for a private one", () => {
  const starting = inFolders(...product, "main")
    .filter(({ imports }) => imports.some((path) => path.startsWith("tools/")))
    .map(({ path }) => path);
  assert.deepEqual(starting, [
    "commands/demo.ts",
    "commands/dev.ts",
    "commands/engine_settings.ts",
    "commands/engines.ts",
  ]);
  // What every command reads its settings by loads a tool only where nothing is set.
  const settings = sources.find(({ path }) => path === "commands/engine_settings.ts")!;
  assert.doesNotMatch(settings.code, /from "\.\.\/tools\//);
});

Deno.test("each folder uses only the packages that are its business", () => {
  for (const [folder, allowed] of Object.entries(packages)) {
    for (const { path, packages } of inFolders(folder)) {
      for (const name of packages) assert.match(name, allowed, `${path} must not import ${name}`);
    }
  }
});

Deno.test("the queue knows nothing of the work that is done by it", async () => {
  const queue = sources.filter(({ path }) => path.startsWith("streams/queue/"));
  assert.ok(queue.length > 10);
  for (const { path, imports, text } of queue) {
    for (const imported of imports) assert.match(imported, forQueue, `${path}: ${imported}`);
    assert.doesNotMatch(text, wordsOfWork, path);
  }
  for await (const file of walk(join(root, "streams/queue"), /\.lua$/)) {
    assert.doesNotMatch(await Deno.readTextFile(file), wordsOfWork, file);
  }
});

Deno.test("handlers never import each other: they meet through messages and keys", () => {
  const isHandler = (path: string) =>
    path.startsWith("streams/handlers/") && !besideHandlers.includes(path);
  const handling = sources.filter(({ path }) => isHandler(path));
  const table = sources.find(({ path }) => path === "streams/handlers/handlers.ts")!;
  assert.deepEqual(
    handling.map(({ path }) => path),
    table.imports.filter(isHandler).sort(),
    "the table has every file of the folder",
  );
  for (const { path, imports } of handling) {
    for (const imported of imports) assert.ok(!isHandler(imported), `${path}: ${imported}`);
  }
});

Deno.test("routes import no consumer", () => {
  for (const { path, imports } of inFolders("routes")) {
    for (const imported of imports) {
      assert.doesNotMatch(imported, notForRoutes, `${path} must not import ${imported}`);
    }
  }
});

/**
 * What a function of `db/` is called that only looks. Everything else there changes something, so the rule holds
 * for functions that are yet to be written.
 */
const looks = /^(read|list|find|search|count|sum|may|to|from)[A-Z]/;

/**
 * Folders of `db/` that know nothing of orders, products and money: the connection itself, and what is kept about
 * callers (their sessions and the answers they got), which is the door's own business.
 */
const notTheShop = ["db/connection/", "db/clients/"];

/**
 * What a function of `streams/` is called that changes something by itself. There names can't be told by looking
 * alone: a process also opens, holds, guards and runs things there.
 */
const changes =
  /^((apply|bury|cancel|charge|deadLetter|delay|deliver|discard|enable|expire|import|mark|note|pause|publish|rebuild|recover|release|remove|repair|republish|reserve|resume|retry|reverse|send|settle|sweep|write)[A-Z]|takeOrders$|(mend|publish|recover|repair|republish|sweep)$)/;

/** Functions that a file imports from others, by the path of the file that has them. */
function importedFunctions({ path, code }: Source): { from: string; name: string }[] {
  const found: { from: string; name: string }[] = [];
  const statements = code.matchAll(/^import (?!type\b)\{([^}]*)\} from "(\.[^"]+)"/gm);
  for (const [, names, specifier] of statements) {
    const from = join(dirname(path), specifier!);
    const target = sources.find((source) => source.path === from)!;
    for (const [, name] of names!.matchAll(/(?:^|,)\s*(?!type\s)(\w+)/g)) {
      const isFunction = new RegExp(`^export (async )?function\\*? ${name}\\b`, "m");
      if (isFunction.test(target.code)) found.push({ from, name: name! });
    }
  }
  return found;
}

Deno.test("routes and commands change things through the use cases alone", () => {
  const changed: string[] = [];
  for (const source of inFolders("routes", "commands", "services")) {
    for (const { from, name } of importedFunctions(source)) {
      const isChange = from.startsWith("db/")
        ? !looks.test(name) && !notTheShop.some((folder) => from.startsWith(folder))
        : from.startsWith("streams/") && changes.test(name);
      if (!isChange) continue;
      assert.equal(source.folder, "services", `${source.path} changes something by ${name}()`);
      changed.push(name);
    }
    if (source.folder !== "services") {
      assert.doesNotMatch(source.code, /\b(db|tx)\.(run|runText|transaction)\(/, source.path);
    }
  }
  // The rule sees what it is about.
  for (
    const name of ["takeOrders", "transitionOrders", "insertRefunds", "pauseGroup", "publish"]
  ) {
    assert.ok(changed.includes(name), name);
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
    /["'`]\s*(select\s(?:[^"'`]*\sfrom\s|current_timestamp)|insert\s+into|update\s+\w+\s+set|delete\s+from|create\s+(table|database|index)|alter\s+table|drop\s+(table|database)|start\s+transaction|commit["'`])/i;
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

Deno.test("db/ decides nothing: what becomes of orders, refunds and stock is decided above it", () => {
  const deciding: string[] = [];
  for (const source of sources) {
    for (const { name } of importedFunctions(source)) {
      if (!/^decide[A-Z]/.test(name)) continue;
      assert.ok(!source.path.startsWith("db/"), `${source.path} decides by ${name}()`);
      deciding.push(name);
    }
  }
  // The rule sees what it is about.
  for (const name of ["decideIntake", "decideSettle"]) assert.ok(deciding.includes(name), name);
});

Deno.test("db/ refuses nothing: only the connection to the engine has errors for callers", () => {
  const refusing = /\bnew WorkflowError\b/;
  for (const { path, code } of inFolders("db")) {
    if (path.startsWith("db/connection/")) continue;
    assert.doesNotMatch(code, refusing, path);
  }
  const isSeen = (folder: string) =>
    sources.some(({ path, code }) => path.startsWith(folder) && refusing.test(code));
  assert.ok(isSeen("db/connection/") && isSeen("services/"), "it would be recognised");
});

const ofTheProduct = product.filter((folder) => folder !== "runtime");

Deno.test("only main.ts reads the environment and the arguments of the product", () => {
  const reading = /\b(Deno\.env|Deno\.args|process\.env|process\.argv|runtime\/process\.ts)\b/;
  for (const { path, code } of inFolders(...ofTheProduct)) {
    assert.doesNotMatch(code, reading, path);
  }
});

Deno.test("what differs between the runtimes stands in runtime/: everything else runs on Deno and Bun", () => {
  const ownWords = /\b(Deno|Bun)\b\s*[.[]|"bun:/;
  for (const { path, code } of inFolders(...ofTheProduct, "main", "std", "tools/engines")) {
    assert.doesNotMatch(code, ownWords, path);
  }
  assert.ok(inFolders("runtime").some(({ code }) => ownWords.test(code)), "it would be recognised");
});

Deno.test("every exported function, component and type says what it is", () => {
  for (const { path, text } of inFolders(...product)) {
    const lines = text.split("\n");
    assert.match(text, /^\/\*\*[\s\S]*?@module[\s\S]*?\*\//, `${path} says what it is for`);
    lines.forEach((line, index) => {
      const exported =
        /^export (?:declare )?(?:async )?(?:abstract )?(?:function\*?|const(?= \w+: FC\b)|class|interface|type|enum) (\w+)/
          .exec(line);
      if (!exported) return;
      let above = index - 1;
      while (/^\s*\/\/ deno-|^\s*$/.test(lines[above] ?? "x")) above--;
      assert.match(lines[above] ?? "", /\*\/\s*$/, `${path}: ${exported[1]} has a doc comment`);
    });
  }
});

Deno.test("every Lua script says what it takes and returns, and has one typed caller", async () => {
  const declared = sources.flatMap(({ path, code }) =>
    [...code.matchAll(/(?<!function )\bdefineScript\(([^)]*)\)/g)].map((match) => {
      const [, name, beside] = /^"(\w+)", (.*)$/.exec(match[1]!) ?? [];
      assert.equal(beside, "import.meta.url", `${path} declares a script of its own folder`);
      return `${dirname(path)}/${name}.lua`;
    })
  );
  const found: string[] = [];
  for await (const file of walk(join(root, "streams"), /\.lua$/)) {
    const name = basename(file, ".lua");
    found.push(relative(root, file));
    const script = await Deno.readTextFile(file);
    const header = script.split("\n\n")[0]! + script.split(/^(?!--)/m)[0]!;
    assert.match(header, /^-- \S/, `${name} begins with what it does`);
    assert.match(header, /^-- KEYS\[1\]/m, `${name} lists its keys`);
    assert.match(header, /^-- Returns /m, `${name} tells what it returns`);
    const body = script.replaceAll(/^--.*$/gm, "");
    if (/\bARGV\b/.test(body)) {
      assert.match(header, /^-- ARGV\[1\]/m, `${name} lists its arguments`);
    }
  }
  assert.deepEqual(declared.sort(), found.sort(), "each lies beside its one caller");
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

Deno.test("the repository holds files alone: a link would point to where only its maker has something", async () => {
  const git = new Deno.Command("git", { args: ["ls-files", "--stage"], cwd: root, stderr: "null" });
  const listed = await git.output().catch(() => undefined);
  // An unpacked archive is no repository, and needs none.
  if (!listed?.success) return;
  const files = new TextDecoder().decode(listed.stdout).split("\n").filter(Boolean);
  assert.deepEqual(files.filter((file) => !/^100(644|755) /.test(file)), []);
  assert.deepEqual(
    files.filter((file) => /\t\.data(\/|$)/.test(file)),
    [],
    "private engines' data",
  );
});
