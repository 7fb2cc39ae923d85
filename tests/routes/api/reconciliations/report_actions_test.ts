import assert from "node:assert/strict";
import { until } from "../../../provider.ts";
import { type Api, ask, assertProblem, openApi } from "../../api.ts";
import { openPage, sendForm } from "../../dashboard/pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("report_actions", { RECONCILIATION_APPROVALS: "2" });
});
Deno.test.afterAll(() => api.close());

/** A report that is read, of one charge that nobody knows; its id. */
async function bring(day: string): Promise<number> {
  const report = new File([
    "entry_id,kind,created_utc,charge_id,refund_id,key,reference,gross_cents,fee_cents,net_cents,currency\n" +
    `txn_${day},charge,${day} 10:00:00,ch_${day},,,,1250,44,1206,EUR\n` +
    `po_${day},payout,${day} 11:00:00,,,,,-1000,0,-1000,EUR\n`,
  ], "native.csv");
  const body = new FormData();
  body.append("file", report);
  const response = await api.app.request("/reconciliations?provider=simulated", {
    method: "POST",
    body,
  });
  assert.equal(response.status, 202);
  const { id } = await response.json();
  await reach(id, "DONE");
  return id;
}

async function reach(id: number, state: string): Promise<void> {
  await until(
    state,
    async () => (await ask(api, "GET", `/reconciliations/${id}`)).body.state === state,
  );
}

Deno.test("a report's fees wait, are approved by what was seen, and the report is taken back by two", async () => {
  const id = await bring("2026-03-05");
  const path = `/reconciliations/${id}`;
  const { body: row } = await ask(api, "GET", path);
  assert.deepEqual([row.fees_wait, row.fees, row.approved_by], [true, { EUR: 44 }, null]);
  assert.deepEqual(row.payouts, { EUR: 1000 });
  assertProblem(await ask(api, "POST", `${path}/approve`, {}), 422);
  const other = { finished_at: "2026-01-06T09:00:00.000000Z" };
  assertProblem(await ask(api, "POST", `${path}/approve`, other), 409, "reconciliation-conflict");
  // Nobody is asked who they are here: the second one might be the first.
  const seen = { finished_at: row.finished_at };
  assertProblem(await ask(api, "POST", `${path}/approve`, seen), 409, "reconciliation-conflict");
  await api.deps.db.run("update reconciliations set actor = 'ann' where id = ?", [id]);
  const page = await openPage(api, "/dashboard/reconciliations");
  assert.match(
    page.text,
    /Fees: €0\.44 ?; payouts: €10\.00 ?; reserves: none ?; adjustments: none ?; conversions: none ?; brought by ann/,
  );
  const sent = await sendForm(api, `/dashboard${path}/approve`, seen);
  assert.equal(sent.status, 303);
  const approved = await ask(api, "POST", `${path}/approve`, seen);
  assert.deepEqual([approved.status, approved.body.fees_wait], [200, false]);

  const asked = await ask(api, "POST", `${path}/withdraw`);
  assert.deepEqual([asked.status, asked.body.state, asked.body.withdrawal_by], [
    202,
    "DONE",
    "api",
  ]);
  await api.deps.db.run("update reconciliations set withdrawal_by = 'ann' where id = ?", [id]);
  assert.match((await openPage(api, "/dashboard/reconciliations")).text, /ann wants it taken back/);
  assert.equal((await ask(api, "POST", `${path}/withdraw`)).status, 202);
  await reach(id, "WITHDRAWN");
  const { body: open } = await ask(api, "GET", "/discrepancies?state=open");
  assert.deepEqual(open.data, []);
  assertProblem(await ask(api, "POST", "/reconciliations/999/withdraw"), 404);
});

Deno.test("the page asks before a report is taken back, and what is approved unseen is refused", async () => {
  const id = await bring("2026-03-06");
  const question = await sendForm(api, `/dashboard/reconciliations/${id}/withdraw`, {});
  assert.equal(question.status, 200);
  assert.match(question.text, /Take native\.csv back\?/);
  const confirmed = await sendForm(api, `/dashboard/reconciliations/${id}/withdraw`, {
    confirmed: "yes",
  });
  assert.equal(confirmed.headers.get("location"), "/dashboard/reconciliations?done=asked");
  const { body } = await ask(api, "GET", "/discrepancies?state=open&kind=missing_with_us");
  const [{ id: found }] = body.data;
  const path = `/discrepancies/${found}`;
  const wish = { action: "explain", note: "seen at the bank" };
  assert.equal((await ask(api, "POST", `${path}/mend`, wish)).status, 200);
  await api.deps.db.run("update discrepancies set proposed_by = 'ann' where id = ?", [found]);
  assertProblem(await ask(api, "POST", `${path}/approve`), 422);
  assertProblem(await ask(api, "POST", `${path}/approve`, { action: "explain" }), 422);
  const { proposed_at } = (await ask(api, "GET", path)).body;
  const approved = await ask(api, "POST", `${path}/approve`, { action: "explain", proposed_at });
  assert.equal(approved.body.state, "explained");
});

Deno.test("what requests about discrepancies may say is said to who says something else", async () => {
  const said = async (method: string, path: string, body?: unknown) => {
    const answer = await ask(api, method, path, body);
    return answer.body.detail;
  };
  assert.equal(
    await said("GET", "/discrepancies?state=bla"),
    "The query is not valid: state must be one of open, explained, mended",
  );
  assert.match(
    await said("GET", "/discrepancies?kind=bla"),
    /^The query is not valid: kind must be one of missing_with_us, .*category_differs$/,
  );
  const actions = "must be one of record, give_back, ask, explain";
  for (const path of ["/discrepancies/7/mend", "/discrepancies/7/approve"]) {
    assert.equal(
      await said("POST", path, { action: "bla" }),
      `The body is not valid: #/action ${actions}`,
    );
  }
  assert.equal(
    await said("POST", "/discrepancies/7/mend", { note: 7 }),
    "The body is not valid: #/note must be text",
  );
  for (const finished_at of [undefined, 7, "x".repeat(41)]) {
    assert.equal(
      await said("POST", "/reconciliations/7/approve", { finished_at }),
      "The body is not valid: #/finished_at must be a time as it is shown",
    );
  }
});
