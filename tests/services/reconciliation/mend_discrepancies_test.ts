import assert from "node:assert/strict";
import { reportLine } from "../../../commands/provider_report.ts";
import type { DiscrepancyRow } from "../../../db/reconciliation/discrepancies.ts";
import { namedAmount } from "../../../domain/money.ts";
import {
  goOnMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import type { CallbackMessage } from "../../../domain/messages/messages.ts";
import type { ChargeStatus, Gateway } from "../../../streams/payments/gateway.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { settleAll, withProvider } from "../../provider.ts";
import { anOrder } from "../../workflow.ts";

import {
  all,
  chargeAgain,
  depsOf,
  disputeOf,
  forget,
  hold,
  operator,
  paidOrders,
  unpay,
} from "../../reconciled.ts";

Deno.test("what a lost row leaves at the provider is recorded, or goes back, by the action that is offered", async () => {
  await withProvider("reconcile_mends", {}, async (provided) => {
    const { flow, provider } = provided;
    await paidOrders(provided, 10);
    const deps = depsOf(provided);
    // One order whose answer never came, one whose row is lost, one that was charged twice, and a refund that is lost.
    const orders = await flow.rows(
      "select id, external_order_id, total_cents from orders order by id",
    );
    const [unpaid, lost, twice, refunded] = [orders[1], orders[2], orders[3], orders[5]];
    await unpay(provided, Number(unpaid!.id));
    await forget(provided, Number(lost!.id));
    await chargeAgain(provided, Number(twice!.id));
    await flow.rows("delete from refund_lines");
    await flow.rows(
      `delete from notification_logs where refund_id is not null and order_id = ${refunded!.id}`,
    );
    await flow.rows(`delete from refunds where order_id = ${refunded!.id}`);
    await flow.rows(
      `delete from ledger_entries where source = 2 and order_id = ${refunded!.id}`,
    );
    await flow.rows(`update orders set refunded_cents = 0 where id = ${refunded!.id}`);
    await hold(provided, provider.report());
    const kinds = (rows: readonly DiscrepancyRow[]) => rows.map(({ kind }) => kind).sort();
    assert.deepEqual(kinds(await all(provided, "open")), [
      "missing_with_us",
      "missing_with_us",
      "refund_without_refund",
      "twice",
    ]);
    for (let turn = 0; turn < 4; turn++) {
      for (const { id, approvedBy } of await all(provided, "open")) {
        if (approvedBy === null) await proposeMending(deps, { id, note: null }, operator);
      }
      await settleAll(provided);
      await goOnMending(deps, operator);
    }
    assert.deepEqual(await all(provided, "open"), []);
    assert.equal((await flow.order(Number(unpaid!.id))).status, "PAID");
    assert.equal((await flow.order(Number(refunded!.id))).refundedCents, 500);
    // The provider keeps of each order what our books say.
    await hold(provided, provider.report());
    assert.deepEqual(await all(provided, "open"), []);
    const kept = [...provider.charges.values()]
      .reduce(
        (sum, { status, amountCents, refundedCents }) =>
          sum + (status === "succeeded" ? amountCents - refundedCents : 0),
        0,
      );
    const [books] = await flow.rows(
      "select sum(total_cents - refunded_cents) as cents from orders where status = 'PAID'",
    );
    assert.equal(kept, Number(books!.cents));
  });
});

Deno.test("a refund that failed here and was made at the provider is recorded as another one", async () => {
  await withProvider("reconcile_failed_refund", {}, async (provided) => {
    const { flow, provider } = provided;
    await paidOrders(provided, 5);
    await flow.rows("delete from ledger_entries where source = 2");
    await flow.rows("update orders set refunded_cents = 0");
    await flow.rows("update refunds set status = 'FAILED', failure_reason = 'refused'");
    const deps = depsOf(provided);
    for (let turn = 0; turn < 2; turn++) {
      await hold(provided, provider.report());
      for (const { id, approvedBy } of await all(provided, "open")) {
        if (approvedBy === null) await proposeMending(deps, { id, note: null }, operator);
      }
      await settleAll(provided);
      await goOnMending(deps, operator);
      const found = (await all(provided)).map(({ kind, state }) => [kind, state]);
      assert.deepEqual(found, [["refund_without_refund", "mended"]]);
      const refunds = await flow.rows("select status from refunds order by id");
      assert.deepEqual(refunds.map(({ status }) => status), ["FAILED", "PROCESSED"]);
    }
    const [refunded] = await flow.rows("select sum(refunded_cents) as cents from orders");
    assert.equal(Number(refunded!.cents), 500);
  });
});

Deno.test("giving back what came twice leaves the money alone that its order waits for", async () => {
  await withProvider("reconcile_one_of_two", {}, async (provided) => {
    const { flow, provider } = provided;
    await paidOrders(provided, 3);
    const [order] = await flow.rows(
      "select id, external_order_id from orders order by id limit 1 offset 1",
    );
    const orderId = Number(order!.id);
    const first = provider.report().find(({ kind, reference }) =>
      kind === "charge" && reference === order!.external_order_id
    )!;
    await chargeAgain(provided, orderId);
    await unpay(provided, orderId);
    await publish(flow, [{
      message: {
        type: "payment.callback",
        orderId,
        amountCents: first.grossCents - 2,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        providerRef: first.chargeId,
      },
    }]);
    await flow.drain();
    await hold(provided, provider.report());
    const deps = depsOf(provided);
    const { id } = (await all(provided, "open")).find(({ kind }) => kind === "twice")!;
    await proposeMending(deps, { id, action: "give_back", note: null }, operator);
    for (let turn = 0; turn < 3; turn++) {
      await flow.drain();
      await goOnMending(deps, operator);
    }
    assert.equal((await all(provided)).find((one) => one.id === id)!.state, "mended");
    const payments = await flow.rows(
      `select surplus, status from payments where order_id = ${orderId} order by surplus`,
    );
    assert.deepEqual(payments.map(({ status }) => status), ["DISPUTED", "REVERSED"]);
    assert.equal((await flow.order(orderId)).status, "RESERVED");
  });
});

Deno.test("what can't be carried out keeps nothing else from being mended", async () => {
  await withProvider("reconcile_stuck", {}, async (provided) => {
    await paidOrders(provided, 10);
    const lines = provided.provider.report();
    const [nameless, other] = lines.filter(({ kind }) => kind === "charge");
    const refund = lines.find(({ kind }) => kind === "refund")!;
    const said = lines.map((line) =>
      line === refund ? { ...line, grossCents: -300, netCents: -300 } : line
    );
    const disputes = [
      disputeOf(nameless!, { refundId: "", entryId: "" }),
      disputeOf(other!, {}),
    ];
    await hold(provided, [...said, ...disputes], 2);
    const broken = new Error("broken");
    const refundStatus = () => Promise.reject(broken);
    const deps = { ...depsOf(provided, 2), gateway: { ...provided.gateway, refundStatus } };
    for (const { id, kind } of await all(provided, "open")) {
      const action = kind === "amount_differs" ? "ask" : "record";
      await proposeMending(deps, { id, action, note: null }, operator);
    }
    // Whoever approves them is gone before anything is carried out.
    await provided.flow.rows(
      "update discrepancies set approved_by = 'another', approved_at = current_timestamp(6)",
    );
    await assert.rejects(goOnMending(deps, operator), broken);
    const rows = await all(provided);
    assert.deepEqual(rows.map(({ state, approvedBy }) => [state, approvedBy]), [
      ["open", "another"],
      ["open", null],
      ["mended", "another"],
    ]);
    assert.match(rows[1]!.answer!, /no name/);
  });
});

Deno.test("what the provider keeps saying of a refund can be explained", async () => {
  await withProvider("reconcile_ask_refund", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const refund = lines.find(({ kind }) => kind === "refund")!;
    const less = { ...refund, grossCents: -300, netCents: -300 };
    await hold(provided, lines.map((line) => line === refund ? less : line));
    const [row] = await all(provided, "open");
    assert.deepEqual([row!.kind, row!.movement], ["amount_differs", "refund"]);
    const says = "the provider answered about a refund of 300 EUR to one of 500 EUR";
    const refundStatus = () => Promise.resolve([{ kind: "failed" as const, error: says }]);
    const deps = { ...depsOf(provided), gateway: { ...provided.gateway, refundStatus } };
    const asked = await proposeMending(deps, { id: row!.id, action: "ask", note: null }, operator);
    assert.equal(asked.discrepancy.answer, says);
    const wish = { id: row!.id, action: "explain", note: "they owe it" } as const;
    const { discrepancy } = await proposeMending(deps, wish, operator);
    assert.equal(discrepancy.state, "explained");
  });
});

