import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, dirname } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { findBun } from "./bun.ts";
import { csvOf } from "./csv_orders.ts";
import { type Api, openApi } from "./routes/api.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const bun = await findBun();

/** One of the runtimes, with a database of its own. */
interface Side {
  name: "deno" | "bun";
  api: Api;
  /** Files that its commands write. */
  folder: string;
}

let sides: [Side, Side];
let shared: string;
Deno.test.beforeAll(async () => {
  shared = await Deno.makeTempDir();
  const open = async (name: Side["name"]): Promise<Side> => {
    const folder = `${shared}/${name}`;
    await Deno.mkdir(folder);
    return { name, api: await openApi(`both_${name}`), folder };
  };
  sides = [await open("deno"), await open("bun")];
  const good = [
    { external_order_id: "B-1", product_sku: "a", qty: 2 },
    { external_order_id: "B-1", product_sku: "b", qty: 1 },
    { external_order_id: "B-2", product_sku: "a", qty: 3 },
  ];
  await Deno.writeTextFile(`${shared}/good.csv`, csvOf(good));
  const dirty = [{ external_order_id: "B-3", qty: "none" }, { external_order_id: "B-4" }];
  await Deno.writeTextFile(`${shared}/dirty.csv`, csvOf(dirty));
  await Deno.writeTextFile(`${shared}/stock.csv`, "sku,set_qty\na,500\nnowhere,x\n");
  await Deno.writeTextFile(`${shared}/other.csv`, "a,b\n1,2\n");
});
Deno.test.afterAll(async () => {
  for (const { api } of sides) await api.close();
  await Deno.remove(shared, { recursive: true });
});

