import assert from "node:assert/strict";
import { assertAccessible, assertFits } from "./browser.ts";
import { setStage } from "./stage.ts";

const stage = setStage("refunds_e2e");

const linesOf = (id: number) =>
  stage.service.deps.db.query(
    `
    select refund_lines.qty, refund_lines.restocked
    from refund_lines
    join refunds on refunds.id = refund_lines.refund_id
    where refunds.order_id = ?`,
    [id],
  );

stage.test(
  "units are chosen by keyboard on a phone, asked about with their sum, and go back into stock",
  async ({ page }) => {
    const id = await stage.somePaidOrder();
    await page.goto(`/dashboard/orders/${id}`);
    await page.locator("#live-state.on").waitFor();
    const units = page.getByRole("spinbutton").first();
    await units.focus();
    await page.keyboard.press("ArrowUp");
    assert.equal(await units.inputValue(), "1");
    assert.ok(await page.getByLabel("Some items").isChecked(), "what is chosen selects it");
    await page.getByLabel("The units go back into stock").focus();
    await page.keyboard.press("Space");
    await assertFits(page, "the form");
    await assertAccessible(page, "the form");
    await page.getByRole("button", { name: "Refund…" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /^Refund £[\d.,]+ to .+\?$/ }).waitFor();
    await page.getByText("1 unit goes back into stock").waitFor();
    await assertFits(page, "the question");
    assert.deepEqual(await linesOf(id), []);
    await page.getByRole("button", { name: /^Refund £/ }).dblclick();
    await page.getByText("The refund was requested").waitFor();
    await page.locator(".timeline").getByText("Refund processed").waitFor();
    await page.getByText("1 unit back in stock").waitFor();
    const rows = await linesOf(id);
    assert.deepEqual(rows.map((row) => [Number(row.qty), Number(row.restocked)]), [[1, 1]]);
  },
  { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true },
);

stage.test("without scripts units are typed and the way is chosen", async ({ page }) => {
  const id = await stage.somePaidOrder();
  await page.goto(`/dashboard/orders/${id}`);
  await page.getByRole("spinbutton").first().fill("1");
  await page.getByLabel("Some items").check();
  await page.getByRole("button", { name: "Refund…" }).click();
  await page.getByText("No unit goes back into stock").waitFor();
  await page.getByRole("button", { name: /^Refund £/ }).click();
  await page.getByText("The refund was requested").waitFor();
}, { javaScriptEnabled: false });

stage.test("all that an order was paid goes back in three clicks from the overview", async ({ page }) => {
  await page.goto("/dashboard");
  await page.locator(".nav a", { hasText: "Orders" }).first().click();
  const link = page.getByRole("link", { name: /^Refund… ?order / }).first();
  const id = Number(/\/orders\/(\d+)\/refund$/.exec((await link.getAttribute("href"))!)![1]);
  await link.click();
  await page.getByRole("heading", { name: /^Refund £[\d.,]+ to .+\?$/ }).waitFor();
  await page.getByRole("button", { name: /^Refund £/ }).click();
  await page.getByText("The refund was requested").waitFor();
  const [row] = await stage.service.deps.db.query(
    "select sum(amount_cents) = max(total_cents) as whole from refunds join orders on orders.id = order_id where order_id = ?",
    [id],
  );
  assert.equal(Number(row!.whole), 1);
});
