import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Locator, Page } from "playwright-core";
import { createImport } from "../../db/imports/imports.ts";
import { assertAccessible, assertFits, browserPath, openTab, startBrowser } from "./browser.ts";
import { type Service, startService } from "./service.ts";

let service: Service;
let browser: Awaited<ReturnType<typeof startBrowser>>;
const ignore = browserPath === undefined;

Deno.test.beforeAll(async () => {
  if (ignore) return;
  service = await startService("imports_e2e", { BASE_CURRENCY: "EUR" });
  browser = await startBrowser();
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  await browser.close();
  await service.close();
});

const shopFile = new URL("../streams/imports/files/01-shopify-export.csv", import.meta.url);

async function asShop(name: string, change: (text: string) => string = (text) => text) {
  const text = change(await Deno.readTextFile(shopFile));
  return { name, mimeType: "text/csv", buffer: Buffer.from(text) };
}

/** Goes there by the tabulator alone, as people do who can't point. */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  await wanted.waitFor();
  const focused = wanted.and(page.locator(":focus"));
  for (let steps = 0; steps < 200; steps++) {
    if (await focused.count() > 0) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${wanted} can't be reached by keyboard`);
}

async function press(page: Page, wanted: Locator, key = "Enter"): Promise<void> {
  await tabTo(page, wanted);
  await page.keyboard.press(key);
}

const button = (page: Page, name: string | RegExp) =>
  page.getByRole("button", { name, exact: true });

/** The page as it is now, in each width and look. */
async function assertGood(page: Page, name: string): Promise<void> {
  const size = page.viewportSize()!;
  for (const width of [375, 768, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await assertAccessible(page, `${name}-${width}-${colorScheme}`);
      await assertFits(page, `${name}-${width}-${colorScheme}`);
    }
  }
  await page.setViewportSize(size);
}

function test(name: string, work: (page: Page) => Promise<void>, options: object = {}): void {
  Deno.test({
    name,
    ignore,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const tab = await openTab(browser, service.url, {
        viewport: { width: 375, height: 800 },
        // Colours that are on their way have no contrast of their own.
        reducedMotion: "reduce",
        ...options,
      });
      try {
        await work(tab.page);
        assert.deepEqual(tab.faults, []);
      } finally {
        await tab.close();
      }
    },
  });
}

