import assert from "node:assert/strict";
import { join } from "node:path";
import { migrate } from "../../db/connection/migrate.ts";
import { until } from "../../tools/chaos/harness/until.ts";
import { csvOf, manyRows } from "../csv_orders.ts";
import { ownRedis } from "../own_engines.ts";
import { replicatedPair, setReadOnly } from "../replicated_pair.ts";
import { typedTask } from "../typed_task.ts";

const root = new URL("../../", import.meta.url);

/** Enough that a primary changes while they are written. */
const orders = 8_000;

Deno.test("import ends well although its primary is demoted and another one is promoted meanwhile", async () => {
  await using pair = await replicatedPair();
  await using redis = await ownRedis();
  const { first, second, url } = pair;
  await migrate(url);
  const folder = await Deno.makeTempDir();
  const file = join(folder, "orders.csv");
  await Deno.writeTextFile(file, csvOf(manyRows(orders)));
  const countOn = async (server: typeof first) => {
    const [row] = await server.administer("select count(*) as orders from orders.orders");
    return Number(row!.orders);
  };
  const child = new Deno.Command(Deno.execPath(), {
    args: typedTask("import", file, "--json"),
    cwd: root,
    env: {
      DATABASE_URL: url,
      REDIS_URL: redis.url,
      REDIS_PREFIX: "",
      LOG_LEVEL: "info",
      LOG_FORMAT: "text",
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const heard = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const out = new Response(child.stdout).text();
  try {
    await until(
      "the first orders are there",
      30_000,
      async () => await countOn(first) > 0 || `none yet: ${said}`,
    );
    await setReadOnly(first, true);
    const before = await countOn(first);
    assert.ok(before < orders, "the import was faster than its failover");
    await until(
      "it says what it waits for",
      20_000,
      () => said.includes("import waits for the database") || said,
    );
    await pair.caughtUp();
    await pair.promote();
    const { code } = await child.status;
    await heard;
    assert.equal(code, 0, said);
    assert.match(said, /import goes on/);
    const report = JSON.parse((await out).trim().split("\n").at(-1)!);
    assert.deepEqual(
      [report.orders, report.orders_new + report.orders_unchanged],
      [orders, orders],
    );
    assert.equal(await countOn(second), orders);
    assert.equal(await countOn(first), before, "nothing went to the old primary");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
