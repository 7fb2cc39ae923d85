import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { buryMessages } from "../../db/dead_letters.ts";
import { openDatabase } from "../../db/database.ts";
import { entryOf } from "../../domain/messages.ts";
import { prove } from "../../streams/proof.ts";
import { openRedis } from "../../streams/redis.ts";
import { makeApp } from "../../routes/app.ts";
import { startProxy } from "../routes/proxy.ts";
import {
  assertAccessible,
  assertFits,
  browserPath,
  openTab,
  startBrowser,
  type Tab,
} from "./browser.ts";
import { bringAgain, bringMonth, type Service, startService, untilDrained } from "./service.ts";

const missing = browserPath === undefined;
let service: Service;
let browser: Awaited<ReturnType<typeof startBrowser>>;

Deno.test.beforeAll(async () => {
  if (missing) return;
  service = await startService("dashboard_e2e", { GATEWAY_DELAY_MS: "1500" });
  browser = await startBrowser();
  await bringMonth(service);
  await buryLetters(4);
  await prove(service.deps);
});
Deno.test.afterAll(async () => {
  if (missing) return;
  await browser.close();
  await service.close();
});

/** A test with a tab of its own, which must show no fault in the end. */
function test(
  name: string,
  work: (tab: Tab) => Promise<void>,
  options: Parameters<typeof openTab>[2] = {},
): void {
  Deno.test({
    name,
    ignore: missing,
    // The service and the browser go on working between tests.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const tab = await openTab(browser, service.url, options);
      try {
        await work(tab);
        assert.deepEqual(tab.faults, []);
      } finally {
        await tab.close();
      }
    },
  });
}

async function buryLetters(count: number): Promise<void> {
  const orders = await service.deps.db.query(
    "select id, total_cents from orders where status = 'PAID' order by id desc limit ?",
    [count],
  );
  await buryMessages(
    service.deps.db,
    orders.map((row, index) => {
      const orderId = Number(row.id);
      const amountCents = Number(row.total_cents);
      return {
        group: "payments",
        messageId: `${Date.now()}-${orderId}`,
        orderId,
        refundId: null,
        amountCents,
        currency: "GBP",
        payload: JSON.stringify(
          entryOf({ type: "payment.charge", orderId, amountCents, currency: "GBP" }),
        ),
        error: index % 2 === 0 ? "the provider answered 502" : "the provider gave no answer",
        attempts: 5,
        firstSeenMs: Date.now() - 90_000,
      };
    }),
  );
}

async function somePaidOrder(): Promise<number> {
  const [row] = await service.deps.db.query(
    `
    select id
    from orders
    where status = 'PAID' and refunded_cents = 0 and total_cents > 5000
    order by id desc
    limit 1`,
  );
  return Number(row!.id);
}

/** Every kind of page. */
async function allPaths(): Promise<Record<string, string>> {
  const [letter] = await service.deps.db.query(
    "select max(id) as id from dead_letters where status = 'DEAD'",
  );
  return {
    overview: "/dashboard",
    orders: "/dashboard/orders",
    order: `/dashboard/orders/${await somePaidOrder()}`,
    refunds: "/dashboard/refunds",
    customers: "/dashboard/customers",
    products: "/dashboard/products",
    kpis: "/dashboard/kpis",
    imports: "/dashboard/imports",
    import: "/dashboard/imports/1",
    streams: "/dashboard/streams",
    stream: "/dashboard/streams/payments",
    dead_letters: "/dashboard/dead-letters",
    dead_letter: `/dashboard/dead-letters/${letter!.id}`,
    decide: "/dashboard/dead-letters/decide?verb=retry&all=1",
    nowhere: "/dashboard/orders?q=nothing-like-it",
  };
}

/** Where pictures for the README go; they are made only where asked for. */
const pictures = Deno.env.get("SCREENSHOTS") === "1"
  ? new URL("../../docs/screenshots/", import.meta.url)
  : undefined;

/** Those that are worth keeping. */
const wanted = ["order-light", "orders-phone", "dead_letters-light", "stream-dark", "kpis-light"]
  .concat("overview-in-motion", "overview-in-motion-dark");

async function takePicture(page: Tab["page"], name: string): Promise<void> {
  if (pictures === undefined || !wanted.includes(name)) return;
  await Deno.mkdir(pictures, { recursive: true });
  await page.screenshot({ path: new URL(`${name}.png`, pictures).pathname });
}