test("a shop's file is previewed, mapped, imported and followed by keyboard on a phone", async (page) => {
  await page.goto("/dashboard/imports");
  await assertGood(page, "bring");
  await page.setInputFiles(
    "#file",
    await asShop("shop.csv", (text) =>
      // An order whose row can't be taken, and a column that the profile does not know.
      text.replace(/^(.*)$/m, "$1,Gift note").replace(
        /\n#1003,.*\n/,
        "\n#1004,zoe@shop.example,paid,,,,no,EUR,12.00,0.00,0.00,12.00,,0.00,Standard," +
          "2026-01-06 12:00:00 -0500,none,Mug blue,12.00,,MUG-B,Zoe Wolf,,,card,0.00,550004,\n",
      ).replace(/^(#.*,)(\d*)$/gm, "$1$2,")),
  );
  await press(page, button(page, "Preview"));
  await page.getByText("The order comes to what the file says").waitFor();
  await assertGood(page, "preview");
  assert.match(
    await page.evaluate("document.activeElement.textContent") as string,
    /shop\.csv/,
    "what is new is read aloud",
  );

  // Another mapping shows another total, and nothing is imported before it was seen.
  const shipping = page.getByLabel("What Shipping is", { exact: true });
  await tabTo(page, shipping);
  await page.keyboard.type("does not");
  assert.equal(await shipping.inputValue(), "ignore");
  await page.getByText("Changed: preview it again").waitFor();
  assert.ok(await button(page, /^Import 1 order$/).isDisabled());
  await press(page, button(page, "Preview again"));
  await page.getByText("The order does not come to what the file says").waitFor();
  await tabTo(page, shipping);
  await page.keyboard.type("Amount: shipping of the order");
  assert.equal(await shipping.inputValue(), "shipping:order");
  await press(page, button(page, "Preview again"));
  await page.getByText("The order comes to what the file says").waitFor();

  await press(page, button(page, /^Import 1 order$/));
  await page.waitForURL(/imports\/\d+$/);
  await page.getByText(/rows rejected/).first().waitFor();
  const downloading = page.waitForEvent("download");
  await press(page, page.getByRole("link", { name: "Download rejects" }));
  const rejects = await Deno.readTextFile((await (await downloading).path())!);
  assert.match(rejects, /#1004/);
  await press(page, page.getByRole("link", { name: "Its new orders" }));
  await page.getByText("Created by the import of shop.csv").waitFor();
  await page.getByRole("link", { name: "#1001", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "#1004" }).count(), 0);
  await assertGood(page, "its-orders");
});

test("a file whose sending is cancelled by keyboard leaves nothing behind, and can be sent again", async (page) => {
  const session = await page.context().newCDPSession(page);
  const slow = (bytesPerSecond: number) =>
    session.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: bytesPerSecond,
    });
  const rows = () => service.deps.db.query("select count(*) as n from imports");
  const [before] = await rows();
  const file = {
    name: "large.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
        "product_sku,product_name,unit_price_cents,qty\n" +
        Array.from(
          { length: 30_000 },
          (_, order) => `L-${order},2026-01-05 10:00:00,EUR,K1,a@shop.example,Ann,MUG,Mug,1200,1\n`,
        ).join(""),
    ),
  };
  await page.goto("/dashboard/imports");
  await page.setInputFiles("#file", file);
  await slow(100_000);
  // As often as there are places for imports, and once more: each is free again.
  for (
    const [name, key] of [
      ["Preview", "Enter"],
      ["Import", "Enter"],
      ["Preview", "Escape"],
      ["Import", "Escape"],
      ["Preview", "Enter"],
      ["Import", "Enter"],
    ] as const
  ) {
    await press(page, button(page, name));
    const cancel = button(page, "Cancel");
    await page.getByText(/^[1-9]\d* %$/).waitFor();
    if (name === "Import" && key === "Enter") await assertGood(page, "sending");
    assert.ok(await cancel.and(page.locator(":focus")).count() === 1, "it can be pressed at once");
    await page.keyboard.press(key);
    await page.getByText(
      name === "Preview"
        ? "Cancelled; nothing was changed"
        : /^Cancelled\. Had the file come whole/,
    ).waitFor();
    assert.ok(await cancel.isHidden());
    const focused = await page.evaluate("document.activeElement.textContent");
    assert.equal(focused, name, "where it was begun");
  }
  await slow(-1);
  assert.deepEqual((await rows())[0], before);
  assert.equal(await page.evaluate("document.querySelector('#file').files[0].name"), "large.csv");
  await press(page, button(page, "Preview"));
  await page.getByText("Import 30,000 orders").waitFor();
  await page.keyboard.press("Escape");
  assert.deepEqual((await rows())[0], before);
});

test("a column fills two of ours, and one of ours is filled by two columns, by keyboard", async (page) => {
  const text = "Bon,Wann,Firma,Kontakt,Artikel,Preis,Stück,Währung\n" +
    "T-1,2026-01-05T10:00:00Z,Acme GmbH,Ada,Mug,12.50,2,EUR\n" +
    "T-2,2026-01-05T11:00:00Z,,Ben,Jug,20.00,1,EUR\n";
  await page.goto("/dashboard/imports");
  await page.setInputFiles("#file", {
    name: "till.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(text),
  });
  await press(page, button(page, "Preview"));
  await page.getByText("Say what the columns are").waitFor();
  const choose = async (label: string, meaning: string) => {
    const select = page.getByLabel(label, { exact: true });
    await tabTo(page, select);
    await page.keyboard.type(meaning);
    return await select.inputValue();
  };
  for (
    const [column, typed, value] of [
      ["Bon", "Order: id", "external_order_id"],
      ["Wann", "Order: placed", "order_placed_at"],
      ["Firma", "Customer: name", "customer_name"],
      ["Kontakt", "Customer: name", "customer_name"],
      ["Artikel", "Item: name", "product_name"],
      ["Preis", "Item: price", "price"],
      ["Stück", "Item: units", "qty"],
      ["Währung", "Order: currency", "currency"],
    ] as const
  ) assert.equal(await choose(`What ${column} is`, typed), value);
  await press(page, page.getByLabel("Artikel is something else as well"));
  assert.equal(await choose("What Artikel is as well", "Item: SKU"), "product_sku");
  await press(page, button(page, "Preview again"));

  const names = page.getByRole("group", { name: "Customer: name" });
  await names.waitFor();
  assert.match((await names.textContent())!, /Firma first Acme GmbH.*Kontakt then, 2\. Ada · Ben/);
  await page.getByText("Acme GmbH").first().waitFor();
  await assertGood(page, "shared-columns");
  const now = ["What Artikel is", "What Artikel is as well"].map((label) =>
    page.getByLabel(label, { exact: true }).first().inputValue()
  );
  assert.deepEqual((await Promise.all(now)).sort(), ["product_name", "product_sku"]);
  // The other one first.
  await press(page, names.getByRole("radio").first(), "ArrowDown");
  await page.getByText("Changed: preview it again").waitFor();
  await press(page, button(page, "Preview again"));
  await page.getByText(/Kontakt.*first.*Ada/).first().waitFor();
  await press(page, button(page, /^Import 2 orders$/));
  await page.waitForURL(/imports\/\d+$/);
  await page.getByText("Done").waitFor();
  const orders = await service.deps.db.query(
    `
    select o.recipient_name, p.sku, p.name
    from orders o
    join order_items i on i.order_id = o.id
    join products p on p.id = i.product_id
    where o.external_order_id in ('T-1', 'T-2')
    order by o.external_order_id`,
  );
  assert.deepEqual(orders.map((row) => [row.recipient_name, row.sku, row.name]), [
    ["Ada", "Mug", "Mug"],
    ["Ben", "Jug", "Jug"],
  ]);
});