Deno.test("a charge that its provider denies, or can't be asked about, pays for nothing", async () => {
  await withProvider("reconcile_denied", {}, async (provided) => {
    const { flow, gateway } = provided;
    await paidOrders(provided, 2);
    const [, order] = await flow.rows("select id from orders order by id");
    const orderId = Number(order!.id);
    const lines = provided.provider.report();
    await unpay(provided, orderId);
    await hold(provided, lines);
    const [row] = await all(provided, "open");
    const record = async (said: ChargeStatus) => {
      const status = () => Promise.resolve([said]);
      const deps = { ...depsOf(provided), gateway: { ...gateway, status } };
      const wish = { id: row!.id, action: "record", note: null } as const;
      const { discrepancy } = await proposeMending(deps, wish, operator);
      await flow.drain();
      const { status: is } = await flow.order(orderId);
      return [discrepancy.approvedBy, discrepancy.answer, is];
    };
    const message: CallbackMessage = {
      type: "payment.callback",
      orderId,
      amountCents: row!.theirCents!,
      currency: "EUR",
      outcome: "declined",
      provider: "http",
      providerRef: row!.chargeRef!,
    };
    assert.deepEqual(await record({ kind: "accepted", callback: { message } }), [
      null,
      `the provider says that ${row!.chargeRef} declined: ${namedAmount(row!.theirCents!, "EUR")}`,
      "RESERVED",
    ]);
    for (
      const otherwise of [
        { amountCents: row!.theirCents! - 1 },
        { currency: "USD" },
        { providerRef: "other" },
      ]
    ) {
      const said: CallbackMessage = { ...message, outcome: "succeeded", ...otherwise };
      const [approvedBy, , status] = await record({
        kind: "accepted",
        callback: { message: said },
      });
      assert.deepEqual([approvedBy, status], [null, "RESERVED"], JSON.stringify(otherwise));
    }
    assert.deepEqual(await record({ kind: "unknown" }), [
      null,
      "the provider knows of no such charge when it is asked",
      "RESERVED",
    ]);
    assert.deepEqual(await record({ kind: "away", error: "503" }), ["test", "503", "RESERVED"]);
    await goOnMending(depsOf(provided), operator);
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
  });
});