async function visitAll({ page }: Tab, look: string, check: (name: string) => Promise<void>) {
  for (const [name, path] of Object.entries(await allPaths())) {
    const response = await page.goto(path);
    assert.equal(response!.status(), 200, path);
    assert.equal(await page.locator("h1").count(), 1, `${path} has one h1`);
    if (await page.locator("[data-chart]").count() > 0) {
      await page.locator("[data-chart] canvas").first().waitFor();
    }
    if (await page.locator("body[data-live]").count() > 0) {
      await page.locator("#live-state.on").waitFor();
    }
    await check(name);
    await takePicture(page, `${name}-${look}`);
  }
}

test("every page opens with real data, accessible and without an error", async (tab) => {
  await visitAll(tab, "light", (name) => assertAccessible(tab.page, name));
});

test("every page is accessible in dark", async (tab) => {
  await visitAll(tab, "dark", (name) => assertAccessible(tab.page, name));
}, { colorScheme: "dark" });

test("every page fits a phone", async (tab) => {
  await visitAll(tab, "phone", async (name) => {
    await assertFits(tab.page, name);
    await assertAccessible(tab.page, name);
  });
}, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });

test("figures move by themselves while an imported file drains", async ({ page }) => {
  const revenue = page.locator('[data-figure="revenue-GBP"]');
  await page.goto("/dashboard");
  const before = await revenue.textContent();
  const importing = await browser.newPage({ baseURL: service.url });
  await importing.goto("/dashboard/imports");
  const rows = Array.from(
    { length: 300 },
    (_, index) =>
      `E2E-${index},2024-01-05 10:00:00,GBP,e2e,e2e@example.com,"Ann, of the tests",E2E-MUG,Mug,250,2`,
  );
  rows.push("E2E-BAD,2024-01-05 10:00:00,GBP,e2e,e2e@example.com,Ann,E2E-MUG,Mug,250,0");
  const csv = [
    "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku," +
    "product_name,unit_price_cents,qty",
    ...rows,
  ].join("\n");
  const file = {
    name: "shop.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(csv),
  };

  await importing.setInputFiles("#file", file);
  await importing.getByRole("button", { name: "Try it out" }).click();
  await importing.getByText("This was a trial: nothing was changed").waitFor();
  assert.equal(await revenue.textContent(), before);

  await importing.goto("/dashboard/imports");
  await importing.setInputFiles("#file", file);
  await importing.getByRole("button", { name: "Import", exact: true }).click();
  await importing.waitForURL(/imports\/\d+$/);
  await importing.getByText("Done").waitFor();
  const figure = (name: string) => importing.locator(`dl > div:has(dt:text-is("${name}")) dd`);
  assert.equal(await figure("New").textContent(), "300");
  const downloading = importing.waitForEvent("download");
  await importing.getByRole("link", { name: "Download rejects" }).click();
  const rejects = await Deno.readTextFile((await (await downloading).path())!);
  assert.match(rejects, /E2E-BAD,.*qty/);
  await importing.close();

  await revenue.filter({ hasNotText: before! }).waitFor();
  await page.locator('tr:has-text("orders") [data-figure="waiting-orders"]:text-is("0")').waitFor();
});

test("the money that waits is shown while it waits", async ({ page }) => {
  await page.goto("/dashboard");
  await bringAgain(service);
  await page.locator("tr", { hasText: "payments" }).locator(".money-list").waitFor();
  await takePicture(page, "overview-in-motion");
  await page.emulateMedia({ colorScheme: "dark" });
  await takePicture(page, "overview-in-motion-dark");
  await untilDrained(service);
  await page.locator("tr", { hasText: "payments" }).locator(".money-list").waitFor({
    state: "detached",
  });
});

test("a file that is no CSV is refused on the spot", async ({ page }) => {
  await page.goto("/dashboard/imports");
  await page.setInputFiles("#file", {
    name: "x.csv",
    mimeType: "text/csv",
    buffer: Buffer.from("a,b\n1,2\n"),
  });
  // The refusal's status is one that browsers write into the console.
  await page.route("**/dashboard/imports", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, status: 200 });
  });
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText(/columns external_order_id.* are missing/).waitFor();
});

test("an order is refunded once by a double click", async ({ page }) => {
  const id = await somePaidOrder();
  await page.goto(`/dashboard/orders/${id}`);
  await page.getByLabel("A part of it").check();
  await page.getByLabel(/Amount of the part/).fill("12.34");
  await page.getByLabel(/Reason/).fill("one mug broken");
  await page.getByRole("button", { name: "Refund" }).dblclick();
  await page.getByText("The refund was requested").waitFor();
  await page.locator(".timeline").getByText("Refund processed").waitFor();
  const rows = await service.deps.db.query(
    "select amount_cents, status from refunds where order_id = ?",
    [id],
  );
  assert.deepEqual(rows.map((row) => Number(row.amount_cents)), [1_234]);
  await page.getByText("£12.34").first().waitFor();
});

