import assert from "node:assert/strict";
import { hostname } from "node:os";
import { mara, namesOfMara, placesNaming, spread } from "../person.ts";
import { anOrder, withWorkflow } from "../workflow.ts";
import { envOf, run } from "./run_command.ts";

Deno.test("customer export prints everything as one document, and erase takes it away", async () => {
  await withWorkflow("cli_customer", async (flow) => {
    await spread(flow);
    const type = (...args: string[]) => run(envOf(flow), "customer", ...args);
    const exported = await type("export", mara.externalId);
    assert.equal(exported.code, 0);
    assert.ok(/^[\x20-\x7e\n\xa0-\uffff]*$/.test(exported.out));
    const document = JSON.parse(exported.out);
    assert.deepEqual(
      document.customers.map(({ guest }: { guest: boolean }) => guest),
      [false, true],
    );
    assert.deepEqual(
      document.orders.map((order: { external_order_id: string }) => order.external_order_id),
      ["M-1", "M-2", "M-3", "M-4", "M-5", "O-2"],
    );
    assert.deepEqual(
      document.rejected_rows.map(({ row }: { row: Record<string, string> }) => row.line),
      ["3", "4"],
    );
    // Whatever names the person and is theirs is in it.
    for (const word of [mara.email, `${mara.name} rang`, "has moved", `To ${mara.name}`]) {
      assert.ok(exported.out.includes(JSON.stringify(word).slice(1, -1)), word);
    }

    const erased = await type("erase", mara.externalId);
    assert.equal(erased.code, 0);
    assert.match(erased.out, /^Erased: 5 orders of customer \d+ stay without a name$/);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    const again = await type("erase", mara.externalId);
    assert.match(again.out, /was erased before/);
    const [entry] = await flow.rows(
      "select actor from audit_log where action = 'customer.erase' and outcome = 'done'",
    );
    assert.equal(entry!.actor, `cli:ann@${hostname()}`);

    const other = await run({ ...envOf(flow), ERASURE_SECRET: "another" }, "doctor");
    assert.equal(other.code, 1);
    assert.match(other.out, /ERASURE_SECRET +\d ids of erased people were written with another/);
    assert.doesNotMatch((await run(envOf(flow), "doctor")).out, /ERASURE_SECRET/);
  }, { notifyChannels: ["log", "email", "webhook"] });
});

Deno.test("customer says what is not over, who is not there, and how it is typed", async () => {
  await withWorkflow("cli_customer_open", async (flow) => {
    const [open] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }], { customer: mara })]);
    const type = (...args: string[]) => run(envOf(flow), "customer", ...args);
    const refused = await type("erase", mara.externalId);
    assert.equal(refused.code, 1);
    assert.match(refused.err, new RegExp(`order ${open!.orderId} is not settled`));
    assert.equal((await type("erase", "nobody")).code, 1);
    assert.match((await type("erase", "nobody")).err, /There is no such customer/);
    assert.equal((await type("forget", "nobody")).code, 2);
    assert.equal((await type("erase")).code, 2);
  });
});