Deno.test("a charge that is asked about is explained only where the provider says what we have", async () => {
  await withProvider("reconcile_ask_charge", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const { grossCents, chargeId } = charge;
    const less = { ...charge, grossCents: grossCents - 2, netCents: charge.netCents - 2 };
    await hold(provided, lines.map((line) => line === charge ? less : line));
    const [row] = await all(provided, "open");
    const ask = async (said: Partial<CallbackMessage>) => {
      const message: CallbackMessage = {
        type: "payment.callback",
        orderId: row!.orderId!,
        amountCents: grossCents,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        providerRef: chargeId,
        ...said,
      };
      const status = () => Promise.resolve([{ kind: "accepted" as const, callback: { message } }]);
      const deps = { ...depsOf(provided), gateway: { ...provided.gateway, status } };
      const wish = { id: row!.id, action: "ask", note: null } as const;
      const { discrepancy } = await proposeMending(deps, wish, operator);
      return [discrepancy.state, discrepancy.approvedBy];
    };
    assert.deepEqual(await ask({ amountCents: grossCents - 2 }), ["open", null]);
    assert.deepEqual(await ask({ currency: "USD" }), ["open", null]);
    assert.deepEqual(await ask({ outcome: "declined" }), ["open", null]);
    assert.deepEqual(await ask({ providerRef: "other" }), ["open", null]);
    assert.deepEqual(await ask({}), ["explained", "test"]);
  });
});

