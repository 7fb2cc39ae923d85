import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { recordSecondPayment } from "../../db/payments/payment_disputes.ts";
import { giveMoney } from "../order_money.ts";
import { storeOrder } from "../routes/api.ts";
import {
  assertAccessible,
  assertFits,
  assertTablesFit,
  assertTappable,
  type Tab,
} from "./browser.ts";
import { takePicture } from "./pictures.ts";
import { setStage } from "./stage.ts";

const stage = setStage("pages_e2e");

/** Every kind of page. */
async function allPaths(): Promise<Record<string, string>> {
  const [letter] = await stage.service.deps.db.query(
    "select max(id) as id from dead_letters where status = 'DEAD'",
  );
  const [notification] = await stage.service.deps.db.query(
    "select max(id) as id from notification_logs",
  );
  const disputed = await stage.somePaidOrder();
  await stage.service.deps.db.transaction((tx) =>
    recordSecondPayment(tx, {
      orderId: disputed,
      provider: "simulated",
      providerRef: "taken_once_more",
      amountCents: 1_998,
      currency: "GBP",
    }, new Date().toISOString().slice(0, 23).replace("T", " "))
  );
  return {
    disputed: `/dashboard/orders/${disputed}`,
    overview: "/dashboard",
    orders: "/dashboard/orders",
    refund: `/dashboard/orders/${disputed}/refund`,
    refunds: "/dashboard/refunds",
    customers: "/dashboard/customers",
    products: "/dashboard/products",
    product: "/dashboard/products/1",
    product_new: "/dashboard/products/new",
    product_file: "/dashboard/products/file",
    kpis: "/dashboard/kpis",
    imports: "/dashboard/imports",
    import: "/dashboard/imports/1",
    notifications: "/dashboard/notifications?show=all",
    endpoints: "/dashboard/webhook-endpoints",
    endpoint_new: "/dashboard/webhook-endpoints/new",
    notification: `/dashboard/notifications/${notification!.id}`,
    streams: "/dashboard/streams",
    stream: "/dashboard/streams/payments",
    dead_letters: "/dashboard/dead-letters",
    dead_letter: `/dashboard/dead-letters/${letter!.id}`,
    decide: "/dashboard/dead-letters/decide?verb=retry&all=1",
    failures: "/dashboard/failures",
    disputes: "/dashboard/disputes",
    given_twice: "/dashboard/given-twice",
    chargebacks: "/dashboard/chargebacks",
    audit: "/dashboard/audit",
    nowhere: "/dashboard/orders?q=nothing-like-it",
  };
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

stage.test("every page opens with real data, accessible and without an error", async (tab) => {
  await visitAll(tab, "light", (name) => assertAccessible(tab.page, name));
});

stage.test("every page is accessible in dark", async (tab) => {
  await visitAll(tab, "dark", (name) => assertAccessible(tab.page, name));
}, { colorScheme: "dark" });

stage.test("every page fits a phone and a finger", async (tab) => {
  await visitAll(tab, "phone", async (name) => {
    await assertFits(tab.page, name);
    await assertTablesFit(tab.page, name);
    await assertTappable(tab.page, name);
    await assertAccessible(tab.page, name);
  });
}, { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true });

stage.test("every page fits a tablet", async (tab) => {
  await visitAll(tab, "tablet", async (name) => {
    await assertFits(tab.page, name);
    await assertTablesFit(tab.page, name);
  });
}, { viewport: { width: 768, height: 1024 } });

stage.test("the sum of an order stands in one column, on a phone and on a wide screen, in light and dark", async ({ page }) => {
  const { db } = stage.service.deps;
  const id = await storeOrder(db, { totalCents: 1_234_500, currency: "GBP" });
  await giveMoney(db, id, {
    adjustments: [
      {
        kind: "shipping",
        label: "Express by a courier with a very long name ".repeat(3),
        amountCents: 490,
      },
      { kind: "discount", amountCents: -54_000 },
      { kind: "tax", label: "VAT 20 %", amountCents: 197_115, included: true },
    ],
    source: { provider: "paypal", reference: "5O190127TN364715T".repeat(5), paidAt: null },
    language: "en-GB",
    guest: true,
    recipientEmail: null,
  });
  await db.run("update orders set refunded_cents = 100 where id = ?", [id]);
  for (const width of [375, 1_440]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"] as const) {
      const look = `${width} ${colorScheme}`;
      await page.emulateMedia({ colorScheme });
      await page.goto(`/dashboard/orders/${id}`);
      await page.locator("#live-state.on").waitFor();
      await assertFits(page, look);
      await assertAccessible(page, look);
      const lines = page.locator(".sum > div");
      assert.deepEqual(
        (await lines.locator("dd").allTextContents()).map((text) => text.trim()),
        ["£12,345.00", "£4.90", "-£540.00", "£11,809.90", "£1,971.15", "-£1.00"],
        look,
      );
      const edges = await lines.locator("dd").evaluateAll((amounts) =>
        amounts.map((amount) => Math.round(amount.getBoundingClientRect().right))
      );
      assert.equal(new Set(edges).size, 1, `${look}: ${edges}`);
    }
  }
});

