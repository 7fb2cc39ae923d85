import assert from "node:assert/strict";
import { listDiscrepancies } from "../../../db/reconciliation/discrepancies.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { readTrialBalance } from "../../../db/ledger/ledger_list.ts";
import {
  goOnMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import { reconcile } from "../../../services/reconciliation/reconcile.ts";
import { requestAndPublish } from "../../../services/refunds/request_refunds.ts";
import { depsOf, operator } from "../../reconciled.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

/** An order of 20.00 that was paid at its source by Stripe, whose payment the source calls so. */
async function paidBy(flow: Workflow, name: string, ref: string, cents = 2_000) {
  const items = [{ sku: "A", qty: 1, unitPriceCents: 2_000 }];
  await flow.add([anOrder(name, items)], 100);
  await flow.drain();
  const [order] = await flow.rows("select id from orders where external_order_id = ?", [name]);
  const id = Number(order!.id);
  await flow.rows(
    `update payments set provider = 'stripe', provider_ref = ?, amount_cents = ?, paid_at = '2026-01-05 10:00:00'
     where order_id = ?`,
    [ref, cents, id],
  );
  return id;
}

const header =
  "balance_transaction_id,created_utc,reporting_category,gross,fee,net,currency,charge_id,payment_intent_id," +
  "source_id,payment_metadata[order_reference]";

/** A line of Stripe's report of the payment that it calls `pi_N` and `ch_N`. */
function line(entry: string, category: string, [gross, fee]: [number, number], n: number): string {
  const net = (gross - fee).toFixed(2);
  const source = category === "charge" ? `ch_${n}` : `${category}_${n}`;
  return [
    entry,
    "2026-01-05 10:00:00",
    category,
    gross.toFixed(2),
    fee.toFixed(2),
    net,
    "eur",
    `ch_${n}`,
    `pi_${n}`,
    source,
    `N-${n}`,
  ].join(",");
}

function bring(flow: Workflow, lines: readonly string[]) {
  return reconcile(depsOf({ flow }, 1, 3), {
    provider: "stripe",
    report: {
      source: new Blob([[header, ...lines].join("\n")]).stream(),
      name: "stripe.csv",
    },
    period: {},
    operator,
  });
}

const found = async (flow: Workflow) =>
  (await listDiscrepancies(flow.db, { filter: {}, afterId: 0, limit: 100 })).map((
    { kind, state, orderId, theirCents },
  ) => `${kind} ${theirCents} ${state} ${orderId === null ? "" : "of an order"}`.trim());

/** What the only day comes to, and what is booked of fees. */
async function told(flow: Workflow) {
  const [day] = await listProviderDays(flow.db, 10);
  const balances = await readTrialBalance(flow.db);
  const fees = balances.find(({ account }) => account === "fees");
  const { movements, chargesCents, refundsCents, chargebacksCents, feesCents } = day!;
  return [
    movements,
    chargesCents,
    refundsCents,
    chargebacksCents,
    feesCents,
    Number(fees?.balanceCents ?? 0),
  ];
}

Deno.test("what mends money of a charge that a report calls otherwise first is done to the payment that is on record", async () => {
  await withWorkflow("names_mended", async (flow) => {
    const refunded = await paidBy(flow, "N-1", "ch_1");
    const contested = await paidBy(flow, "N-2", "ch_2");
    const lines = [
      line("txn_1", "charge", [20, 0.5], 1),
      line("txn_2", "charge", [20, 0.5], 2),
      line("txn_3", "refund", [-5, 0], 1),
      line("txn_4", "dispute", [-20, 15], 2),
    ];
    await bring(flow, lines);
    const deps = depsOf({ flow }, 1, 3);
    const open = await listDiscrepancies(flow.db, {
      filter: { state: "open" },
      afterId: 0,
      limit: 9,
    });
    assert.deepEqual(open.map(({ kind, chargeRef, orderId }) => [kind, chargeRef, orderId]), [
      ["refund_without_refund", "ch_1", refunded],
      ["chargeback_without_record", "ch_2", contested],
    ]);
    for (const { id } of open) await proposeMending(deps, { id, note: null }, operator);
    await flow.drain();
    await goOnMending(deps, operator);
    const [chargeback] = await flow.rows("select order_id, charge_ref from chargebacks");
    assert.deepEqual([Number(chargeback!.order_id), chargeback!.charge_ref], [contested, "ch_2"]);
    // The bank has its money.
    const again = {
      amountCents: null,
      items: undefined,
      reason: null,
      idempotencyKey: null,
      keyOwner: "cli",
    };
    await assert.rejects(requestAndPublish(deps, { orderId: contested, ...again }, operator));
    const expected = [
      "refund_without_refund 500 mended of an order",
      "chargeback_without_record 2000 mended of an order",
    ];
    assert.deepEqual(await found(flow), expected);
    const before = await told(flow);
    await bring(flow, lines.toReversed());
    assert.deepEqual(await found(flow), expected);
    assert.deepEqual(await told(flow), before);
  });
});

Deno.test("a charge whose order comes later counts once, by whichever of its names that is on record", async () => {
  for (const ref of ["pi_1", "ch_1"]) {
    await withWorkflow(`names_later_${ref}`, async (flow) => {
      await paidBy(flow, "N-9", "ch_9");
      const lines = [line("txn_1", "charge", [20, 0.5], 1)];
      await bring(flow, lines);
      assert.deepEqual(await found(flow), ["missing_with_us 2000 open"]);
      const before = await told(flow);
      await paidBy(flow, "N-1", ref);
      await bring(flow, lines);
      assert.deepEqual(await found(flow), ["missing_with_us 2000 mended of an order"]);
      assert.deepEqual(await told(flow), before);
      await bring(flow, lines);
      assert.deepEqual(await told(flow), before);
    });
  }
});

Deno.test("a charge that was explained before its order came counts once, and is found where it differs from it", async () => {
  for (const ref of ["pi_1", "ch_1"]) {
    for (const cents of [2_000, 1_900]) {
      await withWorkflow(`names_explained_${ref}_${cents}`, async (flow) => {
        await paidBy(flow, "N-9", "ch_9");
        const lines = [line("txn_1", "charge", [20, 0.5], 1)];
        await bring(flow, lines);
        const [row] = await listDiscrepancies(flow.db, { filter: {}, afterId: 0, limit: 9 });
        const explain = { id: row!.id, action: "explain", note: "comes later" } as const;
        await proposeMending(depsOf({ flow }), explain, operator);
        const before = await told(flow);
        await paidBy(flow, "N-1", ref, cents);
        const expected = [
          "missing_with_us 2000 explained",
          ...(cents === 2_000 ? [] : ["amount_differs 2000 open of an order"]),
        ];
        for (let turn = 0; turn < 3; turn++) {
          await bring(flow, lines);
          assert.deepEqual(await found(flow), expected);
          assert.deepEqual(await told(flow), before);
        }
      });
    }
  }
});

Deno.test("a refund that was explained counts once where it is recorded by hand, and leaves a later one of its amount alone", async () => {
  await withWorkflow("names_refund", async (flow) => {
    const orderId = await paidBy(flow, "N-1", "ch_1");
    const lines = [line("txn_1", "charge", [20, 0.5], 1), line("txn_2", "refund", [-5, 0], 1)];
    await bring(flow, lines);
    const [row] = await listDiscrepancies(flow.db, { filter: {}, afterId: 0, limit: 9 });
    const explain = { id: row!.id, action: "explain", note: "by mistake" } as const;
    await proposeMending(depsOf({ flow }), explain, operator);
    const before = await told(flow);
    const refund = (key: string) =>
      flow.rows(
        `insert into refunds (order_id, amount_cents, status, provider_key, processed_at)
         values (?, 500, 'PROCESSED', ?, '2026-01-05 11:00:00')`,
        [orderId, key],
      );
    await refund("refund 1");
    // The line of the refund itself.
    const later = {
      ...lines,
      2: line("txn_3", "refund", [-5, 0], 1).replace("refund_1", "refund_2"),
    };
    await bring(flow, [later[2]]);
    assert.deepEqual(await found(flow), ["refund_without_refund 500 explained of an order"]);
    await refund("refund 2");
    for (let turn = 0; turn < 2; turn++) {
      await bring(flow, lines);
      assert.deepEqual(await found(flow), ["refund_without_refund 500 explained of an order"]);
      const [movements, charges, refunds] = await told(flow);
      assert.deepEqual([movements, charges, refunds], [before[0]! + 1, before[1], -1_000]);
    }
  });
});
