import assert from "node:assert/strict";
import { addLostOrders, listOpenLosses } from "../../../db/recovery/database_losses.ts";
import { openApi } from "../api.ts";
import { openPage, sendForm } from "./pages.ts";

Deno.test("a loss of the database is shown with its numbers, and reconciled with a note after a question", async () => {
  const api = await openApi("dashboard_losses");
  try {
    const { db } = api.deps;
    const home = "/dashboard/losses";
    assert.match((await openPage(api, home)).text, /Nothing was ever lost/);
    await addLostOrders(db, [1_017, 1_019]);
    const list = await openPage(api, home);
    assert.match(list.text, /2 acknowledged orders and 0 refunds were lost between/);
    assert.match(list.text, /1017, 1019/);
    const action = /action="(\/dashboard\/losses\/\d+\/reconcile)"/.exec(list.html)![1]!;

    assert.match((await sendForm(api, action, {})).text, /Is this loss reconciled\?/);
    assert.equal((await listOpenLosses(db, 10)).length, 1, "nothing has changed");
    const bad = await sendForm(api, action, { confirmed: "yes", note: " " });
    assert.equal(bad.status, 422);
    assert.match(bad.text, /The note is needed/);
    const sent = await sendForm(api, action, { confirmed: "yes", note: "sent again by the shop" });
    assert.deepEqual([sent.status, sent.headers.get("location")], [303, `${home}?done=reconciled`]);
    const after = await openPage(api, `${home}?done=reconciled`);
    assert.match(after.text, /by dashboard: sent again by the shop/);
    assert.doesNotMatch(after.html, /reconcile"/);
    assert.deepEqual(await listOpenLosses(db, 10), []);
    const again = await sendForm(api, action, { confirmed: "yes", note: "so" });
    assert.equal(again.headers.get("location"), `${home}?done=before`);
    const [entry] = await db.query(
      "select subject_id, detail from audit_log where action = 'loss.reconcile' and outcome = 'done'",
    );
    assert.equal(entry!.subject_id, "loss 1");
    assert.match(String(entry!.detail), /^2 acknowledged orders/);
  } finally {
    await api.close();
  }
});