test("what only the file's owner can know is asked by keyboard, and nothing is chosen beforehand", async (page) => {
  const ambiguous = (text: string) =>
    text.replaceAll("#100", "#200").replace(/2026-01-05 (\S+) -0500/g, "03/04/2026 $1")
      .replace("refunded", "on hold").replace("card,22.90", "card,0.00");
  await page.goto("/dashboard/imports");
  await page.setInputFiles("#file", await asShop("dates.csv", ambiguous));
  await press(page, button(page, "Preview"));
  const day = page.getByRole("group", { name: "Day and month" });
  await day.waitFor();
  await assertGood(page, "questions");
  assert.equal(
    await page.locator("fieldset:has(legend code) input[type=radio]:checked").count(),
    0,
  );
  assert.equal(await page.getByRole("button", { name: /^Import/ }).count(), 0);

  await press(page, day.getByRole("radio").first(), "Space");
  await tabTo(page, page.getByLabel("Another zone").last());
  await page.keyboard.type("Europe/Vienna");
  await press(
    page,
    page.getByRole("group", { name: "on hold" }).getByRole("radio").first(),
    "ArrowDown",
  );
  await press(page, button(page, "Preview again"));
  await page.getByText("come to what the file says").waitFor();
  await press(page, button(page, /^Import 2 orders$/));
  await page.waitForURL(/imports\/\d+$/);
  await page.getByText("Done").waitFor();
  const [row] = await service.deps.db.query(
    "select placed_at from orders where external_order_id = '#2001'",
  );
  assert.match(JSON.stringify(row), /2026-04-03/);
});

test("a file is dropped, and one that can't be read says why without losing the page", async (page) => {
  await page.goto("/dashboard/imports");
  await page.evaluate(`{
    const transfer = new DataTransfer();
    transfer.items.add(new File(["%PDF-1.7 and more"], "orders.pdf"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }`);
  assert.equal(await page.evaluate("document.querySelector('#file').files[0].name"), "orders.pdf");
  await press(page, button(page, "Preview"));
  await page.getByText(/PDF/).first().waitFor();
  await assertGood(page, "refused");
});

test("who follows a link while an import ends gets where it leads", async (page) => {
  const { db } = service.deps;
  const id = await createImport(db, "under_way.csv");
  await page.goto(`/dashboard/imports/${id}`);
  await page.locator("#live-state.on").waitFor();
  await page.evaluate(`new MutationObserver((_, seen) => {
    if (document.querySelector("[data-over]") === null) return;
    console.log("over");
    seen.disconnect();
  }).observe(document.body, { attributes: true, childList: true, subtree: true })`);
  const over = page.waitForEvent("console", (message) => message.text() === "over");
  const ended = Promise.withResolvers<void>();
  await page.route("**/dashboard", async (route) => {
    await ended.promise;
    await route.continue();
  });
  await page.getByRole("link", { name: "Overview" }).click({ noWaitAfter: true });
  await db.run("update imports set status = 'DONE', finished_at = updated_at where id = ?", [id]);
  await over;
  ended.resolve();
  await page.waitForURL("**/dashboard");
});

test("the same works without scripts, where the file is chosen again", async (page) => {
  await page.goto("/dashboard/imports");
  const file = await asShop("plain.csv", (text) => text.replaceAll("#100", "#300"));
  await page.setInputFiles("#file", file);
  await button(page, "Preview").click();
  await page.getByText("Choose the same file again").waitFor();
  await page.setInputFiles("#file", file);
  await button(page, /^Import 1 order$/).click();
  await page.waitForURL(/imports\/\d+$/);
  await page.getByRole("heading", { name: "plain.csv" }).waitFor();
}, { javaScriptEnabled: false });
