import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { tokenHash } from "../../domain/operation/api_token.ts";
import { makeApp } from "../../routes/app.ts";
import { csvOf } from "../csv_orders.ts";
import { browserPath, openTab } from "./browser.ts";
import { setStage } from "./stage.ts";

const stage = setStage("session_e2e");

Deno.test({
  name: "who signed in changes things by clicking, and is out after signing out",
  ignore: browserPath === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { deps } = stage.service;
    const stopping = new AbortController();
    const apiTokens = [{ name: "ann", hash: tokenHash("ann-secret"), scopes: ["admin" as const] }];
    const config = { ...deps.config, apiTokens };
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      makeApp({ ...deps, config, stopping: stopping.signal }).fetch,
    );
    const tab = await openTab(stage.browser, `http://127.0.0.1:${server.addr.port}`);
    const { page } = tab;
    try {
      await page.goto("/dashboard/streams/refunds");
      await page.getByLabel("Token").fill("ann-secret");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL("**/dashboard/streams/refunds");

      await page.getByRole("button", { name: "Pause…" }).click();
      await page.getByRole("button", { name: "Pause refunds" }).click();
      await page.getByText("This group is paused").waitFor();
      await page.getByRole("button", { name: "Resume" }).click();
      await page.getByRole("button", { name: "Pause…" }).waitFor();

      await page.goto("/dashboard/imports");
      await page.setInputFiles("#file", {
        name: "session.csv",
        mimeType: "text/csv",
        buffer: Buffer.from(csvOf([{ external_order_id: "SESSION-1" }])),
      });
      await page.getByRole("button", { name: "Import", exact: true }).click();
      await page.waitForURL(/imports\/\d+$/);
      await page.getByText("Done").waitFor();
      await page.getByText("brought by api:ann").waitFor();

      // A form that is not one of our pages has no token to send.
      const forged = await page.evaluate(`fetch("/dashboard/streams/refunds/pause", {
        method: "POST", headers: { accept: "*/*" },
      }).then(({ status }) => status)`);
      assert.equal(forged, 403);
      assert.deepEqual(tab.faults.filter((fault) => !fault.includes("403")), []);

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.waitForURL("**/sign-in*");
      await page.goto("/dashboard");
      await page.getByLabel("Token").waitFor();
    } finally {
      await tab.close();
      stopping.abort();
      await server.shutdown();
    }
  },
});
