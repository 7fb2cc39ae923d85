import assert from "node:assert/strict";
import { parseConfig } from "../../../../config/config.ts";
import { makeApp } from "../../../../routes/app.ts";
import { age, archiveAll, archivedIds } from "../../../archived.ts";
import { askParts, partsOf, payMixedOrder, unitsOf } from "../../../restocked_units.ts";
import { anOrder, withWorkflow } from "../../../workflow.ts";

Deno.test("orders are shown, found, listed and downloaded alike, archived or not", async () => {
  await withWorkflow("api_archived", async (flow) => {
    const id = await payMixedOrder(flow, "old-1");
    await askParts(flow, id, partsOf({ lines: [unitsOf("MUG", 1, true)] }));
    await flow.drain();
    await flow.add([anOrder("old-2", [{ sku: "c", qty: 51 }])]);
    await flow.drain();
    await flow.rows("delete from notification_deliveries");
    await flow.rows("update notification_logs set success = 1");
    await age(flow);
    await flow.add([anOrder("new-1", [{ sku: "MUG", qty: 1 }])]);
    await flow.drain();
    await flow.rows(
      "update order_events set created_at = created_at - interval 10 second",
    );
    const { test } = flow;
    const config = parseConfig({
      DATABASE_URL: test.databaseUrl,
      REDIS_URL: test.redisUrl,
      REDIS_PREFIX: test.redisPrefix,
    });
    const app = makeApp({ ...flow, config, background: new Set() });
    const [refund] = await flow.rows("select id from refunds");
    const [log] = await flow.rows(
      "select id from notification_logs where order_id = ? and channel = 'webhook' limit 1",
      [id],
    );
    const paths = [
      `/orders/${id}`,
      `/orders/${id}/refunds`,
      `/refunds/${refund!.id}`,
      "/refunds",
      "/orders",
      "/orders?external_order_id=old-1",
      "/orders?status=PAID",
      "/orders?failure_reason=insufficient_stock",
      "/orders?updated_since=2020-01-01T00:00:00Z",
      "/orders.csv",
      "/events",
      `/notifications?order=${id}`,
      `/notifications/${log!.id}`,
      "/products/MUG",
      "/products/MUG/movements",
      "/dashboard/orders?q=MUG",
      `/dashboard/orders/${id}`,
      "/leaderboard",
      "/kpis?from=2020-01-01&to=2020-01-02",
    ];
    const answers = async () => {
      const found: Record<string, string> = {};
      for (const path of paths) {
        const answer = await app.request(path);
        const text = (await answer.text()).replaceAll(/(nonce|csrf_token" value)="[^"]*"/g, "");
        found[path] = `${answer.status} ${text}`;
      }
      return found;
    };
    const before = await answers();
    const bad = Object.entries(before).filter(([, text]) => !text.startsWith("200"));
    assert.deepEqual(bad.map(([path, text]) => `${path}: ${text.slice(0, 80)}`), []);
    assert.equal(await archiveAll(flow), 2);
    assert.ok((await archivedIds(flow)).includes(id));
    const after = await answers();
    for (const path of paths) assert.equal(after[path], before[path], path);
    assert.match(after["/orders?updated_since=2020-01-01T00:00:00Z"]!, /old-1/);
    const refunded = await app.request(`/orders/${id}/refunds`, { method: "POST" });
    assert.equal(refunded.status, 202);
    assert.ok(!(await archivedIds(flow)).includes(id));
  }, { notifyChannels: ["log", "webhook"] });
});
