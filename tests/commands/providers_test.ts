import assert from "node:assert/strict";
import { noteChargeKeys } from "../../db/payments/charge_keys.ts";
import { listProviders } from "../../db/payments/payments.ts";
import { observeDatabase } from "../db/connection/observed_database.ts";
import { addPaid } from "../source_orders.ts";
import { anOrder } from "../workflow.ts";
import { askRefund, openSettled, type SettledWorkflow } from "../settled_workflow.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { providerSecret } from "../routes/api/payments/callbacks.ts";
import { ask } from "../routes/api.ts";
import { parseConfig } from "../../config/config.ts";
import { makeApp } from "../../routes/app.ts";
import { warnOfUnrealMoney } from "../../streams/payments/gateways.ts";
import { envOf, type Ran, run } from "./run_command.ts";

const overHttp = {
  GATEWAY: "http",
  GATEWAY_URL: "http://127.0.0.1:9/pay",
  GATEWAY_SECRETS: providerSecret,
};

async function withSettledOrders(
  name: string,
  work: (
    flow: SettledWorkflow,
    type: (env: object, ...args: string[]) => Promise<Ran>,
  ) => Promise<void>,
): Promise<void> {
  const flow = await openSettled(name);
  try {
    await work(flow, (env, ...args) => run({ ...envOf(flow), PORT: "0", ...env }, ...args));
  } finally {
    await flow.close();
  }
}

Deno.test("start, serve and consume refuse books of a provider that is not configured", () =>
  withSettledOrders("providers_refused", async (flow, type) => {
    await flow.rows("update payments set provider = 'http' where order_id = ?", [flow.ids.paid]);
    const handling = [
      ["start"],
      ["serve"],
      ["consume", "--drain"],
      ["consume", "--drain", "--group=payments"],
      ["consume", "--drain", "--group=refunds"],
    ];
    for (const [env, missing] of [[{}, "http"], [overHttp, "simulated"]] as const) {
      for (const args of handling) {
        const { code, err } = await type(env, ...args);
        assert.equal(code, 2, args.join(" "));
        assert.match(err, new RegExp(`the books hold payments of "${missing}"`));
        assert.match(err, new RegExp(`set GATEWAY=${missing}, or use another database`));
      }
      const { code, out } = await type(env, "doctor");
      assert.equal(code, 1);
      assert.match(out, new RegExp(`^problem +payments of the books .* of "${missing}"`, "m"));
      for (const group of ["orders", "notifications"]) {
        assert.equal((await type(env, "consume", "--drain", `--group=${group}`)).code, 0, group);
      }
    }
    assert.equal((await flow.order(flow.ids.paid)).refundedCents, 100, "nothing was done");
  }));

Deno.test("payments of the source keep no process from starting, whoever has the money", () =>
  withSettledOrders("providers_source", async (flow, type) => {
    await addPaid(flow, [anOrder("source", [{ sku: "a", qty: 1 }])], { provider: "stripe" });
    await flow.drain();
    assert.deepEqual(await listProviders(flow.db), ["simulated", "stripe"]);
    assert.equal((await type({}, "consume", "--drain")).code, 0);
    const { code, out } = await type({}, "doctor");
    assert.equal(code, 0, out);
    assert.match(out, /^ok +payments of the books +all by simulated$/m);
    // One that it charged itself is a reason again.
    await flow.rows("update payments set provider = 'stripe' where order_id = ?", [flow.ids.paid]);
    const refused = await type({}, "consume", "--drain");
    assert.equal(refused.code, 2);
    assert.match(refused.err, /the books hold payments of "stripe"/);
  }));

Deno.test("consume refuses books of charges that another provider was asked for and has not answered", () =>
  withSettledOrders("providers_asked", async (flow, type) => {
    await flow.rows("delete from payments");
    assert.equal((await type({}, "consume", "--drain")).code, 0);
    await noteChargeKeys(flow.db, "http", [{ key: "charge_x", orderId: flow.ids.paid }]);
    const { code, err } = await type({}, "consume", "--drain");
    assert.equal(code, 2);
    assert.match(err, /the books hold payments of "http"/);
  }));

