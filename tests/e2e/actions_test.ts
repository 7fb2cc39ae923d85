import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Database } from "../../db/connection/database.ts";
import { storeOrder } from "../routes/api.ts";
import { openTab } from "./browser.ts";
import { bringAgain, untilDrained } from "./service.ts";
import { takePicture } from "./pictures.ts";
import { setStage } from "./stage.ts";

const stage = setStage("actions_e2e");

stage.test("figures move by themselves while an imported file drains", async ({ page }) => {
  const revenue = page.locator('[data-figure="revenue-GBP"]');
  await page.goto("/dashboard");
  const before = await revenue.textContent();
  const importer = await openTab(stage.browser, stage.service.url);
  const importing = importer.page;
  await importing.goto("/dashboard/imports");
  const rows = Array.from(
    { length: 300 },
    (_, index) =>
      `E2E-${index},2024-01-05 10:00:00,GBP,e2e,e2e@example.com,"Ann, of the tests",E2E-MUG,Mug,250,2`,
  );
  rows.push("E2E-BAD,2024-01-05 10:00:00,GBP,e2e,e2e@example.com,Ann,E2E-MUG,Mug,250,0");
  const file = fileOf("shop.csv", rows);

  await importing.setInputFiles("#file", file);
  await importing.getByRole("button", { name: "Preview", exact: true }).click();
  await importing.getByRole("button", { name: "Import 300 orders" }).waitFor();
  await importing.getByRole("region", { name: "Why rows would be rejected" }).getByText("qty")
    .waitFor();
  assert.equal(await revenue.textContent(), before);

  await importing.goto("/dashboard/imports");
  await importing.setInputFiles("#file", file);
  await importing.getByRole("button", { name: "Import", exact: true }).click();
  await importing.waitForURL(/imports\/\d+$/);
  await importing.getByText("Done").waitFor();
  const figure = (name: string) => importing.locator(`dl > div:has(dt:text-is("${name}")) dd`);
  assert.equal(await figure("New").textContent(), "300");
  await importing.getByRole("region", { name: "Rejected rows" }).getByText("E2E-BAD").waitFor();
  const downloading = importing.waitForEvent("download");
  await importing.getByRole("link", { name: "Download rejects" }).click();
  const rejects = await Deno.readTextFile((await (await downloading).path())!);
  assert.match(rejects, /E2E-BAD,.*qty/);
  await importer.close();
  assert.deepEqual(importer.faults, []);

  await revenue.filter({ hasNotText: before! }).waitFor();
  await page.locator('tr:has-text("orders") [data-figure="waiting-orders"]:text-is("0")').waitFor();
});

stage.test("the money that waits is shown while it waits", async ({ page }) => {
  await page.goto("/dashboard");
  await bringAgain(stage.service);
  await page.locator("tr", { hasText: "payments" }).locator(".money-list").waitFor();
  await takePicture(page, "overview-in-motion");
  await page.emulateMedia({ colorScheme: "dark" });
  await takePicture(page, "overview-in-motion-dark");
  await page.goto("/dashboard/streams/payments");
  await page.locator("[data-chart] canvas").nth(2).waitFor();
  await takePicture(page, "stream-in-motion-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/dashboard");
  await untilDrained(stage.service);
  await page.locator("tr", { hasText: "payments" }).locator(".money-list").waitFor({
    state: "detached",
  });
});

