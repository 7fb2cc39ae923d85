import assert from "node:assert/strict";
import { mend } from "../../streams/mend.ts";
import { dumpFigures, prove, withSettled } from "../proof.ts";
import { anOrder } from "../workflow.ts";

Deno.test("mend() makes damaged figures and lost messages good and leaves the rest alone", () =>
  withSettled("mend", async (flow) => {
    const { redis, keys, day } = flow;
    const figures = await dumpFigures(flow);
    assert.equal(await mend(flow, await prove(flow)), false, "nothing is wrong");

    await redis.incrby(keys.kpiFigure(day, "EUR", "revenue_cents"), 5);
    await redis.del(keys.kpiFigure(day, "USD", "order_count"));
    await redis.zincrby(keys.leaderboard("EUR"), 7, "1");
    const [order] = await flow.add([anOrder("lost", [{ sku: "a", qty: 1 }])]);
    await redis.xtrim(keys.stream("orders"), "MAXLEN", 0);
    await flow.rows("delete from notification_logs where order_id = ?", [flow.ids.declined]);
    const broken = await prove(flow);
    assert.deepEqual(
      broken.checks.filter(({ ok }) => !ok).map(({ name }) => name),
      ["kpis", "notifications", "homes"],
    );

    assert.equal(await mend(flow, broken), true);
    assert.deepEqual(await dumpFigures(flow), figures);
    await flow.drain();
    assert.equal((await flow.order(order!.orderId!)).status, "PAID");
    assert.equal((await prove(flow)).ok, true);
  }));

Deno.test("mend() leaves stock and money to people", () =>
  withSettled("mend_books", async (flow) => {
    await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'a'");
    const report = await prove(flow);
    assert.equal(report.ok, false);
    assert.equal(await mend(flow, report), false);
    assert.deepEqual((await prove(flow)).checks, report.checks);
  }));