Deno.test("listProviders() reads a few rows by index however many payments there are", () =>
  withSettledOrders("providers_listed", async (flow) => {
    assert.deepEqual(await listProviders(flow.db), ["simulated"]);
    await noteChargeKeys(flow.db, "http", [{ key: "charge_x", orderId: 1 }]);
    const { db, sent } = observeDatabase(flow.db);
    assert.deepEqual(await listProviders(db), ["http", "simulated"]);
    assert.equal(sent.length, 5);
    for (const { sql } of sent) {
      const plan = await flow.rows(`explain ${sql}`, [""]);
      assert.match(JSON.stringify(plan), /payments_provider_ref|PRIMARY/);
      assert.match(JSON.stringify(plan), /Using index|Covering index/);
    }
  }));

Deno.test("refunds and reversals go to no other provider than took the money", () =>
  withSettledOrders("providers_refund", async (flow) => {
    const { paid, dollars } = flow.ids;
    await flow.rows("update payments set provider = 'bank' where order_id = ?", [paid]);
    await flow.rows(
      "update payments set provider = 'bank', status = 'REVERSING' where order_id = ?",
      [dollars],
    );
    await publish(flow, [
      { message: await askRefund(flow, paid, 50) },
      {
        message: { type: "payment.reverse", orderId: dollars, amountCents: 300, currency: "USD" },
      },
    ]);
    const turn = await flow.turn("refunds");
    assert.deepEqual([turn.handled, turn.dead], [0, 2]);
    for (const { error } of await flow.rows("select error from dead_letters")) {
      assert.match(
        String(error),
        /^the money of order "\w+" was taken by "bank", which is not configured/,
      );
    }
    const open = await flow.rows("select status from refunds order by id desc limit 1");
    assert.deepEqual(open, [{ status: "REQUESTED" }]);
    const rows = await flow.rows("select status from payments where order_id = ?", [dollars]);
    assert.deepEqual(rows, [{ status: "REVERSING" }]);
  }));

Deno.test("nobody takes the simulated provider for a real one", () =>
  withSettledOrders("providers_simulated", async (flow, type) => {
    const said = /Payments are simulated: no money is taken or given back/;
    const logged: string[] = [];
    const log = { ...flow.log, warn: (text: string) => void logged.push(text) };
    warnOfUnrealMoney({ config: parseConfig(envOf(flow)), log });
    warnOfUnrealMoney({ config: parseConfig({ ...envOf(flow), ...overHttp }), log });
    assert.deepEqual([logged.length, said.test(logged[0]!)], [1, true]);
    assert.match(
      (await type({}, "doctor")).out,
      /^warning +payment provider +Payments are simulated/m,
    );
    const config = parseConfig(envOf(flow));
    const app = makeApp({ ...flow, config });
    assert.match((await ask({ app }, "GET", "/readyz")).body.warnings.join(), said);
    const real = makeApp({ ...flow, config: parseConfig({ ...envOf(flow), ...overHttp }) });
    const { body } = await ask({ app: real }, "GET", "/readyz");
    assert.deepEqual([body.gateway, body.warnings], ["http", []]);
    const pages = [
      "",
      "/orders",
      "/orders/1",
      "/refunds",
      "/nowhere",
      "/streams",
      "/kpis",
      "/imports",
    ];
    for (const path of pages) {
      const page = async (of: typeof app) =>
        await (await of.request(`/dashboard${path}`, { headers: { accept: "text/html" } })).text();
      assert.match(
        await page(app),
        /class="simulated"[^>]*><strong>Payments are simulated\./,
        path,
      );
      assert.doesNotMatch(await page(real), /Payments are simulated/, path);
    }
  }));
