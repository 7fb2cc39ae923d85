import assert from "node:assert/strict";
import { setStage } from "./stage.ts";

const stage = setStage("docs_e2e");

stage.test("the page at /docs shows every route and webhook, and tries them", async ({ page }) => {
  await page.goto("/docs");
  const { paths, webhooks } = await (await page.request.get("/openapi.json")).json() as Record<
    "paths" | "webhooks",
    Record<string, Record<string, unknown>>
  >;
  const count = [...Object.values(paths), ...Object.values(webhooks)]
    .flatMap((path) => Object.keys(path)).length;
  await page.locator(".opblock").first().waitFor();
  assert.equal(await page.locator(".opblock").count(), count);

  const tried = async (method: string, path: string) => {
    const block = page.locator(`.opblock-${method}`)
      .filter({ has: page.locator(`[data-path="${path}"]`) });
    await block.locator(".opblock-summary").click();
    await block.getByRole("button", { name: "Try it out" }).click();
    await block.getByRole("button", { name: "Execute" }).click();
    const answer = block.locator(".live-responses-table");
    const status = await answer.locator("tbody .response-col_status").first().innerText();
    return { block, answer, status: status.trim().slice(0, 3) };
  };

  const kpis = await tried("get", "/kpis");
  assert.equal(kpis.status, "200");
  assert.match(await kpis.answer.innerText(), /revenue_cents/);

  const [before] = await stage.service.deps.db.query("select max(id) as id from orders");
  const order = await tried("post", "/orders");
  assert.equal(order.status, "202");
  const [taken] = await stage.service.deps.db.query(
    "select external_order_id from orders where id > ?",
    [Number(before!.id)],
  );
  assert.equal(taken!.external_order_id, "web-1", "the example was sent as it stands");

  const problems = order.block.locator('tr.response[data-code="409"]');
  assert.match(await problems.innerText(), /known with another content/);
});
