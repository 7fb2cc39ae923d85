import assert from "node:assert/strict";
import { tokenHash } from "../../../domain/operation/api_token.ts";
import { addEndpoint } from "../../../services/notifications/manage_webhooks.ts";
import { anOperator } from "../../operator.ts";
import { type Api, openApi } from "../api.ts";
import { openPage, sendForm } from "./pages.ts";

const home = "/dashboard/webhook-endpoints";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_endpoints");
});
Deno.test.afterAll(() => api.close());

const add = async () => {
  const content = {
    url: `https://shop.example/hooks/secret-${crypto.randomUUID()}`,
    types: ["order.*"],
    description: "Ware<house>",
    enabled: true,
  };
  return (await addEndpoint(api.deps, content, anOperator("desk"))).endpoint.id;
};

Deno.test("the pages show endpoints, what became of their events, and no more of the URL than where it leads", async () => {
  assert.match((await openPage(api, home)).text, /There is no endpoint yet/);
  const id = await add();
  const list = await openPage(api, home);
  assert.match(list.text, /Ware<house> on order\.\* https:\/\/shop\.example /);
  assert.doesNotMatch(list.html, /secret-|whsec_|<house>/);
  const path = `${home}/${id}`;
  assert.match((await openPage(api, path)).text, /Nothing was posted yet/);
  await api.deps.db.run(
    `insert into webhook_deliveries
      (endpoint_id, event_id, status, attempts, attempted_at, duration_ms, status_code, error)
    values (?, 'evt_o1-order-paid', 'GIVEN_UP', 11, current_timestamp(6), 20, 500, 'it answered 500')`,
    [id],
  );
  const one = await openPage(api, path);
  assert.match(one.text, /evt_o1-order-paid Given up 11/);
  assert.match(one.text, /it answered 500 20 ms/);
  assert.doesNotMatch(one.html, /secret-|whsec_/);
  assert.match((await openPage(api, `${path}?status=WAITING`)).text, /Nothing was posted yet/);
  assert.equal((await openPage(api, `${home}/999999`)).status, 404);
  assert.match(
    (await openPage(api, "/dashboard/notifications")).html,
    /href="\/dashboard\/webhook-endpoints"/,
  );
});

Deno.test("an endpoint is tested, posted to again, and switched off and on by a click", async () => {
  const id = await add();
  const path = `${home}/${id}`;
  const press = async (what: string, form: Record<string, string> = {}) => {
    const { status, headers } = await sendForm(api, `${path}/${what}`, form);
    assert.deepEqual([status, headers.get("location")], [303, path], what);
    return (await openPage(api, path)).text;
  };
  assert.match(await press("test"), /evt_test-[0-9a-f]{16} Waiting 0/);
  await api.deps.db.run("update webhook_deliveries set status = 'GIVEN_UP', due_at = null");
  assert.match((await openPage(api, path)).text, /Post again what was given up/);
  assert.match(await press("retry"), /evt_test-[0-9a-f]{16} Waiting 0/);
  assert.match(await press("enabled", { enabled: "0" }), /State switched off/);
  assert.equal((await sendForm(api, `${path}/test`, {})).status, 409);
  assert.match(await press("enabled", { enabled: "1" }), /State on/);
});

Deno.test("an endpoint is added with its choice of events, gets another secret, and is removed, each secret shown once", async () => {
  const form = await openPage(api, `${home}/new`);
  assert.match(form.html, /name="event:\*" value="1" checked/);
  assert.match(form.text, /stock\.\* all that begin with stock\./);
  const url = "https://shop.example/hooks/of-the-page";
  const wanted = { url, description: "The ERP", "event:order.paid": "1", "event:stock.*": "1" };
  const added = await sendForm(api, home, wanted);
  assert.equal(added.status, 200);
  assert.equal(added.headers.get("cache-control"), "no-store");
  const [, path] = /href="(\/dashboard\/webhook-endpoints\/\d+)"[^>]*>On to/.exec(added.html)!;
  const first = /whsec_[A-Za-z0-9+\/=]+/.exec(added.html)![0];
  const shown = await openPage(api, path!);
  assert.match(shown.text, /Events order\.paid, stock\.\*/);
  assert.doesNotMatch(shown.html, /whsec_/);

  const again = await sendForm(api, home, wanted);
  assert.equal(again.status, 409);
  assert.match(again.text, /has this URL/);
  assert.match(again.html, /name="event:order\.paid" value="1" checked/);
  for (
    const [change, says] of [
      [{ url: "http://shop.example" }, /The URL must begin with https/],
      [{
        url: "https://shop.example/none",
        "event:order.paid": undefined,
        "event:stock.*": undefined,
      }, /The events must name at least one type/],
    ] as const
  ) {
    const fields = Object.entries({ ...wanted, ...change }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as [string, string]]
    );
    const refused = await sendForm(api, home, fields);
    assert.equal(refused.status, 422);
    assert.match(refused.text, says);
  }

  const rotated = await sendForm(api, `${path}/secret`, { overlap: "604800" });
  assert.equal(rotated.status, 200);
  assert.match(rotated.text, /The secret before signs as well until/);
  const second = /whsec_[A-Za-z0-9+\/=]+/.exec(rotated.html)![0];
  assert.notEqual(second, first);
  assert.equal((await sendForm(api, `${path}/secret`, { overlap: "86400" })).status, 409);
  const ended = await sendForm(api, `${path}/secret`, { overlap: "0" });
  assert.doesNotMatch(ended.text, /signs as well until/);

  const asked = await sendForm(api, `${path}/remove`, {});
  assert.match(asked.text, /Remove webhook endpoint #\d+\?/);
  assert.equal((await openPage(api, path!)).status, 200);
  const removed = await sendForm(api, `${path}/remove`, { confirmed: "yes" });
  assert.deepEqual([removed.status, removed.headers.get("location")], [303, home]);
  assert.equal((await openPage(api, path!)).status, 404);
});

Deno.test("the pages are for admin", async () => {
  const guarded = await openApi("dashboard_endpoints_guarded", {
    API_TOKENS: `desk:${tokenHash("desk")}:read`,
  });
  try {
    const as = (path: string) =>
      guarded.app.request(path, { headers: { authorization: "Bearer desk" } });
    assert.equal((await as(home)).status, 403);
    assert.equal((await as(`${home}/new`)).status, 403);
    const notifications = await (await as("/dashboard/notifications")).text();
    assert.ok(!notifications.includes(home));
  } finally {
    await guarded.close();
  }
});
