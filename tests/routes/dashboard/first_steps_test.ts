import assert from "node:assert/strict";
import { makeApp } from "../../../routes/app.ts";
import { type Api, openApi } from "../api.ts";
import { openPage, sendForm } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_first_steps");
});
Deno.test.afterAll(() => api.close());

const heading = /There is no order yet/;

/** Brings a file as a page of the API does, and waits until it was taken. */
async function importOf(app: ReturnType<typeof makeApp>, id: string) {
  while (true) {
    const { status, ...row } = await (await app.request(`/imports/${id}`)).json();
    if (status !== "RUNNING") return row;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("an empty database is told three ways to its first order, each of which leads there", async () => {
  const app = makeApp(api.deps);
  const first = await openPage({ app }, "/dashboard");
  assert.match(first.text, heading);
  assert.match(first.text, /the simulated provider declines odd totals/);

  // The request, as it is pasted.
  const body = /-d '(\{.*?\})'/s.exec(first.text.replaceAll("&quot;", '"'))![1]!;
  const headers = { "content-type": "application/json" };
  const placed = await app.request("/orders?", { method: "POST", headers, body });
  assert.equal(placed.status, 202, await placed.text());
  const later = await openPage({ app: makeApp(api.deps) }, "/dashboard");
  assert.doesNotMatch(later.text, heading, "there is one now");

  // The template as it is, and the demo file by its button.
  const template = await app.request("/dashboard/first-steps/template.csv");
  assert.match(
    template.headers.get("content-disposition")!,
    /attachment; filename="template\.csv"/,
  );
  const brought = await app.request("/imports", {
    method: "POST",
    headers: { "content-type": "text/csv" },
    body: await template.text(),
  });
  const own = await importOf(app, String((await brought.json()).id));
  assert.deepEqual([own.rows, own.rows_rejected, own.orders], [3, 0, 2]);
  const demo = await sendForm({ app }, "/dashboard/imports/demo", {});
  assert.equal(demo.status, 303);
  const id = /\/dashboard\/imports\/(\d+)$/.exec(demo.headers.get("location")!)![1]!;
  const taken = await importOf(app, id);
  assert.deepEqual([taken.rows, taken.rows_rejected, taken.orders_new], [9, 0, 6]);
  const file = await (await app.request("/dashboard/first-steps/demo.csv")).text();
  assert.equal(file.trim().split("\n").length, 10);
});
