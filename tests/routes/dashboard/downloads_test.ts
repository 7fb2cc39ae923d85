import assert from "node:assert/strict";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { withinOneDay } from "../../one_day.ts";
import { type Api, openApi, storeOrder } from "../api.ts";
import { openPage, sendForm } from "./pages.ts";

async function withApi(work: (api: Api) => Promise<void>): Promise<void> {
  const api = await openApi("dashboard_downloads");
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

/** The ids of the orders or refunds in the rows of a page, and in the file that it offers. */
async function idsOn(api: Api, path: string): Promise<{ page: string[]; file: string[] }> {
  const { html } = await openPage(api, path);
  const href = /href="([^"]+\.csv[^"]*)" download=/.exec(html)?.[1]?.replaceAll("&amp;", "&");
  assert.ok(href !== undefined, `${path} offers a file`);
  const answer = await api.app.request(href);
  const text = await answer.text();
  assert.equal(answer.status, 200, `${href}: ${text}`);
  const lines = text.trim().split("\r\n").slice(1);
  const body = html.split("<tbody>")[1]?.split("</tbody>")[0] ?? "";
  return {
    page: [...body.matchAll(/<th scope="row">.*?#(\d+)/gs)].map(([, id]) => id!),
    file: lines.map((line) => line.split(",")[0]!),
  };
}

async function assertSame(api: Api, path: string, count: number): Promise<void> {
  const { page, file } = await idsOn(api, path);
  assert.deepEqual(file, page, path);
  assert.equal(page.length, count, path);
}

Deno.test("the file of a list of orders or refunds has just what the page shows, whatever it is filtered by", () =>
  withApi(async (api) => {
    const { db } = api.deps;
    const today = await withinOneDay();
    await sendForm(api, "/dashboard/imports/demo", {});
    await Promise.all(api.deps.background!);
    const paid = await storeOrder(db, { status: "PAID", totalCents: 5_000 });
    const other = await storeOrder(db, { status: "PAID", totalCents: 100, currency: "GBP" });
    const failed = await storeOrder(db, { status: "FAILED" });
    await db.run("update orders set failure_reason = 'payment_declined' where id = ?", [failed]);
    const old = await storeOrder(db, { status: "PAID" });
    await db.run(
      "update orders set settled_time = current_timestamp(6) where id in (?, ?, ?)",
      [paid, other, failed],
    );
    await db.run("update orders set settled_time = '2020-01-05 10:00:00' where id = ?", [old]);
    for (const id of [paid, other, old]) {
      const asked = await api.app.request(`/orders/${id}/refunds`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ amount_cents: 50 }),
      });
      assert.equal(asked.status, 202);
    }
    await rebuildKpis(api.deps);
    const orders: [string, number][] = [
      ["", 10],
      ["?status=PAID", 3],
      ["?reason=payment_declined", 1],
      ["?backordered=true", 0],
      ["?currency=GBP", 1],
      ["?least=40.00&most=60.00&status=PAID", 1],
      [`?settled=${today}`, 3],
      [`?settled=${today}&status=PAID&currency=EUR`, 1],
      ["?settled=2020-01-05", 1],
      ["?import=1", 6],
      ["?import=1&status=PAID", 0],
    ];
    for (const [query, count] of orders) await assertSame(api, `/dashboard/orders${query}`, count);
    const refunds: [string, number][] = [
      ["", 3],
      ["?status=REQUESTED", 3],
      ["?status=PROCESSED", 0],
      ["?currency=GBP", 1],
      [`?settled=${today}`, 2],
      [`?settled=${today}&currency=EUR&status=REQUESTED`, 1],
    ];
    for (const [query, count] of refunds) {
      await assertSame(api, `/dashboard/refunds${query}`, count);
    }
  }));
