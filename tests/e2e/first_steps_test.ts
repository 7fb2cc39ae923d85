import assert from "node:assert/strict";
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
      await page.goto("/dashboard");
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
