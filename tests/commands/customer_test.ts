import assert from "node:assert/strict";
import { hostname } from "node:os";
import { sayErasureSecret } from "../../streams/workflow/erasure_secret.ts";
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

Deno.test("customer erase refuses the first erasure by another ERASURE_SECRET than that of processes that are alive", async () => {
  await withWorkflow("cli_customer_secret", async (flow) => {
    await flow.add([anOrder("1", [{ sku: "a", qty: 1 }], { customer: mara })]);
    await flow.drain();
    await sayErasureSecret({ ...flow, config: { erasureSecret: "theirs" } });
    const erase = (env: Record<string, string>) =>
      run({ ...envOf(flow), ...env }, "customer", "erase", mara.externalId);
    const refused = await erase({});
    assert.equal(refused.code, 1);
    assert.match(refused.err, /have another ERASURE_SECRET, and would take no order/);
    assert.equal((await flow.rows("select 1 from erasures")).length, 0);
    assert.equal((await erase({ ERASURE_SECRET: "theirs" })).code, 0);
    // From here on the ids that were erased decide.
    assert.match((await erase({})).err, /written with another ERASURE_SECRET/);
  });
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
