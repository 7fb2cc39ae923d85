import assert from "node:assert/strict";
import { recordChargeback } from "../../services/payments/record_chargeback.ts";
import { aChargeback } from "../chargebacks.ts";
import { assertAccessible, assertFits, assertTappable } from "./browser.ts";
import { takePicture } from "./pictures.ts";
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

/** Has a paid order contested at the bank. @returns its id */
async function contestOne(): Promise<number> {
  const orderId = await stage.somePaidOrder();
  const { db } = stage.service.deps;
  const [payment] = await db.query(
    "select provider_ref, amount_cents from payments where order_id = ?",
    [orderId],
  );
  const chargeRefs = [String(payment!.provider_ref)];
  const amountCents = Number(payment!.amount_cents);
  const other = { providerRef: "dp_e2e", chargeRefs, amountCents, currency: "GBP" };
  await recordChargeback(stage.service.deps, aChargeback("needs_response", 0, other), "test");
  return orderId;
}

stage.test(
  "how a chargeback ended is said by keyboard on a phone, after a question, in light and dark",
  async ({ page }) => {
    const id = await contestOne();
    const check = async (name: string) => {
      for (const colorScheme of ["dark", "light"] as const) {
        await page.emulateMedia({ colorScheme });
        await assertFits(page, name);
        await assertTappable(page, name);
        await assertAccessible(page, name);
        await takePicture(page, `${name}-${colorScheme}-phone`);
      }
    };
    await page.goto("/dashboard/chargebacks?which=due");
    await check("chargebacks");
    await page.getByRole("button", { name: "Won…" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /^Was the chargeback of £[\d.,]+ won\?$/ }).waitFor();
    await page.getByRole("link", { name: "Not yet" }).click();

    await page.goto(`/dashboard/orders/${id}`);
    await page.getByRole("button", { name: "Lost…" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /^Was the chargeback of £[\d.,]+ lost\?$/ }).waitFor();
    await check("chargeback-lost");
    await page.getByLabel("By what you know it").focus();
    await page.keyboard.type("the bank's letter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("The books say how it ended").waitFor();
    assert.equal(await page.getByRole("button", { name: /^(Won|Lost)…$/ }).count(), 0);
    await page.goto(`/dashboard/orders/${id}`);
    await page.getByText("A chargeback was lost").waitFor();
    await page.locator(".timeline").getByText("noted: the bank's letter").waitFor();
  },
  { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true },
);