test("a group is paused and resumed, and its work waits meanwhile", async ({ page }) => {
  await page.goto("/dashboard/streams/notifications");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("This group is paused").waitFor();
  // A consumer that is just waiting for a message notices within two seconds, and takes one until then.
  const { redis, keys } = service.deps;
  const waiting = page.locator("dl > div:has(dt:text-is('Unread')) dd");
  for (let order = 0; await redis.xlen(keys.stream("notifications")) === 0; order++) {
    await fetch(`${service.url}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        external_order_id: `PAUSED-${order}`,
        placed_at: "2024-01-05T10:00:00Z",
        currency: "GBP",
        customer: { external_id: "e2e", email: "e2e@example.com", name: "Ann" },
        items: [{ sku: `PAUSED-${order}`, name: "Mug", unit_price_cents: 100, qty: 1 }],
      }),
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await page.locator("dl > div").filter({ hasText: /^Unread[1-9]/ }).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await untilDrained(service);
  await page.locator("dl > div").filter({ hasText: /^Unread0$/ }).waitFor();
  assert.equal(await waiting.textContent(), "0");
});

test("dead letters are selected, looked at and retried", async ({ page }) => {
  await buryLetters(6);
  await page.goto("/dashboard/dead-letters");
  const before = await page.locator("tbody tr").count();
  await page.locator('tbody input[type="checkbox"]').nth(0).check();
  await page.locator('tbody input[type="checkbox"]').nth(1).check();
  await page.getByRole("button", { name: "Retry selected" }).click();
  await page.getByRole("heading", { name: "Retry 2 dead letters?" }).waitFor();
  await page.getByRole("button", { name: "Retry 2" }).click();
  await page.getByText("Decided about 2 dead letters").waitFor();
  assert.equal(await page.locator("tbody tr").count(), before - 2);
  await untilDrained(service);
});

test("the keyboard reaches everything, beginning with the content", async ({ page }) => {
  await page.goto("/dashboard/orders");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "main");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.id"), "q");
  await page.keyboard.type("85123A");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=85123A/);
  assert.ok(await page.locator("tbody tr").count() > 5);
});

test("without scripts everything but live figures works", async ({ page }) => {
  for (const path of Object.values(await allPaths())) {
    assert.equal((await page.goto(path))!.status(), 200, path);
  }
  await page.goto("/dashboard");
  await page.getByText("Reload for new figures").waitFor();
  assert.ok(await page.locator("svg.spark polyline").first().isVisible());
  const id = await somePaidOrder();
  await page.goto(`/dashboard/orders/${id}`);
  await page.getByRole("button", { name: "Refund" }).click();
  await page.getByText("The refund was requested").waitFor();
  await page.goto("/dashboard/imports");
  await page.setInputFiles("#file", {
    name: "plain.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku," +
        "product_name,unit_price_cents,qty\nPLAIN-1,2024-01-05 10:00:00,GBP,p,p@example.com,P,P,P,100,1\n",
    ),
  });
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.waitForURL(/imports\/\d+$/);
  await page.getByText("plain.csv").first().waitFor();
}, { javaScriptEnabled: false });

Deno.test({
  name: "pages say which engine is away instead of failing",
  ignore: missing,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    for (const engine of ["database", "redis"] as const) {
      const { deps, env } = service;
      const setting = engine === "database" ? env.DATABASE_URL! : env.REDIS_URL!;
      const proxy = startProxy(setting);
      const url = new URL(setting);
      url.port = String(proxy.port);
      const db = engine === "database" ? await openDatabase(url.href) : deps.db;
      const redis = engine === "redis" ? await openRedis(url.href) : deps.redis;
      const server = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        makeApp({ ...deps, db, redis }).fetch,
      );
      const tab = await openTab(browser, `http://127.0.0.1:${server.addr.port}`);
      try {
        proxy.close();
        const { page } = tab;
        assert.equal((await page.goto("/dashboard"))!.status(), 200);
        const name = engine === "redis" ? "Redis" : /MariaDB|MySQL/;
        await page.locator(".notice.bad").filter({ hasText: name }).waitFor();
        await assertAccessible(page, `overview without ${engine}`);
        const other = engine === "redis" ? "/dashboard/kpis" : "/dashboard/orders";
        assert.equal((await page.goto(other))!.status(), 503);
        await page.getByRole("heading", { name: "An engine gives no answer" }).last().waitFor();
        const fine = engine === "redis" ? "/dashboard/orders" : "/dashboard/kpis";
        assert.equal((await page.goto(fine))!.status(), 200);
      } finally {
        await tab.close();
        await server.shutdown();
        if (engine === "database") await db.close();
        else redis.disconnect();
      }
    }
  },
});
