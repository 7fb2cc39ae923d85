import assert from "node:assert/strict";
import {
  disableEndpoint,
  readDisabledEndpoint,
} from "../../../db/notifications/disabled_endpoints.ts";
import { type Api, openApi } from "../api.ts";
import { allChannels, endpointUrl, fail, told } from "../notified.ts";
import { openPage, sendForm } from "./pages.ts";

const home = "/dashboard/notifications";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_notifications", allChannels);
});
Deno.test.afterAll(() => api.close());

Deno.test("the page shows what was not sent, and all of it where that is asked for", async () => {
  const { ids } = await told(api.deps.db);
  await fail(api.deps.db, ids.webhook!, "webhook", null);
  const idsOn = async (path: string) =>
    [...(await openPage(api, path)).html.matchAll(/notifications\/(\d+)"/g)]
      .map(([, id]) => Number(id));
  const unsent = await openPage(api, home);
  assert.match(unsent.text, /webhook on 0 1 /, "one is given up");
  assert.match(unsent.text, /the endpoint answered 500/);
  assert.deepEqual(await idsOn(home), [ids.webhook, ids.email].sort((a, b) => b! - a!));
  assert.ok((await idsOn(`${home}?show=all`)).includes(ids.log!));
});

Deno.test("one notification shows its tries and is sent again by a click", async () => {
  const { orderId, ids } = await told(api.deps.db);
  const path = `${home}/${ids.webhook}`;
  await fail(api.deps.db, ids.webhook!, "webhook", null);
  const before = await openPage(api, path);
  assert.match(before.text, /500 the endpoint answered 500 20 ms oh/);
  assert.match(before.text, /Given up/);
  const sent = await sendForm(api, `${path}/replay`, {});
  assert.deepEqual([sent.status, sent.headers.get("location")], [303, path]);
  assert.match((await openPage(api, path)).text, /State Waiting/);
  const order = await openPage(api, `/dashboard/orders/${orderId}`);
  assert.match(order.text, /Notification sent again/);
  assert.ok(order.html.includes(`href="${path}"`));
  const logged = await openPage(api, `${home}/${ids.log}`);
  assert.doesNotMatch(logged.html, /\/replay"/);
  assert.equal((await sendForm(api, `${home}/${ids.log}/replay`, {})).status, 409);
  assert.equal((await openPage(api, `${home}/999999`)).status, 404);
});

Deno.test("an endpoint that is gone is shown with why, and switched on by a click", async () => {
  const { db } = api.deps;
  await disableEndpoint(db, endpointUrl, "the endpoint answered 410");
  const off = await openPage(api, home);
  assert.match(off.text, /webhook switched off the endpoint answered 410/);
  assert.doesNotMatch(off.html, /hooks\/secret/);
  assert.equal((await sendForm(api, `${home}/channels/webhook/enable`, {})).status, 303);
  assert.equal(await readDisabledEndpoint(db, endpointUrl), undefined);
});