stage.test("figures beside each other never touch, however large an amount is", async ({ page }) => {
  for (const width of [375, 768, 1_024, 1_360, 1_440]) {
    await page.setViewportSize({ width, height: 900 });
    for (const path of ["/dashboard", "/dashboard/streams/payments", "/dashboard/kpis"]) {
      await page.goto(path);
      const touching = await page.evaluate(`(() => {
        const values = [...document.querySelectorAll(".figures dd.value")];
        for (const value of values) value.textContent = "£1,475,661.38";
        const boxes = values.map((value) => {
          const range = document.createRange();
          range.selectNodeContents(value);
          return range.getBoundingClientRect();
        });
        return boxes.filter((box, at) => boxes.some((other, index) => index !== at &&
          box.left < other.left && box.right > other.left - 4 &&
          box.top < other.bottom && other.top < box.bottom)).length;
      })()`);
      assert.equal(touching, 0, `${path} at ${width}`);
      await assertFits(page, `${path} at ${width}`);
    }
  }
});

stage.test("the keyboard reaches everything, beginning with the content", async ({ page }) => {
  await page.goto("/dashboard/orders");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "main");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Ran short");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Download CSV");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.id"), "q");
  await page.keyboard.type("85123A");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=85123A/);
  assert.ok(await page.locator("tbody tr").count() > 5);
});

stage.test("what has the focus is marked", async ({ page }) => {
  for (const path of ["/dashboard", "/dashboard/dead-letters"]) {
    await page.goto(path);
    const unmarked: string[] = [];
    for (let step = 0; step < 40; step++) {
      await page.keyboard.press("Tab");
      const found = await page.evaluate(`(() => {
        const { activeElement: element, body } = document;
        if (element === body) return null;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return { marked: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1, html: element.outerHTML };
      })()`) as { marked: boolean; html: string } | null;
      if (found === null) break;
      if (!found.marked) unmarked.push(found.html.slice(0, 120));
    }
    assert.deepEqual(unmarked, [], path);
  }
});

stage.test("without scripts everything but live figures works", async ({ page }) => {
  for (const path of Object.values(await allPaths())) {
    assert.equal((await page.goto(path))!.status(), 200, path);
  }
  await page.goto("/dashboard");
  await page.getByText("Reload for new figures").waitFor();
  assert.ok(await page.locator("svg.spark polyline").first().isVisible());
  const id = await stage.somePaidOrder();
  await page.goto(`/dashboard/orders/${id}`);
  const refund = page.getByRole("button", { name: "Refund…" });
  await page.getByLabel(/Amount of the part/).fill("0.01");
  // The refusal's status is one that browsers write into the console.
  await page.route("**/refund", async (route) => {
    await route.fulfill({ response: await route.fetch(), status: 200 });
  });
  await refund.click();
  await page.getByText("was typed and all that is left was selected").waitFor();
  await page.unroute("**/refund");
  await page.getByLabel("A part of it").check();
  await refund.click();
  await page.getByRole("button", { name: "Refund £0.01" }).click();
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
