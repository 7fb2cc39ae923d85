import assert from "node:assert/strict";
import { driftOf, verifyNow } from "../../settled_workflow.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

/** Pays an order of each of some customers, of 1, 2, 3, … cents, and tells the customers' ids. */
async function payOneEach(flow: Workflow, customers: number): Promise<number[]> {
  const orders = Array.from(
    { length: customers },
    (_, n) =>
      anOrder(`o${n}`, [{ sku: "a", qty: 1, unitPriceCents: n + 1 }], {
        customer: { externalId: `c${n}`, email: `${n}@example.com`, name: "C" },
      }),
  );
  await flow.add(orders, 1_000);
  await flow.drain();
  const rows = await flow.rows("select customer_id from orders where status = 'PAID' order by id");
  return rows.map(({ customer_id: id }) => Number(id));
}

async function wrongPlaces(flow: Workflow): Promise<unknown[][]> {
  return driftOf(await verifyNow(flow), "kpis")
    .map(({ what, expected, found }) => [what, expected, found]).sort();
}

Deno.test("verify finds neighbours on a leaderboard who have each other's scores", () =>
  withWorkflow("board_swapped", async (flow) => {
    const ids = await payOneEach(flow, 70);
    const [first, second, last] = [ids[0]!, ids[2]!, ids.at(-1)!];
    const scoreOf = async (id: number) =>
      Number(await flow.redis.zscore(flow.keys.leaderboard("EUR"), String(id)));
    const [one, two] = [await scoreOf(first), await scoreOf(second)];
    assert.deepEqual(await wrongPlaces(flow), []);
    await flow.redis.zadd(flow.keys.leaderboard("EUR"), two, String(first), one, String(second));
    await flow.redis.zincrby(flow.keys.leaderboard("EUR"), 1, String(last));
    assert.deepEqual(
      await wrongPlaces(flow),
      [
        [`score of customer ${first}`, one, String(two)],
        [`score of customer ${second}`, two, String(one)],
        [`score of customer ${last}`, await scoreOf(last) - 1, String(await scoreOf(last))],
      ].sort(),
    );
  }));

Deno.test("verify misses a place of nothing on a leaderboard, and finds one that is nobody's", () =>
  withWorkflow("board_zero", async (flow) => {
    const ids = await payOneEach(flow, 70);
    const board = flow.keys.leaderboard("EUR");
    const nobody = Math.max(...ids) + 1;
    await flow.rows("update orders set total_cents = 0 where customer_id = ?", [ids[1]!]);
    await flow.rows(
      "update order_items set unit_price_cents = 0, subtotal_cents = 0 where order_id in (select id from orders where total_cents = 0)",
    );
    await flow.rows(
      "update payments set amount_cents = 0 where order_id in (select id from orders where total_cents = 0)",
    );
    const paid = Number(await flow.redis.zscore(board, String(ids[2])));
    await flow.redis.zrem(board, String(ids[1]));
    await flow.redis.zadd(board, 0, String(nobody), 3, "nobody", 0.5, String(ids[2]));
    const places = (await wrongPlaces(flow)).filter(([what]) => String(what).startsWith("score"));
    assert.deepEqual(
      places,
      [
        [`score of customer ${ids[1]}`, 0, null],
        [`score of customer ${ids[2]}`, paid, "0.5"],
        [`score of customer ${nobody}`, null, "0"],
        ["score of customer nobody", null, "3"],
      ].sort(),
    );
  }));
