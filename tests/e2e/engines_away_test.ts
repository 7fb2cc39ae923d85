import assert from "node:assert/strict";
import { openDatabase } from "../../db/connection/database.ts";
import { openRedis } from "../../streams/redis/redis.ts";
import { makeApp } from "../../routes/app.ts";
import { type Proxy, startProxy } from "../routes/proxy.ts";
import { assertAccessible, browserPath, openTab, type Tab } from "./browser.ts";
import { setStage } from "./stage.ts";

const stage = setStage("engines_away_e2e");

/** Pages of what the database holds. */
const pagesOfDatabase = [
  "/dashboard/orders",
  "/dashboard/orders/1",
  "/dashboard/refunds",
  "/dashboard/products",
  "/dashboard/imports",
  "/dashboard/imports/1",
  "/dashboard/dead-letters",
  "/dashboard/dead-letters/1",
];

/** Pages that can show something of their own with only one of the engines, by the engine that is away. */
const fine = {
  database: ["/dashboard", "/dashboard/streams", "/dashboard/streams/payments", "/dashboard/kpis"],
  redis: ["/dashboard", "/dashboard/streams", ...pagesOfDatabase],
};

/** A live page that needs the engine for all that it shows. */
const open = { database: "/dashboard/orders/1", redis: "/dashboard/streams/payments" } as const;

/** Pages that can't. */
const away = {
  database: pagesOfDatabase,
  redis: ["/dashboard/customers", "/dashboard/kpis", "/dashboard/streams/payments"],
};

/** A test with a tab on a service that reaches one engine through a proxy. */
function testBehindProxy(
  name: string,
  engine: "database" | "redis",
  work: (tab: Tab, proxy: Proxy) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: browserPath === undefined,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const { deps, env } = stage.service;
      const setting = engine === "database" ? env.DATABASE_URL! : env.REDIS_URL!;
      const proxy = startProxy(setting);
      const url = new URL(setting);
      url.port = String(proxy.port);
      const db = engine === "database" ? await openDatabase(url.href) : deps.db;
      const redis = engine === "redis" ? await openRedis(url.href) : deps.redis;
      const stopping = new AbortController();
      const server = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        makeApp({ ...deps, db, redis, stopping: stopping.signal }).fetch,
      );
      const tab = await openTab(stage.browser, `http://127.0.0.1:${server.addr.port}`);
      try {
        await work(tab, proxy);
      } finally {
        await tab.close();
        stopping.abort();
        proxy.close();
        await server.shutdown();
        if (engine === "database") await db.close();
        else redis.disconnect();
      }
    },
  });
}

for (const engine of ["database", "redis"] as const) {
  const test = `every page says that the ${engine} is away instead of failing`;
  testBehindProxy(test, engine, async ({ page }, proxy) => {
    const other = await page.context().newPage();
    const name = engine === "redis" ? "Redis" : /MariaDB|MySQL/;
    const notification = page.locator(".notice.bad").filter({ hasText: name });
    await page.goto("/dashboard");
    await page.locator("#live-state.on").waitFor();
    assert.equal(await notification.count(), 0);
    await other.goto(open[engine]);
    await other.locator("#live-state.on").waitFor();
    proxy.close();
    // The open page says so by itself.
    await notification.waitFor();
    const title = engine === "redis" ? "Redis gives no answer" : "The database gives no answer";
    await other.locator("#live-state.off", { hasText: title }).waitFor();
    await assertAccessible(page, `overview without ${engine}`);

    for (const path of fine[engine]) {
      assert.equal((await page.goto(path))!.status(), 200, path);
      assert.equal(await page.locator("h1").count(), 1, path);
    }
    for (const path of away[engine]) {
      assert.equal((await page.goto(path))!.status(), 503, path);
      await page.getByRole("heading", { name: title }).last().waitFor();
    }
  });
}

testBehindProxy(
  "an overview that was opened without Redis is whole when Redis is back",
  "redis",
  async ({ page, faults }, proxy) => {
    proxy.freeze();
    await page.goto("/dashboard");
    const readouts = page.locator("figure [data-readout]");
    const missing = readouts.filter({ hasText: "Not available while Redis gives no answer" });
    await missing.nth(1).waitFor();
    assert.equal(await readouts.count(), 2);
    await assertAccessible(page, "overview that was opened without Redis");
    proxy.thaw();
    await readouts.filter({ hasText: "orders/s in the last minute" }).waitFor();
    await missing.first().waitFor({ state: "detached" });
    await page.locator(".notice.bad").filter({ hasText: "Redis" }).waitFor({ state: "detached" });
    assert.deepEqual(faults, []);
  },
);
