import assert from "node:assert/strict";
import { purgeOld } from "../../../../streams/upkeep/upkeep.ts";
import { ask, assertProblem, openApi } from "../../api.ts";

Deno.test("GET /imports/{id}/rejects says of rejects that were too old for how long they are kept", async () => {
  const api = await openApi("old_rejects", { KEEP_REJECTS_DAYS: "7" });
  try {
    const csv = [
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku,product_name,unit_price_cents,qty",
      "R-1,2025-01-01 10:00:00,EUR,c-1,ann@example.com,Ann,MUG,Mug,100,none",
    ].join("\n");
    const { headers } = await ask(api, "POST", "/imports", csv, { "content-type": "text/csv" });
    const path = headers.get("location")!;
    await (await api.app.request(`${path}/events`)).text();
    const rejects = () => api.app.request(`${path}/rejects`);
    assert.match(await (await rejects()).text(), /R-1/);

    await purgeOld(api.deps);
    assert.match(await (await rejects()).text(), /R-1/);
    await api.deps.db.run("update imports set finished_at = finished_at - interval 8 day");
    await purgeOld(api.deps);
    const gone = await ask(api, "GET", `${path}/rejects`);
    assertProblem(gone, 409, "import-has-no-rejects");
    assert.match(gone.body.detail, /kept for 7 days/);
    const page = await api.app.request(`/dashboard${path}`);
    assert.equal(page.status, 200);
    await page.body?.cancel();
  } finally {
    await api.close();
  }
});
