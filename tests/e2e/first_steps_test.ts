import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { assertAccessible, assertFits, browserPath, openTab, startBrowser } from "./browser.ts";
import { startService } from "./service.ts";

Deno.test({
  name: "an empty database leads to its first order by one click, on every width and in both looks",
  ignore: browserPath === undefined,
  fn: async () => {
    const service = await startService("first_steps_e2e");
    const browser = await startBrowser();
    try {
      for (const width of [375, 768, 1440]) {
        for (const colorScheme of ["light", "dark"] as const) {
          const tab = await openTab(browser, service.url, {
            viewport: { width, height: 900 },
            colorScheme,
          });
          await tab.page.goto("/dashboard");
          await tab.page.getByRole("button", { name: "Import the demo orders" }).waitFor();
          const name = `first_steps-${width}-${colorScheme}`;
          await assertAccessible(tab.page, name);
          await assertFits(tab.page, name);
          assert.deepEqual(tab.faults, []);
          await tab.close();
        }
      }
      const { page, faults, close } = await openTab(browser, service.url);
      await page.goto("/dashboard");
      await page.locator("#live-state.on").waitFor();
      const button = page.getByRole("button", { name: "Import the demo orders" });
      await button.focus();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "demo.csv" }).waitFor();
      // As a person goes: the import's page loads itself anew once it is over, and takes nobody back.
      await page.getByRole("link", { name: "Overview", exact: true }).first().click();
      await page.waitForURL(/\/dashboard$/);
      // At once or by the live page, as soon as there is an order.
      await button.waitFor({ state: "detached" });
      assert.deepEqual(faults, []);
      await close();
    } finally {
      await browser.close();
      await service.close();
    }
  },
});

Deno.test({
  name: "each of the three first steps brings an order, followed to the letter",
  ignore: browserPath === undefined,
  fn: async () => {
    const service = await startService("first_steps_followed_e2e");
    const browser = await startBrowser();
    const brought = async () => {
      const rows = await service.deps.db.query("select external_order_id as id from orders");
      return rows.map(({ id }) => String(id)).sort();
    };
    try {
      const { page, faults, close } = await openTab(browser, service.url, {
        viewport: { width: 375, height: 812 },
      });
      await page.goto("/dashboard");
      const command = page.getByLabel("A request with curl");
      const { breaks, lines, typed } = await command.evaluate((box) => ({
        breaks: Math.round(box.clientHeight / 20),
        lines: box.textContent!.trim().split("\n").length,
        typed: box.textContent!.trim(),
      }));
      assert.ok(breaks <= lines + 2, `no line is broken: ${breaks} for ${lines}`);
      const template = await (await page.request.get(
        (await page.getByText("the template", { exact: true }).getAttribute("href"))!,
      )).body();
      await page.getByRole("button", { name: "Import the demo orders" }).click();
      await page.getByRole("heading", { name: "demo.csv" }).waitFor();
      await page.locator(".badge.good", { hasText: "Done" }).waitFor();
      assert.equal((await brought()).length, 6);

      await page.goto("/dashboard/imports");
      await page.setInputFiles("#file", {
        name: "template.csv",
        mimeType: "text/csv",
        buffer: Buffer.from(template),
      });
      await page.getByRole("button", { name: "Import", exact: true }).click();
      await page.waitForURL(/imports\/\d+$/);
      await page.locator(".badge.good", { hasText: "Done" }).waitFor();
      assert.equal((await brought()).length, 8);

      const { stdout } = await promisify(execFile)("sh", ["-c", typed]);
      assert.match(stdout, /"order-3"|"id"/);
      assert.ok((await brought()).includes("order-3"), stdout);
      assert.equal((await brought()).length, 9);
      assert.deepEqual(faults, []);
      await close();
    } finally {
      await browser.close();
      await service.close();
    }
  },
});