Deno.test("what was taken too much goes back and nothing more, and an unknown refund is asked for under its own key", async () => {
  await withProvider("reconcile_gives_back", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const refund = lines.find(({ kind }) => kind === "refund")!;
    await hold(
      provided,
      lines.map((line) =>
        line === charge
          ? { ...line, grossCents: line.grossCents + 200, netCents: line.netCents + 200 }
          : line === refund
          ? { ...line, grossCents: -300, netCents: -300 }
          : line
      ),
    );
    const asked: unknown[] = [];
    const gateway: Gateway = {
      ...provided.gateway,
      refundStatus: () => Promise.resolve([{ kind: "unknown" }]),
      money: () =>
        Promise.resolve([{
          kind: "found",
          ref: charge.chargeId,
          tookCents: charge.grossCents + 200,
          refundedCents: refund.chargeId === charge.chargeId ? 500 : 0,
          currency: "EUR",
        }]),
      refund: ([request]) => {
        const { amountCents, currency, chargeRef, idempotencyKey } = request!;
        asked.push([amountCents, currency, chargeRef, idempotencyKey]);
        return Promise.resolve([{ kind: "refunded" }]);
      },
    };
    const deps = { ...depsOf(provided), gateway };
    const [tooMuch, tooLittle] = await all(provided, "open");
    for (const [{ id }, action] of [[tooMuch!, "give_back"], [tooLittle!, "ask"]] as const) {
      const { discrepancy } = await proposeMending(deps, { id, action, note: null }, operator);
      assert.equal(discrepancy.state, "mended");
    }
    await goOnMending(deps, operator);
    const [mend] = await provided.flow.rows(
      "select mend_key from discrepancies order by id limit 1",
    );
    assert.deepEqual(asked, [
      [200, "EUR", charge.chargeId, mend!.mend_key],
      [500, "EUR", refund.chargeId, refund.key],
    ]);
  });
});

Deno.test("a line alone pays no order: what the provider says of the charge when it is asked counts", async () => {
  await withProvider("reconcile_forged", {}, async (provided) => {
    const { flow } = provided;
    await flow.add([anOrder("R-1", [{ sku: "A", qty: 1, unitPriceCents: 1_001 }])], 1_000);
    await settleAll(provided);
    const forged = reportLine({
      kind: "charge",
      createdUtc: new Date().toISOString().slice(0, 19).replace("T", " "),
      chargeId: "ch_forged",
      refundId: "",
      key: "",
      reference: "R-1",
      grossCents: 1_001,
      feeCents: 0,
      currency: "EUR",
    });
    await hold(provided, [forged]);
    const [row] = await all(provided, "open");
    const wish = { id: row!.id, action: "record", note: null } as const;
    const { discrepancy } = await proposeMending(
      { ...depsOf(provided), gateway: provided.gateway },
      wish,
      operator,
    );
    await settleAll(provided);
    assert.match(discrepancy.answer!, /the provider says that .+ declined: 10\.01 EUR/);
    assert.equal(discrepancy.approvedBy, null);
    assert.deepEqual(
      await flow.rows("select status from payments where provider_ref = 'ch_forged'"),
      [],
    );
  });
});
