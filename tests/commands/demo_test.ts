import { listEngines } from "../../tools/engines/shared_engines.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { progressLine } from "../../commands/demo_screen.ts";
import { run } from "./run_command.ts";
import { typedTask } from "../typed_task.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("demo says that its file does not exist, before it starts anything", async () => {
  const { code, out, err } = await run({ INIT_CWD: "/" }, "demo", "nofile.csv");
  assert.deepEqual([code, out], [1, ""]);
  assert.equal(err, "demo: Cannot import nofile.csv: there is no such file");
});

Deno.test("progressLine() shows the share that is done, and fits with all groups busy", () => {
  const group = (name: string, length: number, amountCents = 0) => ({
    group: name as "orders",
    length,
    scheduled: 0,
    money: amountCents === 0 ? [] : [{ currency: "GBP", amountCents }],
  });
  const busy = (size: number) =>
    ["orders", "payments", "notifications", "refunds"].map((name) =>
      group(name, size, size * 12_345)
    );
  for (const size of [0, 9, 1_400, 99_999, 1_000_000]) {
    const line = progressLine(busy(size), 3 * size, 79);
    assert.ok(line.length <= 79, line);
    assert.match(line, / orders [\d,]+ {2}payments [\d,]+ {2}notifications [\d,]+ {2}refunds/);
  }
  const half = [group("orders", 0), group("payments", 150, 100_00), group("notifications", 0)];
  assert.equal(
    progressLine(half, 200, 79),
    "  █████░░░░░   50%  orders 0  payments 150  notifications 0  100.00 GBP",
  );
  assert.match(progressLine([group("orders", 0)], 200, 79), /██████████ {2}100%/);
});

/** The demo on a terminal of 80 columns, as lines without what moves the cursor. */
async function onTerminal(dir: string, ...args: string[]): Promise<string[]> {
  const typed = [Deno.execPath(), ...typedTask("demo", ...args)].join(" ");
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", `stty cols 80 rows 40; ${typed}`, "/dev/null"],
    cwd: root,
    env: { ENGINES_DIR: dir, DATABASE_URL: "", REDIS_URL: "", GATEWAY_DELAY_MS: "300" },
    stdin: "null",
  }).output();
  // deno-lint-ignore no-control-regex
  const plain = new TextDecoder().decode(stdout).replaceAll(/\x1b\[[0-9;]*m/g, "");
  // deno-lint-ignore no-control-regex
  return plain.split(/\r?\n|\r\x1b\[K/).map((line) => line.replaceAll(/\x1b\[[0-9]*[GKJ]/g, ""));
}

Deno.test({
  name:
    "demo fits a terminal, says why orders were rejected and failed, and in the file's currency",
  // The program that makes a terminal is another one elsewhere.
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const dir = await Deno.makeTempDir({ prefix: "orders_demo_" });
    try {
      const lines = await onTerminal(dir, "--exit");
      for (const line of lines) assert.ok([...line].length <= 80, line);
      const said = lines.join("\n");
      assert.match(
        said,
        /rejected: 625 orders, 16,321 rows \(a real file, dirty on purpose\)\n {4}[\d,]+ × /,
      );
      assert.match(said, /Failed: \d+ of 1,400 orders\n/);
      assert.match(said, /payment_declined +the simulated gateway declines odd totals\n/);
      assert.match(said, /insufficient_stock +there are 1,000 units of each product here\n/);
      assert.match(said, /░ +\d+% {2}orders [\d,]+ {2}payments/);
      assert.match(said, /All agree/);
      const file = `${dir}/mine.csv`;
      await Deno.writeTextFile(
        file,
        "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
          "product_sku,product_name,unit_price_cents,qty\n" +
          "a1,2026-01-01 10:00:00,usd,1,a@example.com,Ann,S1,Mug,1250,2\n" +
          "a2,2026-01-01 10:00:00,USD,1,a@example.com,Ann,S1,Mug,1250,none\n",
      );
      const own = (await onTerminal(dir, "--exit", file)).join("\n");
      assert.match(own, /rejected: 1 order, 1 row\n {4}1 × qty: must be an integer/);
      assert.match(own, /USD +25\.00 +1 /);
      assert.match(own, /Leaderboard \(USD\)\n.*\n +1 +Ann +25\.00/);
      assert.doesNotMatch(own, /GBP|EUR/);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

/**
 * Listens on a port. Another test may have it for a while, and would let it go in the middle of this one; whoever has it for
 * longer keeps it.
 */
async function takePort(port: number): Promise<Deno.Listener | undefined> {
  for (let tries = 0; tries < 60; tries++) {
    try {
      return Deno.listen({ hostname: "127.0.0.1", port });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

Deno.test("a second demo picks another port and says which, and its first line of the end is the dashboard", async () => {
  const dir = await Deno.makeTempDir({ prefix: "orders_demo_" });
  const file = `${dir}/one.csv`;
  await Deno.writeTextFile(
    file,
    "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
      "product_sku,product_name,unit_price_cents,qty\n" +
      "a1,2026-01-01 10:00:00,EUR,1,a@example.com,Ann,S1,Mug,1250,2\n",
  );
  const taken = await takePort(8000);
  // Whoever uses these engines beside it has to count and to name streams as it does.
  const own = {
    BASE_CURRENCY: "GBP",
    INITIAL_STOCK: "7",
    KPI_TIMEZONE: "Europe/Berlin",
    REDIS_PREFIX: "shop:",
  };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=tools", "--allow-net", "main.ts", "demo", file],
    cwd: root,
    env: {
      ENGINES_DIR: dir,
      DATABASE_URL: "",
      REDIS_URL: "",
      PORT: "",
      GATEWAY_DELAY_MS: "10",
      ...own,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    let out = "";
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    while (!out.includes("Ctrl-C ends")) {
      const { value, done } = await reader.read();
      assert.ok(!done, out);
      out += value;
    }
    const [, end] = out.split("All agree");
    const port = /^.*\n\nDashboard: http:\/\/127\.0\.0\.1:(\d+)\/dashboard\n/.exec(end!)?.[1];
    assert.ok(port !== undefined && port !== "8000", out);
    const page = await fetch(`http://127.0.0.1:${port}/dashboard`);
    assert.equal(page.status, 200);
    await page.body?.cancel();
    const { DATABASE_URL: _, REDIS_URL: __, ...shared } = (await listEngines(dir))[0]!.engines.env;
    assert.deepEqual(shared, own);
    const status = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "main.ts", "engines"],
      cwd: root,
      env: { ENGINES_DIR: dir },
    }).output();
    assert.match(
      new TextDecoder().decode(status.stdout),
      new RegExp(
        `^Those of demo, process ${child.pid}, in .*\n  used by process ${child.pid}$`,
        "m",
      ),
    );
    child.kill("SIGHUP");
    void reader.read().then(function drain({ done }): unknown {
      return done ? undefined : reader.read().then(drain);
    });
    const [{ code }, said] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.equal(code, 0, "the end of a terminal ends it in order");
    assert.match(said, new RegExp(`^Port 8000 is taken: using ${port}$`, "m"));
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${dir}/running`)), []);
  } finally {
    taken?.close();
    await Deno.remove(dir, { recursive: true });
  }
});