stage.test("a file that is no CSV is refused on the spot", async ({ page }) => {
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

stage.test("an order is refunded once by a double click", async ({ page }) => {
  const id = await stage.somePaidOrder();
  await page.goto(`/dashboard/orders/${id}`);
  assert.ok(await page.getByLabel(/All that is left/).isChecked());
  await page.getByLabel(/Amount of the part/).fill("12.34");
  assert.ok(await page.getByLabel("A part of it").isChecked(), "what is typed selects it");
  await page.getByLabel(/Reason/).fill("one mug broken");
  await page.getByRole("button", { name: "Refund…" }).dblclick();
  await page.getByRole("heading", { name: /^Refund £12\.34 to .+\?$/ }).waitFor();
  await page.getByRole("button", { name: "Refund £12.34" }).dblclick();
  await page.getByText("The refund was requested").waitFor();
  await page.locator(".timeline").getByText("Refund processed").waitFor();
  const rows = await stage.service.deps.db.query(
    "select amount_cents, status from refunds where order_id = ?",
    [id],
  );
  assert.deepEqual(rows.map((row) => Number(row.amount_cents)), [1_234]);
  await page.getByText("£12.34").first().waitFor();
  await page.evaluate("scrollTo(0, 0)");
  await takePicture(page, "order-refunded");
});

stage.test("an order that waits is cancelled, and its end is written to the log", async ({ page }) => {
  // Of no message: a paused group may take one more, which is paid on a slow machine before it is cancelled.
  const id = await storeOrder(stage.service.deps.db, { status: "PENDING", currency: "GBP" });
  await page.goto(`/dashboard/orders/${id}`);
  await page.getByRole("button", { name: "Cancel the order…" }).click();
  await page.getByRole("heading", { name: /^Cancel order S-\S+ of Name of / }).waitFor();
  await page.getByRole("link", { name: "Keep the order" }).click();
  await page.getByRole("button", { name: "Cancel the order…" }).click();
  await page.getByRole("button", { name: "Cancel the order", exact: true }).waitFor();
  const refused = await page.evaluate(`(() => {
    const refused = [];
    addEventListener("submit", (event) => refused.push(event.defaultPrevented));
    const button = document.querySelector("main form button");
    button.click();
    // A page whose last file comes late is shown between the two clicks.
    dispatchEvent(new PageTransitionEvent("pageshow"));
    button.click();
    return refused;
  })()`);
  assert.deepEqual(refused, [false, true], "the second click sends nothing");
  await page.getByText("The order was cancelled").waitFor();
  await page.locator(".path").getByText("Cancelled").waitFor();
  await page.getByText("order.cancelled").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Cancel the order" }).count(), 0);
  await untilDrained(stage.service);
});

stage.test("a group is paused and resumed, and its work waits meanwhile", async ({ page }) => {
  await page.goto("/dashboard/streams/notifications");
  await page.getByRole("button", { name: "Pause…" }).click();
  await page.getByRole("heading", { name: "Pause the group notifications?" }).waitFor();
  await page.getByRole("button", { name: "Pause notifications" }).click();
  await page.getByText("This group is paused").waitFor();
  // A consumer that is just waiting for a message notices within two seconds, and takes one until then.
  const { redis, keys } = stage.service.deps;
  const waiting = page.locator("dl > div:has(dt:text-is('Unread')) dd");
  for (let order = 0; await redis.xlen(keys.stream("notifications")) === 0; order++) {
    await postOrder(stage.service.url, `PAUSED-${order}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await page.locator("dl > div").filter({ hasText: /^Unread[1-9]/ }).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause…" }).waitFor();
  await untilDrained(stage.service);
  await page.locator("dl > div").filter({ hasText: /^Unread0$/ }).waitFor();
  assert.equal(await waiting.textContent(), "0");
});

stage.test("dead letters are selected, looked at and retried", async ({ page }) => {
  await stage.storeDeadLetters(6);
  await page.goto("/dashboard/dead-letters");
  const before = await page.locator("tbody tr").count();
  await page.locator('tbody input[type="checkbox"]').nth(0).check();
  await page.locator('tbody input[type="checkbox"]').nth(1).check();
  await page.getByRole("button", { name: "Retry selected" }).click();
  await page.getByRole("heading", { name: "Retry 2 dead letters?" }).waitFor();
  await page.getByRole("button", { name: "Retry 2" }).click();
  await page.getByText("2 dead letters were published again").waitFor();
  assert.equal(await page.locator("tbody tr").count(), before - 2);
  await untilDrained(stage.service);
});

stage.test("one dead letter is read and retried", async ({ page }) => {
  await stage.storeDeadLetters(2);
  await page.goto("/dashboard/dead-letters");
  const name = (await page.locator("tbody th a").first().textContent())!;
  await page.locator("tbody th a").first().click();
  await page.getByText("type: payment.charge").waitFor();
  await page.locator(".timeline").getByText("Taken into the books").waitFor();
  await page.getByRole("link", { name: "Retry" }).click();
  await page.getByRole("button", { name: "Retry 1" }).click();
  await page.getByText("1 dead letter was published again").waitFor();
  assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
  await untilDrained(stage.service);
});

stage.test("all dead letters that match are counted first, then discarded", async ({ page }) => {
  await stage.storeDeadLetters(6);
  await page.goto("/dashboard/dead-letters");
  const before = await page.locator("tbody tr").count();
  await page.getByLabel("Error").fill("502");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/error=502/);
  const matching = await page.locator("tbody tr").count();
  assert.ok(matching > 0 && matching < before);
  await page.getByRole("link", { name: `Discard all ${matching} matching` }).click();
  await page.getByRole("heading", { name: `Discard ${matching} dead letters?` }).waitFor();
  await page.getByText("at stake").waitFor();
  await page.getByRole("button", { name: `Discard ${matching}` }).click();
  await page.getByText(`${matching} dead letters were discarded`).waitFor();
  assert.equal(await page.locator("tbody tr").count(), before - matching);
  await page.goto("/dashboard/dead-letters?error=502");
  await page.getByText("No dead letter fits").waitFor();
});

stage.test("the figures of an import move while it runs", async ({ page }) => {
  const { db } = stage.service.deps;
  // No batch of the file has both products.
  const skus = ["HELD-1", "HELD-2"];
  for (const sku of skus) {
    await db.run(
      `
      insert into products (sku, name, price_cents, stock_qty, received_qty)
      values (?, 'Mug', 1, 5000, 5000)`,
      [sku],
    );
  }
  const [first, second] = await Promise.all(skus.map((sku) => holdProduct(db, sku)));
  try {
    const rows = skus.flatMap((sku) =>
      Array.from(
        { length: 1_000 },
        (_, index) =>
          `${sku}-${index},2024-01-05 10:00:00,GBP,e2e,e2e@example.com,Ann,${sku},Mug,1,1`,
      )
    );
    await page.goto("/dashboard/imports");
    await page.setInputFiles("#file", fileOf("slow.csv", rows));
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.waitForURL(/imports\/\d+$/);
    await page.locator("#live-state.on").waitFor();
    const figure = (name: string, count: string) =>
      page.locator(
        `dl > div:has(dt:text-is("${name}")) dd :text-is("${count}"), dl > div:has(dt:text-is("${name}")) dd:text-is("${count}")`,
      );
    await page.getByText("Running").waitFor();
    await figure("New", "0").waitFor();
    await page.evaluate("document.body.dataset.same = 'yes'");
    // Served imports take fewer orders to a batch: of the first product there are two, of which one may be just behind the other.
    await first!();
    await figure("New", "1,000").waitFor();
    await page.getByText("Running").waitFor();
    assert.equal(await page.evaluate("document.body.dataset.same"), "yes", "it is the same page");
    await second!();
    await page.getByText("Done").waitFor();
    await figure("New", "2,000").waitFor();
  } finally {
    await Promise.all([first!(), second!()]);
  }
  await untilDrained(stage.service);
});

/** A file as a browser sends it. */
function fileOf(name: string, rows: readonly string[]) {
  const head =
    "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku," +
    "product_name,unit_price_cents,qty";
  return { name, mimeType: "text/csv", buffer: Buffer.from([head, ...rows].join("\n")) };
}

/** Keeps orders of a product from being taken; @returns what lets it go, and may be called again */
async function holdProduct(db: Database, sku: string): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const ended = db.transaction(async (tx) => {
    await tx.query("select id from products where sku = ? for update", [sku]);
    held.resolve();
    await free.promise;
  }, { idleTransactionSeconds: 600 });
  await Promise.race([held.promise, ended]);
  return () => {
    free.resolve();
    return ended;
  };
}

/** Sends an order that will be paid; @returns its id */
async function postOrder(url: string, externalOrderId: string): Promise<number> {
  const response = await fetch(`${url}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      external_order_id: externalOrderId,
      placed_at: "2024-01-05T10:00:00Z",
      currency: "GBP",
      customer: { external_id: "e2e", email: "e2e@example.com", name: "Ann" },
      items: [{ sku: externalOrderId, name: "Mug", unit_price_cents: 100, qty: 1 }],
    }),
  });
  assert.equal(response.status, 202);
  return (await response.json()).id;
}

stage.test("a webhook endpoint is added, tested and given another secret by keyboard", async ({ page }) => {
  const press = async (role: "button" | "link", name: string) => {
    await page.getByRole(role, { name, exact: true }).focus();
    await page.keyboard.press("Enter");
  };
  await page.goto("/dashboard/webhook-endpoints");
  await press("link", "Add an endpoint");
  await page.getByRole("heading", { name: "Add a webhook endpoint" }).waitFor();
  await page.getByLabel("URL").focus();
  await page.keyboard.type("https://shop.example/hooks/keyboard");
  await page.keyboard.press("Tab");
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Tab");
  // All events are chosen at first; the first kind instead.
  await page.keyboard.press("Space");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await press("button", "Add the endpoint");
  const secret = page.getByLabel("Secret", { exact: true });
  await secret.waitFor();
  assert.match(await secret.inputValue(), /^whsec_/);
  assert.ok(await secret.evaluate((element) => element.matches(":focus")));
  await press("link", "On to the endpoint");
  await page.getByText("By keyboard").first().waitFor();
  await page.getByText("order.*", { exact: true }).waitFor();
  await press("button", "Send a test");
  await page.getByText(/^evt_test-/).waitFor();
  await page.getByLabel("The secret before signs as well").focus();
  await page.keyboard.press("ArrowDown");
  const first = page.url();
  await press("button", "Make another secret");
  await secret.waitFor();
  await page.getByText("The secret before signs as well until").waitFor();
  await page.goto(first);
  await press("button", "Remove");
  await press("button", "Remove it");
  await page.getByText("There is no endpoint yet").waitFor();
});