/** Starts a command as it is typed. */
function start({ name, api, folder }: Side, args: string[], env: Record<string, string> = {}) {
  const typed = name === "deno" ? ["task", "--quiet"] : ["run", "--silent"];
  return spawn(name === "deno" ? Deno.execPath() : bun!, [...typed, ...args], {
    cwd: root,
    env: {
      ...Deno.env.toObject(),
      PATH: [...name === "bun" ? [dirname(bun!)] : [], Deno.env.get("PATH")].join(delimiter),
      ...api.env,
      NO_COLOR: "1",
      COLUMNS: "100",
      REQUIRE_SETTINGS: "1",
      LOG_LEVEL: "warn",
      GATEWAY_DELAY_MS: "0",
      FOLDER: folder,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** How a command ended, and what it said. */
interface Said {
  code: number;
  out: string;
  err: string;
}

async function endOf({ name, api, folder }: Side, child: ChildProcess): Promise<Said> {
  const [out, err, [code, signal]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, "close"),
  ]);
  /** What a line says that differs by who types it, and when. */
  const plain = (said: string) =>
    said
      .replaceAll(name === "deno" ? "deno task" : "bun run", "TYPED")
      .replaceAll(folder, "FOLDER")
      .replaceAll(new URL(api.env.DATABASE_URL!).pathname.slice(1), "DATABASE")
      .replaceAll(api.env.REDIS_PREFIX!, "PREFIX")
      .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, "TIME")
      .replace(/\b[\d,.]+ (s|ms|rows\/s)\b/g, "N $1")
      .replace(/\bow_[\w-]+|\b[0-9a-f]{64}\b/g, "SECRET")
      .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
      .replace(/"(seconds|took_ms|rows_per_second|duration_ms|ms)":[\d.]+/g, '"$1":N');
  return { code: code ?? signal, out: plain(out), err: plain(err) };
}

async function type(side: Side, args: string[], env?: Record<string, string>): Promise<Said> {
  const own = args.map((arg) => arg.replace("FOLDER", side.folder).replace("SHARED", shared));
  return await endOf(side, start(side, own, env));
}

/** Types the same on both and holds that they say the same; what they said. */
async function typeOnBoth(
  line: string,
  env?: Record<string, string>,
  expected?: number,
): Promise<Said> {
  const args = line.split(" ");
  const [onDeno, onBun] = await Promise.all(sides.map((side) => type(side, args, env)));
  assert.deepEqual(onBun, onDeno, line);
  if (expected !== undefined) assert.equal(onDeno!.code, expected, `${line}: ${onDeno!.err}`);
  return onDeno!;
}

const commands = [
  "start",
  "serve",
  "consume",
  "import",
  "refund",
  "retry",
  "kpis",
  "verify",
  "recover",
  "dead",
  "stock",
  "gateway",
  "token",
  "migrate",
  "doctor",
  "demo",
  "dev",
  "engines",
];

/** Lines that change nothing and are no use. */
const wrong = [
  ...commands.map((name) => `${name} --nonsense`),
  "import",
  "import SHARED/missing.csv",
  "import SHARED",
  "import --rejects SHARED/good.csv",
  "import SHARED/good.csv --profile=nothing",
  "refund",
  "refund abc",
  "refund 999999",
  "refund 1 0",
  "retry abc",
  "kpis --date=2026-13-01",
  "consume --group=nobody",
  "consume --batch=0",
  "dead retry",
  "dead discard --id=0",
  "dead nothing",
  "stock",
  "stock a --set=-1",
  "stock --file=SHARED/missing.csv",
  "token",
  "token shop",
  "token shop --scopes=nothing",
  "gateway --port=none",
];

/** What is typed one after the other, and how it ends. */
const worked: [line: string, code: number][] = [
  ["migrate --status", 0],
  ["migrate", 0],
  ["import SHARED/other.csv", 1],
  ["import SHARED/good.csv --preview", 0],
  ["import SHARED/good.csv --dry-run --json", 0],
  ["import SHARED/good.csv --json", 0],
  ["import SHARED/good.csv", 0],
  ["import SHARED/dirty.csv --rejects=FOLDER/rejects.csv", 0],
  ["retry 1", 1],
  ["consume --drain", 0],
  ["refund 1", 0],
  ["refund 1", 1],
  ["consume --drain --group=refunds --batch=10", 0],
  ["consume --drain", 0],
  ["verify", 0],
  ["verify --json", 0],
  ["recover", 0],
  ["stock a", 0],
  ["stock a --add=5 --detail=found", 0],
  ["stock nowhere", 1],
  ["stock --file=SHARED/stock.csv", 0],
  ["dead", 0],
  ["dead list", 0],
  ["dead retry --all", 0],
  ["kpis --date=2020-01-01", 0],
  ["kpis --rebuild", 0],
  ["token shop --scopes=read", 0],
];

Deno.test({
  name: "every command says the same of itself and of wrong usage on Deno and Bun",
  ignore: bun === undefined,
  async fn() {
    // Of other lengths, what is typed breaks lines elsewhere.
    const [help, onBun] = await Promise.all(sides.map((side) => type(side, ["import", "--help"])));
    assert.match(help!.out, /Usage: TYPED import\b/);
    assert.deepEqual(onBun!.out.split(/\s+/), help!.out.split(/\s+/));
    for (const line of wrong) {
      const { code, err } = await typeOnBoth(line);
      assert.ok(code === 1 || code === 2, `${line}: ${code}`);
      assert.equal(err.trim().split("\n").length, 1, `${line}: ${err}`);
    }
  },
});

Deno.test({
  name: "every command says the same of its work, and ends alike, on Deno and Bun",
  ignore: bun === undefined,
  async fn() {
    for (const [line, code] of worked) await typeOnBoth(line, {}, code);
    const [onDeno, onBun] = await Promise.all(
      sides.map(({ folder }) => Deno.readTextFile(`${folder}/rejects.csv`)),
    );
    assert.equal(onBun, onDeno);
    assert.match(onDeno!, /none/);
  },
});

Deno.test({
  name: "settings and engines that are wrong are told in the same words on Deno and Bun",
  ignore: bun === undefined,
  async fn() {
    const faults: [Record<string, string>, number][] = [
      [{ DATABASE_URL: "", REDIS_URL: "" }, 2],
      [{ BATCH_SIZE: "many", PORT: "-1" }, 2],
      [{ DATABASE_URL: "mysql://root@127.0.0.1:9/orders" }, 1],
      [{ REDIS_URL: "redis://127.0.0.1:9" }, 1],
      [{ HOST: "0.0.0.0" }, 2],
    ];
    for (const [env, code] of faults) {
      for (const line of ["serve", "consume --drain", "verify"]) {
        if (env.HOST !== undefined && line !== "serve") continue;
        const { err } = await typeOnBoth(line, env, code);
        assert.doesNotMatch(err, /\n +at /, "no stack");
      }
    }
  },
});

Deno.test({
  name: "signals end what serves in the same way on Deno and Bun",
  ignore: bun === undefined,
  async fn() {
    for (const line of ["start", "gateway --port=0"]) {
      for (const signal of ["SIGTERM", "SIGHUP"] as const) {
        const ended = await Promise.all(sides.map(async (side) => {
          const child = start(side, line.split(" "), { PORT: "0", LOG_LEVEL: "info" });
          const said = endOf(side, child);
          await Promise.race([said, listening(child)]);
          await end(child, signal);
          const { code, err } = await said;
          return { code, isError: /"level":"error"| at /.test(err) };
        }));
        assert.deepEqual(ended[1], ended[0], `${line}: ${signal}`);
        assert.deepEqual(ended[0], { code: 0, isError: false }, `${line}: ${signal}`);
      }
    }
  },
});

/** Settles when a command says where it listens. */
async function listening(child: ChildProcess): Promise<void> {
  const listens = Promise.withResolvers<void>();
  let said = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (part) => {
      said += part;
      if (/http:/.test(said)) listens.resolve();
    });
  }
  await listens.promise;
}

