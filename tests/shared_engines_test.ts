import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  holdEngines,
  listEngines,
  shareEngines,
  stopEngines,
} from "../tools/engines/shared_engines.ts";
import { describeStartFault } from "../tools/engines/start_fault.ts";
import { typed } from "../runtime/typed.ts";
import { typedTask } from "./typed_task.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Milliseconds that processes of a dead owner get to disappear. */
const goneMs = 30_000;

async function withFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "orders_shared_" });
  try {
    await work(dir);
  } finally {
    for (const { engines } of await listEngines(dir)) await stopEngines(engines);
    await Deno.remove(dir, { recursive: true });
  }
}

/** What a task printed, and its exit code. */
interface Typed {
  code: number;
  out: string;
  err: string;
}

/** A task as it is typed where nothing is set but the folder of the engines. */
async function type(
  dir: string,
  env: Record<string, string>,
  task: string,
  ...args: string[]
): Promise<Typed> {
  const { PATH, HOME, DENO_DIR } = Deno.env.toObject();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: typedTask(task, ...args),
    cwd: root,
    clearEnv: true,
    env: {
      PATH: PATH!,
      HOME: HOME!,
      ...(DENO_DIR ? { DENO_DIR } : {}),
      LOG_LEVEL: "error",
      ENGINES_DIR: dir,
      ...env,
    },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

async function until(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + goneMs;
  while (!await isTrue()) {
    assert.ok(Date.now() < deadline, `${what} within ${goneMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const filesIn = async (dir: string) =>
  (await Array.fromAsync(Deno.readDir(join(dir, "running")))).map(({ name }) => name);

Deno.test("two commands that start at the same moment get the same engines, and the next ones keep them", () =>
  withFolder(async (dir) => {
    const [one, other] = await Promise.all([type(dir, {}, "kpis"), type(dir, {}, "verify")]);
    for (const { code, out, err } of [one, other]) {
      assert.equal(code, 0, err);
      assert.notEqual(out, "");
      assert.match(
        err,
        new RegExp(
          `^No engine is set: using private ones(, started now)?; see ${typed("engines")}\\n$`,
        ),
      );
    }
    const [first, ...others] = await listEngines(dir);
    assert.deepEqual(others, []);
    assert.deepEqual(first!.users, [], "both have ended");
    const file = join(dir, "running", (await filesIn(dir))[0]!);
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);

    const csv = join(dir, "orders.csv");
    await Deno.writeTextFile(
      csv,
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
        "product_sku,product_name,unit_price_cents,qty\n" +
        "o1,2026-01-01 10:00:00,EUR,c1,c@example.com,Cy,s1,Mug,1250,2\n",
    );
    const imported = await type(dir, {}, "import", csv);
    assert.equal(imported.code, 0, imported.err);
    assert.match(imported.err, /^No engine is set: using private ones; see/);
    assert.match(
      imported.err,
      new RegExp(`^Nobody works on orders yet: run ${typed("start")}$`, "m"),
    );
    const consumed = await type(dir, { GATEWAY_DELAY_MS: "0" }, "consume", "--drain");
    assert.equal(consumed.code, 0, consumed.err);
    const kpis = await type(dir, {}, "kpis", "--json");
    assert.equal(JSON.parse(kpis.out).kpis[0].revenue_cents, 2_500);
    const refunded = await type(dir, {}, "refund", "1", "500");
    assert.match(refunded.out, /^Refund 1 of order 1, the shop's \S+: 5\.00 EUR requested$/m);

    const status = await type(dir, {}, "engines");
    assert.match(status.out, /used by nobody now\n {2}DATABASE_URL=mysql:/);
    const stopped = await type(dir, {}, "engines", "stop");
    assert.deepEqual([stopped.code, stopped.out], [0, `Stopped the engines in ${dir}\n`]);
    for (const url of [first!.engines.env.DATABASE_URL!, first!.engines.env.REDIS_URL!]) {
      const { hostname, port } = new URL(url);
      await assert.rejects(Deno.connect({ hostname, port: Number(port) }));
    }
    assert.deepEqual(await filesIn(dir), []);
    const kept = await type(dir, {}, "kpis", "--json");
    assert.equal(JSON.parse(kept.out).kpis[0].revenue_cents, 2_500, "their data stays");
  }));

Deno.test("doctor finds nothing to do on a new machine, and says in one line why engines can't start", () =>
  withFolder(async (dir) => {
    const { code, out } = await type(dir, {}, "doctor");
    assert.equal(code, 0, out);
    assert.match(out, /^ok +migrations +the next command applies them$/m);
    assert.match(out, /^ok +streams +there is no order yet that they could hold$/m);
    assert.match(out, /^0 problems, 2 warnings$/m, "private engines and a simulated provider");
    const file = join(dir, "file");
    await Deno.writeTextFile(file, "");
    const refused = await type(join(file, "below"), {}, "doctor");
    assert.equal(refused.code, 1);
    assert.match(
      refused.out,
      /^problem +private engines +\S.*\n +→ or set DATABASE_URL and REDIS_URL$/m,
    );
  }));

Deno.test("describeStartFault() says what the system says, or the server's last fault", () => {
  const said = (message: string) => describeStartFault(new Error(message), "/srv/e");
  const log = (line: string) =>
    `Cannot create a mariadb data folder:\nNote: begins\n${line}\nNote: ends`;
  assert.match(
    said(log("[ERROR] InnoDB: preallocating 536870912 bytes for file ./ib failed with error 28")),
    /^the disk of \/srv\/e is full, and new engines take 700 MB; free some, or set ENGINES_DIR/,
  );
  assert.match(
    said("EROFS: read-only file system, mkdir '/srv/e'"),
    /^the disk .* is read-only; set/,
  );
  assert.match(
    said("EACCES: permission denied, mkdir"),
    /^this user may not write into \/srv\/e; set/,
  );
  assert.equal(
    said(log("[ERROR] Aborting")),
    "Cannot create a mariadb data folder: [ERROR] Aborting",
  );
  assert.equal(said("ended"), "ended");
});

Deno.test("a keeper that is killed leaves nothing that a later command trips over", () =>
  withFolder(async (dir) => {
    assert.equal((await type(dir, {}, "migrate")).code, 0);
    const { engines } = (await listEngines(dir))[0]!;
    Deno.kill(engines.pid, "SIGKILL");
    const left = await filesIn(dir);
    assert.equal(left.length, 1, "the file of a crash stays");
    // The pids that a new start of the machine leaves behind may be those of others by now.
    await until("the engines end", async () => {
      for (const name of ["mariadb-data/mariadb", "mariadb-redis/redis"]) {
        const pid = await Deno.readTextFile(join(dir, `${name}.engine.pid`)).catch(() => "");
        if (pid !== "") return false;
      }
      return true;
    });
    await Deno.writeTextFile(join(dir, "mariadb-data", "mariadb.engine.pid"), `${Deno.pid}\n`);
    // And somebody else may listen on the port.
    const stranger = Deno.listen({ hostname: "127.0.0.1", port: engines.port });
    const asked: string[] = [];
    void (async () => {
      for await (const connection of stranger) {
        const buffer = new Uint8Array(1_024);
        const length = await connection.read(buffer);
        asked.push(new TextDecoder().decode(buffer.subarray(0, length ?? 0)));
        await connection.write(new TextEncoder().encode("welcome\n"));
      }
    })().catch(() => {});
    try {
      const { code, err } = await type(dir, {}, "kpis");
      assert.equal(code, 0, err);
      assert.match(err, /started now/);
      for (const line of err.split("\n")) assert.ok(line.length <= 80, line);
    } finally {
      stranger.close();
    }
    assert.ok(asked.length > 0 && asked.every((line) => line.startsWith(engines.ask)));
    assert.ok(!(await filesIn(dir)).some((name) => left.includes(name)));
  }));

Deno.test("kept engines end when nobody has used them for a while, and not while somebody does", () =>
  withFolder(async (dir) => {
    const keeper = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=tools", "tools/engines/keep.ts", dir, "300"],
      cwd: root,
      stdin: "null",
    }).spawn();
    const held = await (async () => {
      while (true) {
        const held = await holdEngines(dir);
        if (held !== undefined) return held;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    assert.deepEqual((await listEngines(dir))[0]!.users, [Deno.pid]);
    let hasEnded = false;
    void held.ended.then(() => hasEnded = true);
    // Longer than they are kept without a user: nothing may happen, which only time can show.
    await new Promise((resolve) => setTimeout(resolve, 900));
    assert.equal(hasEnded, false);
    held.release();
    assert.equal((await keeper.status).code, 0);
    assert.deepEqual(await filesIn(dir), []);
  }));

Deno.test("engines of a demo are used first, with its settings, and nobody else ends them", () =>
  withFolder(async (dir) => {
    const env = { DATABASE_URL: "mysql://a@127.0.0.1:1/orders", REDIS_URL: "redis://127.0.0.1:1" };
    const older = await shareEngines(dir, { by: "engines", env, dir });
    const demo = await shareEngines(dir, {
      by: "demo",
      env: { ...env, BASE_CURRENCY: "GBP" },
      dir,
    });
    const held = await holdEngines(dir);
    assert.deepEqual([held!.engines.by, held!.engines.env.BASE_CURRENCY], ["demo", "GBP"]);
    assert.equal((await holdEngines(dir, "engines"))!.engines.by, "engines");
    assert.equal(await stopEngines(held!.engines), false);
    const { code, err } = await type(dir, {}, "kpis");
    assert.equal(code, 1);
    assert.match(err, /^No engine is set: using those of demo \(\d+\); see/);
    assert.match(
      err,
      /^kpis: Cannot reach the database at .*: nobody listens on 127\.0\.0\.1:1; start/m,
    );
    for (const share of [older, demo]) {
      await share.withdraw();
      share.close();
    }
    await held!.ended;
    assert.equal(await holdEngines(dir), undefined);
  }));

Deno.test("production refuses to keep orders in private engines, and so does a host beyond this machine", () =>
  withFolder(async (dir) => {
    for (const [name, value] of [["REQUIRE_SETTINGS", "1"], ["NODE_ENV", "production"]] as const) {
      const reason = `${name}=${value}`;
      for (const command of ["start", "kpis"]) {
        const { code, err } = await type(dir, { [name]: value }, command);
        assert.equal(code, 2);
        assert.equal(
          err,
          `${command}: Bad settings: DATABASE_URL and REDIS_URL are required, because ${reason} allows no private engines\n`,
        );
      }
    }
    const open = await type(dir, { HOST: "0.0.0.0", ALLOW_ANONYMOUS: "1" }, "serve");
    assert.equal(open.code, 2);
    assert.match(
      open.err,
      /^serve: Bad settings: HOST is 0\.0\.0\.0, but private engines are for this machine alone/,
    );
    const half = await type(dir, { REDIS_URL: "redis://127.0.0.1:1" }, "kpis");
    assert.deepEqual([half.code, half.err], [2, "kpis: Bad settings: DATABASE_URL is required\n"]);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(dir)), [], "nothing was started");
  }));

Deno.test("the file of engines whose process takes its time stays, and that of a dead one goes", () =>
  withFolder(async (dir) => {
    const env = { DATABASE_URL: "mysql://a@127.0.0.1:1/orders", REDIS_URL: "redis://127.0.0.1:1" };
    const slow = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const silent: Deno.Conn[] = [];
    void (async () => {
      for await (const connection of slow) silent.push(connection);
    })().catch(() => {});
    const fileOf = (by: string, port: number) =>
      Deno.writeTextFile(
        join(dir, "running", `${by}-1.json`),
        JSON.stringify({ by, pid: 1, env, dir, port, ask: "a", answer: "b", startedMs: 1 }),
      );
    await Deno.mkdir(join(dir, "running"));
    await fileOf("slow", slow.addr.port);
    await fileOf("dead", 1);
    const share = await shareEngines(dir, { by: "demo", env, dir });
    assert.deepEqual((await filesIn(dir)).sort(), [`demo-${Deno.pid}.json`, "slow-1.json"]);
    await share.withdraw();
    share.close();
    for (const connection of silent) connection.close();
    slow.close();
  }));

Deno.test("a folder that others may write to leads nobody to engines, nor does a file of others", () =>
  withFolder(async (dir) => {
    const env = { DATABASE_URL: "mysql://stranger@127.0.0.1/theirs" };
    const share = await shareEngines(dir, { by: "demo", env, dir });
    try {
      const [file] = await Array.fromAsync(Deno.readDir(join(dir, "running")));
      const path = join(dir, "running", file!.name);
      const found = async () => {
        const held = await holdEngines(dir);
        held?.release();
        return held !== undefined;
      };
      assert.equal(await found(), true);
      await Deno.chmod(path, 0o666);
      assert.equal(await found(), false, "anybody could have written it");
      await Deno.chmod(path, 0o600);
      await Deno.rename(path, join(dir, "elsewhere"));
      await Deno.symlink(join(dir, "elsewhere"), path);
      assert.equal(await found(), false, "it is a link");
      for (const folder of [join(dir, "running"), dir]) {
        await Deno.chmod(folder, 0o777);
        await assert.rejects(holdEngines(dir), /any user may write there; type chmod o-w/);
        await assert.rejects(shareEngines(dir, { by: "demo", env, dir }), /any user may write/);
        await Deno.chmod(folder, 0o700);
      }
      if (Deno.uid() !== 0) return;
      await Deno.chown(dir, 65_534, null);
      await assert.rejects(holdEngines(dir), /belongs to another user; set ENGINES_DIR/);
      await Deno.chown(dir, 0, null);
    } finally {
      await share.withdraw();
      share.close();
    }
  }));
