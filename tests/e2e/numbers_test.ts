import assert from "node:assert/strict";
import { setStage } from "./stage.ts";

const stage = setStage("numbers_e2e");

stage.test("the share that failed leads to the failed orders by reason, and each reason to its orders", async ({ page }) => {
  const { db, kpiDay } = stage.service.deps;
  const [row] = await db.query(
    "select cast(settled_at as char) as at, currency from orders where status = 'FAILED' order by id desc limit 1",
  );
  const day = kpiDay(String(row!.at));
  await page.goto("/dashboard");
  const failed = page.locator(".figures dt a", { hasText: /^Failed/ }).first();
  assert.match(await failed.getAttribute("href") ?? "", /^\/dashboard\/failures\?day=/);
  await failed.click();
  await page.waitForURL(/\/dashboard\/failures/);
  await page.goto(`/dashboard/failures?day=${day}&currency=${row!.currency}`);
  await page.getByText(/ lost$/).first().waitFor();
  const reason = page.locator("tbody tr").first();
  const count = (await reason.locator("td").first().textContent())!.replaceAll(",", "");
  await reason.locator("td a").click();
  await page.waitForURL(/status=FAILED.*settled=/);
  await page.getByText("Settled on").waitFor();
  assert.equal(await page.locator("tbody tr").count(), Math.min(50, Number(count)));
  await page.locator("tbody th a").first().click();
  await page.waitForURL(/\/dashboard\/orders\/\d+$/);
});

stage.test("the badge of dead letters leads to them, a letter to its order, and the order back to the letter", async ({ page }) => {
  await page.goto("/dashboard/kpis");
  await page.locator('.nav [data-figure="dead-letters"]').click();
  await page.waitForURL(/\/dashboard\/dead-letters$/);
  assert.equal(
    await page.locator("tbody tr").count(),
    Number(
      (await page.locator('.nav [data-figure="dead-letters"]').textContent())!.match(/\d+/)![0],
    ),
  );
  await page.locator("tbody th a").first().click();
  await page.getByText("Check:").waitFor();
  const letter = new URL(page.url()).pathname;
  await page.locator(".facts a[href^='/dashboard/orders/']").click();
  await page.waitForURL(/\/dashboard\/orders\/\d+$/);
  await page.locator(`.notice a[href="${letter}"]`).click();
  await page.waitForURL(new RegExp(`${letter}$`));
});

stage.test("what waits in a group leads to the group, where a pause says who, when and why", async ({ page }) => {
  await page.goto("/dashboard");
  await page.locator('[data-figure="waiting-refunds"]').click();
  await page.waitForURL(/\/dashboard\/streams\/refunds$/);
  await page.getByRole("button", { name: "Pause…" }).click();
  await page.getByLabel("Why").fill("the provider moves");
  await page.getByRole("button", { name: "Pause refunds" }).click();
  await page.getByText("the provider moves").waitFor();
  await page.locator(".nav a", { hasText: "Audit log" }).click();
  await page.locator("tbody tr", { hasText: "Pause a group" }).first().waitFor();
  await page.locator("tbody a", { hasText: "group refunds" }).first().click();
  await page.waitForURL(/\/dashboard\/streams\/refunds$/);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause…" }).waitFor();
});

stage.test("on a phone the table of groups shows dead letters and consumers", async ({ page }) => {
  await page.goto("/dashboard");
  const table = page.locator('[data-region="groups"] .table');
  for (const name of ["Dead letters", "Consumers"]) {
    const cell = table.locator(`td[data-label="${name}"]`).first();
    const { left, right } = await cell.evaluate((cell) => cell.getBoundingClientRect());
    assert.ok(left > 0 && right <= 375, `${name} goes from ${left} to ${right}`);
  }
}, { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true });
