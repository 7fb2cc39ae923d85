import assert from "node:assert/strict";
import { hostname } from "node:os";
import { addLostOrders } from "../../db/recovery/database_losses.ts";
import { openSettled } from "../settled_workflow.ts";
import { envOf, run } from "./run_command.ts";

Deno.test("losses lists what is gone; verify and doctor tell of it until it is reconciled", async () => {
  const flow = await openSettled("cli_losses");
  try {
    const type = (...args: string[]) => run(envOf(flow), ...args);
    assert.equal((await type("losses")).out, "Nothing was ever lost");
    await addLostOrders(flow.db, [2_001, 2_003]);
    const lost = /2 acknowledged orders and 0 refunds were lost between/;
    assert.match(
      (await type("losses")).out,
      /^1: 2 acknowledged .*\n {2}orders 2001, 2003\n {2}open$/,
    );
    const { order_ids, chargeback_ids, chargebacks_lost } = JSON.parse(
      (await type("losses", "--json")).out,
    );
    assert.deepEqual([order_ids, chargeback_ids, chargebacks_lost], [[2_001, 2_003], [], 0]);
    const rows = "insert into books_lost_rows (loss_id, kind, number) values (1, 'chargeback', 7)";
    await flow.rows(rows);
    assert.match(
      (await type("losses")).out,
      /orders, 0 refunds and 1 chargeback .*\n.*\n {2}chargebacks 7\n/,
    );
    await flow.rows("delete from books_lost_rows where kind = 'chargeback'");
    const verified = await type("verify");
    assert.match(verified.out, /^LOST {4}2 acknowledged orders .*: see .*losses$/m);
    assert.match(verified.out, lost);
    assert.equal(verified.code, 0, "what is left agrees");
    assert.match((await type("doctor")).out, lost);

    const warned =
      /^Orders are lost that nobody has reconciled .*: have them sent again before anything is given back/m;
    assert.match((await type("reconcile", "--list")).err, warned);
    assert.match((await type("reconcile", "--mend=all")).err, warned);

    assert.match((await type("losses", "--reconcile=1")).err, /The note is needed/);
    assert.match((await type("losses", "--reconcile=7", "--note=so")).err, /There is no loss 7/);
    assert.equal((await type("losses", "--note=so")).code, 2);
    const said = await type("losses", "--reconcile=1", "--note=sent again");
    assert.match(said.out, /^Reconciled: 2 acknowledged/);
    assert.match(
      (await type("losses", "--reconcile=1", "--note=so")).out,
      /^It was reconciled before/,
    );
    assert.match((await type("losses")).out, /reconciled at .* by cli:ann@.*: sent again$/);
    assert.doesNotMatch((await type("verify")).out, /LOST/);
    assert.doesNotMatch((await type("reconcile", "--list")).err, warned);
    assert.doesNotMatch((await type("doctor")).out, lost);
    const [entry] = await flow.rows(
      "select actor from audit_log where action = 'loss.reconcile' and outcome = 'done'",
    );
    assert.equal(entry!.actor, `cli:ann@${hostname()}`);
  } finally {
    await flow.close();
  }
});
