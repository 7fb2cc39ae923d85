import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { pauseGroup, resumeGroup } from "../../streams/queue/pause_group.ts";
import { verifyNow } from "../../streams/verification/verify_regularly.ts";
import { setStage } from "./stage.ts";

const stage = setStage("tabs_e2e");

/** Connections that a browser has for one address at the most. */
const maxConnections = 6;

/** Waits until something is told otherwise than now. */
async function untilChanged(page: Page, selector: string): Promise<void> {
  const place = page.locator(selector).first();
  const before = await place.textContent();
  await place.filter({ hasNotText: before! }).waitFor();
}

stage.test("an alert that stands is not read aloud again", async ({ page }) => {
  const { deps } = stage.service;
  await verifyNow(deps);
  const since = new Date(Date.now() - 60_000).toISOString();
  const alert = {
    name: "drift:of-the-test",
    severity: "critical",
    title: "The verification found drift",
    detail: "3 differ",
    since,
    raisedAt: since,
    goodSince: null,
  };
  await deps.redis.hset(deps.keys.alerts, alert.name, JSON.stringify(alert));
  try {
    await page.goto("/dashboard");
    await page.locator("#live-state.on").waitFor();
    await page.getByRole("alert").filter({ hasText: "3 differ" }).waitFor();
    await page.evaluate(`
      window.changes = 0;
      new MutationObserver((list) => window.changes += list.length)
        .observe(document.querySelector('[data-region="alerts"]'), {
          attributes: true, childList: true, characterData: true, subtree: true,
        });
    `);
    for (let second = 0; second < 3; second++) {
      await untilChanged(page, '[data-region="proof"] .card-note time');
    }
    assert.equal(await page.evaluate("window.changes"), 0);

    await deps.redis.hset(
      deps.keys.alerts,
      alert.name,
      JSON.stringify({ ...alert, detail: "4 differ" }),
    );
    await page.getByRole("alert").filter({ hasText: "4 differ" }).waitFor();
  } finally {
    await deps.redis.hdel(deps.keys.alerts, alert.name);
  }
});

stage.test(
  "a table without links stays where it was scrolled to, and keeps the focus",
  async ({ page }) => {
    await page.goto("/dashboard/streams/payments");
    await page.locator("#live-state.on").waitFor();
    // Below that width its rows are stacked; with letters of this size it is wider than the window.
    await page.evaluate("document.documentElement.style.fontSize = '28px'");
    const table = `document.querySelector('.table[aria-label="Consumers"]')`;
    await page.evaluate(`${table}.focus(); ${table}.scrollLeft = 70`);
    await untilChanged(page, '[data-region="consumers"] td:last-child');
    assert.equal(await page.evaluate(`${table}.scrollLeft`), 70);
    const focused = await page.evaluate("document.activeElement.getAttribute('aria-label')");
    assert.equal(focused, "Consumers");
  },
  { viewport: { width: 660, height: 844 }, isMobile: true, hasTouch: true },
);

stage.test("tabs that nobody sees hold no connection, and catch up when they are shown", async ({ page }) => {
  const { deps } = stage.service;
  const context = page.context();
  // A browser without a window shows all its tabs.
  await context.addInitScript(`{
    let hidden = false;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    window.hide = (value) => {
      hidden = value;
      document.dispatchEvent(new Event("visibilitychange"));
    };
  }`);
  const pages: Page[] = [];
  for (let tab = 0; tab <= maxConnections; tab++) {
    const next = await context.newPage();
    pages.push(next);
    await next.goto("/dashboard");
    await next.locator("#live-state.on").waitFor();
    await next.evaluate("hide(true)");
  }
  const first = pages[0]!;
  const badge = (where: Page) => where.locator('[data-region="groups"]').getByText("paused");
  await pauseGroup(deps, "orders", { actor: "test", reason: null });
  try {
    await page.goto("/dashboard");
    await badge(page).waitFor();
    assert.equal(await badge(first).count(), 0, "nothing is sent to a tab that nobody sees");
    await first.evaluate("hide(false)");
    await badge(first).waitFor();
  } finally {
    await resumeGroup(deps, "orders");
  }
  await badge(first).waitFor({ state: "detached" });
});
