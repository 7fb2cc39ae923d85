import assert from "node:assert/strict";
import { until } from "../../../provider.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";
import { fieldOf, openPage, sendForm } from "../../dashboard/pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("reconciliation_routes");
});
Deno.test.afterAll(() => api.close());

const profile = JSON.stringify({
  version: 1,
  name: "my-bank",
  columns: {
    entry: ["Id"],
    category: ["Type"],
    at: ["Date"],
    charge: ["Payment"],
    gross: ["Amount"],
    currency: ["Currency"],
  },
  categories: { charge: ["Sale"] },
});

function form(parts: Record<string, string | File>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(parts)) data.append(name, value);
  return data;
}

const file = (day: string) =>
  new File([`Id,Type,Date,Payment,Amount,Currency\nt1,Sale,${day},p1,12.50,EUR\n`], "bank.csv");

Deno.test("a report with columns of its own is held against the books by the profile in its form", async () => {
  const path = "/reconciliations?provider=simulated";
  const send = async (body: FormData) => {
    const response = await api.app.request(path, { method: "POST", body });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  assertProblem(await send(form({ file: file("2026-01-05") })), 422);
  assertProblem(await send(form({ profile: "{}", file: file("2026-01-05") })), 422);
  const begun = await send(form({ profile, file: file("2026-01-05") }));
  assert.equal(begun.status, 202, JSON.stringify(begun.body));

  const page = await openPage(api, "/dashboard/reconciliations");
  assert.ok(page.html.indexOf('name="profile"') < page.html.indexOf('name="file"'));
  assert.match(page.html, /list="known-providers"/);
  assert.match(page.html, /<datalist id="known-providers"><option value="simulated">/);
  const sent = await api.app.request("/dashboard/reconciliations", {
    method: "POST",
    headers: { origin: "http://localhost", "sec-fetch-site": "same-origin" },
    body: form({
      provider: "simulated",
      profile: new File([profile], "p.json"),
      file: file("2026-01-06"),
    }),
  });
  assert.equal(sent.status, 303, await sent.text());
  const { body } = await ask(api, "GET", "/reconciliations");
  assert.deepEqual(
    (body as { data: { name: string; from: string }[] }).data.map(({ name, from }) => [
      name,
      from.slice(0, 10),
    ]),
    [["bank.csv", "2026-01-06"], ["bank.csv", "2026-01-05"]],
  );
});

Deno.test("a form that names the provider or the days is refused: its report would be another provider's", async () => {
  const known = async () =>
    (await ask(api, "GET", "/reconciliations")).body.data.map(({ id }: { id: number }) => id);
  const before = await known();
  for (
    const [name, value] of [["provider", "paypal"], ["from", "2026-01-05"], ["to", "2026-01-05"]]
  ) {
    for (const isBefore of [true, false]) {
      const said = { [name!]: value! }, brought = { file: file("2026-01-07") };
      const response = await api.app.request("/reconciliations", {
        method: "POST",
        body: form({ profile, ...(isBefore ? { ...said, ...brought } : { ...brought, ...said }) }),
      });
      const { status, headers } = response;
      const answer = { status, headers, body: await response.json() };
      assertProblem(answer, 400, "bad-request");
      assert.match(answer.body.detail, /say it in the address/);
    }
  }
  assert.deepEqual(await known(), before);
});

Deno.test("nobody approves what was put in the place of what they have seen", async () => {
  const { db } = api.deps;
  const { insertId: id } = await db.run(
    `insert into discrepancies
       (reconciliation_id, provider, kind, identity, day, movement, action, note, proposed_by, proposed_at)
     values (999, 'simulated', 'late', unhex(?), '2026-01-05', 'charge', 'explain', 'seen at the bank', 'ann',
       current_timestamp(6))`,
    [crypto.randomUUID().replaceAll("-", "")],
  );
  const path = `/discrepancies/${id}`;
  const page = await openPage(api, "/dashboard/discrepancies");
  assert.match(page.text, /proposed by ann, “seen at the bank”/);
  const seen = fieldOf(page, "proposed_at");
  assert.equal((await ask(api, "GET", path)).body.proposed_at, seen);
  await db.run("update discrepancies set proposed_at = current_timestamp(6) where id = ?", [id]);
  const approve = () =>
    sendForm(api, `/dashboard${path}/approve`, { action: "explain", proposed_at: seen });
  assert.equal((await approve()).status, 409);
  const answer = await ask(api, "POST", `${path}/approve`, { proposed_at: seen });
  assertProblem(answer, 409, "discrepancy-not-mendable");
  const { proposed_at } = (await ask(api, "GET", path)).body;
  const another = { action: "give_back", proposed_at };
  assertProblem(
    await ask(api, "POST", `${path}/approve`, another),
    409,
    "discrepancy-not-mendable",
  );
  assert.equal(
    (await ask(api, "POST", `${path}/approve`, { action: "explain", proposed_at })).status,
    200,
  );
});

Deno.test("an action that comes to nothing leaves nothing to approve, and ended ones are shown by their state", async () => {
  const { db } = api.deps;
  const orderId = await storeOrder(db);
  await db.run("update orders set external_order_id = 'SHOP-77' where id = ?", [orderId]);
  const { insertId: id } = await db.run(
    `insert into discrepancies
       (reconciliation_id, provider, kind, identity, day, movement, order_id, reference, their_cents, their_currency,
        our_cents, our_currency)
     values (999, 'elsewhere', 'amount_differs', unhex(?), '2026-02-03', 'refund', ?, 'INVOICE-9', 100, 'EUR', 200,
       'EUR')`,
    [crypto.randomUUID().replaceAll("-", ""), orderId],
  );
  const sent = await sendForm(api, `/dashboard/discrepancies/${id}/mend`, {
    action: "ask",
    confirmed: "yes",
  });
  assert.equal(sent.headers.get("location"), "/dashboard/discrepancies?done=nothing");
  const { body } = await ask(api, "GET", `/discrepancies/${id}`);
  assert.deepEqual([body.state, body.action, body.proposed_by, body.approved_by], [
    "open",
    null,
    null,
    null,
  ]);
  assert.ok(body.answer, "why it came to nothing");
  assert.deepEqual([body.external_order_id, body.reference], ["SHOP-77", "INVOICE-9"]);
  const page = await openPage(api, "/dashboard/discrepancies?done=nothing");
  assert.match(page.text, /It came to nothing/);
  assert.ok(page.text.includes(body.answer));
  assert.doesNotMatch(page.html, new RegExp(`discrepancies/${id}/approve`));
  assert.match(page.text, /SHOP-77/);
  assert.match(page.text, /2026-02-03/);
  assert.doesNotMatch(page.text, /seen at the bank/);
  const explained = await openPage(api, "/dashboard/discrepancies?state=explained");
  assert.match(explained.text, /Explain it: approved by .*, “seen at the bank”/);
  assert.doesNotMatch(explained.html, /\/mend"/);
  assert.match(
    (await openPage(api, "/dashboard/discrepancies?state=mended")).text,
    /Nothing is mended/,
  );
});

Deno.test("the days of a provider are shown with everything that their net is made of", async () => {
  const report = new File([
    "entry_id,kind,created_utc,charge_id,refund_id,key,reference,gross_cents,fee_cents,net_cents,currency\n" +
    "txn_1,charge,2026-02-05 10:00:00,ch_1,,,,1250,44,1206,EUR\n" +
    "txn_2,fee,2026-02-05 11:00:00,,,,,-123,0,-123,EUR\n" +
    "txn_3,payout,2026-02-05 12:00:00,,,,,-500,0,-500,EUR\n",
  ], "native.csv");
  const response = await api.app.request("/reconciliations?provider=simulated", {
    method: "POST",
    body: form({ file: report }),
  });
  assert.equal(response.status, 202);
  const { id } = await response.json();
  await until(
    "the end of it",
    async () => (await ask(api, "GET", `/reconciliations/${id}`)).body.state === "DONE",
  );
  const { text } = await openPage(api, "/dashboard/reconciliations");
  assert.match(text, /Payouts.*2026-02-05.*€12\.50.*-€5\.00.*€1\.67.*€5\.83/s);
});

Deno.test("what names the days of a list is no file: it is as small as any body", async () => {
  const large = JSON.stringify({ from: "2026-01-05", note: "x".repeat(1_048_576) });
  for (
    const type of ["application/json", "application/json; charset=utf-8", "application/a+json"]
  ) {
    for (const path of ["/reconciliations", "/dashboard/reconciliations", "/imports"]) {
      const sent = await api.app.request(path, {
        method: "POST",
        headers: { "content-type": type },
        body: large,
      });
      assert.equal(sent.status, 413, `${path} as ${type}`);
      await sent.body?.cancel();
    }
  }
});