/** Tells the process below that of the task, as a terminal or a supervisor of containers does. */
async function end(child: ChildProcess, signal: "SIGTERM" | "SIGHUP"): Promise<void> {
  const children = await Deno.readTextFile(`/proc/${child.pid}/task/${child.pid}/children`)
    .catch(() => "");
  const pid = Number(children.trim().split(" ")[0]);
  Deno.kill(pid > 0 ? pid : child.pid!, signal);
}

Deno.test({
  name: "a file that one runtime has locked is locked for the other, until its process ends",
  ignore: bun === undefined,
  async fn() {
    const program = `${shared}/lock.ts`;
    await Deno.writeTextFile(
      program,
      `import { lockFile } from ${JSON.stringify(`${root}runtime/lock.ts`)};
      const [path, waits] = (globalThis.Deno?.args ?? process.argv.slice(2));
      console.log(await lockFile(path) === undefined ? "busy" : "held");
      if (waits) setInterval(() => {}, 1000);
      else (globalThis.Deno ?? process).exit(0);`,
    );
    const run = (name: Side["name"], ...args: string[]) =>
      name === "deno"
        ? spawn(Deno.execPath(), ["run", "-A", "-q", program, ...args])
        : spawn(bun!, ["run", program, ...args]);
    for (const [holder, other] of [["deno", "bun"], ["bun", "deno"]] as const) {
      const path = `${shared}/${holder}.lock`;
      const held = run(holder, path, "wait");
      const [first] = await once(held.stdout, "data");
      assert.equal(String(first).trim(), "held");
      assert.equal(
        (await text(run(other, path).stdout)).trim(),
        "busy",
        `${other} beside ${holder}`,
      );
      held.kill("SIGKILL");
      await once(held, "close");
      assert.equal(
        (await text(run(other, path).stdout)).trim(),
        "held",
        `${other} after ${holder}`,
      );
    }
  },
});
