import assert from "node:assert/strict";
import {
  noteMendCents,
  readMended,
  readMendsOf,
  sumToldBack,
  takeMendKey,
} from "../../../db/reconciliation/direct_refunds.ts";
import {
  type DiscrepancyRow,
  listDiscrepancies,
  readDiscrepancy,
} from "../../../db/reconciliation/discrepancies.ts";
import {
  approveAction,
  dropAction,
  endByAction,
  endDiscrepancy,
  noteAnswer,
  proposeAction,
} from "../../../db/reconciliation/discrepancy_actions.ts";
import { noteOurs } from "../../../db/reconciliation/discrepancy_identities.ts";
import { insertDiscrepancies } from "../../../db/reconciliation/found_discrepancies.ts";
import { toldLater } from "../../../db/reconciliation/ending_answers.ts";
import {
  deleteOpenOf,
  deleteUncovered,
  giveDiscrepancies,
  noteOnEnded,
  reopenMissing,
} from "../../../db/reconciliation/withdrawals.ts";
import { noPart } from "../../../db/reconciliation/provider_movements.ts";
import {
  movementName,
  noteRetellings,
  readKeptMovements,
} from "../../../db/reconciliation/retold_movements.ts";
import type { DiscrepancyKind } from "../../../domain/reconciliation/discrepancy.ts";
import { foundDiscrepancy } from "../../../streams/reconciliation/found_discrepancy.ts";
import { untilWaiting } from "../../until_waiting.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

type Found = Parameters<typeof foundDiscrepancy>[0];

/** Identities are digests: this is one of a number. */
const digestOf = (number: number) => number.toString(16).padStart(32, "0");

let number = 0;

/** Writes one down that is open. @returns its id */
async function add({ db }: Workflow, change: Partial<Found> = {}): Promise<number> {
  await insertDiscrepancies(db, [foundDiscrepancy({
    reconciliationId: 1,
    provider: "http",
    kind: "missing_with_them",
    identity: digestOf(++number),
    day: "2026-01-01",
    movement: "refund",
    orderId: 7,
    chargeRef: "ch_1",
    theirCents: 100,
    theirCurrency: "EUR",
    ...change,
  })]);
  const rows = await listDiscrepancies(db, { filter: {}, afterId: 0, limit: 1_000 });
  return rows.at(-1)!.id;
}

async function addEnded(
  flow: Workflow,
  as: { state?: "MENDED" | "EXPLAINED"; answer?: string },
  change: Partial<Found> = {},
): Promise<number> {
  const id = await add(flow, change);
  await endDiscrepancy(flow.db, id, as.state ?? "MENDED", as.answer ?? toldLater);
  return id;
}

const statesOf = async ({ db }: Workflow, ids: readonly number[]) =>
  await Promise.all(ids.map(async (id) => (await readDiscrepancy(db, id))?.state));

Deno.test("reopenMissing() opens what a later report told of: of the provider and the orders, and nothing that a person ended", () =>
  withWorkflow("guard_reopen", async (flow) => {
    const wanted = await addEnded(flow, {});
    const others = [
      await addEnded(flow, {}, { provider: "stripe" }),
      await addEnded(flow, {}, { orderId: 8 }),
      await addEnded(flow, {}, { kind: "amount_differs" }),
      await addEnded(flow, { answer: "it was given back" }),
    ];
    const explained = await addEnded(flow, { state: "EXPLAINED" });
    await reopenMissing(flow.db, "http", [7]);
    assert.deepEqual(await statesOf(flow, [wanted, explained]), ["open", "explained"]);
    assert.deepEqual(await statesOf(flow, others), others.map(() => "mended"));
    const { answer, endedAt } = (await readDiscrepancy(flow.db, wanted))!;
    assert.deepEqual([answer, endedAt], [null, null]);
  }));

Deno.test("deleteUncovered() deletes what is missing of a provider's own days that no report covers, and nothing that is approved", () =>
  withWorkflow("guard_uncovered", async (flow) => {
    const gone = await add(flow);
    const others = [
      await add(flow, { provider: "stripe" }),
      await add(flow, { kind: "amount_differs" }),
      await add(flow, { day: "2026-01-02" }),
    ];
    const approved = await add(flow);
    await proposeAction(flow.db, { id: approved, action: "ask", note: null, by: "a" });
    await approveAction(flow.db, { id: approved, action: "ask", by: "b", mendKey: null });
    const ended = await addEnded(flow, {});
    await flow.rows(
      "insert into reconciled_days (provider, day, covered_from, covered_until) values ('http', '2026-01-02', '2026-01-02', '2026-01-03'), ('stripe', '2026-01-01', '2026-01-01', '2026-01-02')",
    );
    await flow.rows("update discrepancies set day = '2026-01-03' where id = ?", [others[0]!]);
    await deleteUncovered(flow.db, "http");
    assert.deepEqual(await statesOf(flow, [gone]), [undefined]);
    assert.deepEqual(await statesOf(flow, [...others, approved, ended]), [
      "open",
      "open",
      "open",
      "open",
      "mended",
    ]);
  }));

Deno.test("noteOnEnded() lets another report find again what was explained of this one, and nothing else", () =>
  withWorkflow("guard_ended", async (flow) => {
    const kinds: [state: "MENDED" | "EXPLAINED", kind: DiscrepancyKind][] = [
      ["EXPLAINED", "amount_differs"],
      ["MENDED", "amount_differs"],
      ["EXPLAINED", "missing_with_them"],
    ];
    const identities: string[] = [];
    for (const [state, kind] of kinds) {
      await addEnded(flow, { state }, { kind });
      identities.push(digestOf(number));
    }
    const limit = { note: "the report is gone", limit: 10 };
    assert.equal(await noteOnEnded(flow.db, 1, limit), 3);
    assert.equal(await noteOnEnded(flow.db, 1, limit), 0);
    const again = identities.map((identity, place) =>
      foundDiscrepancy({
        reconciliationId: 2,
        provider: "http",
        kind: kinds[place]![1],
        identity,
        day: "2026-01-01",
        movement: "charge",
      })
    );
    const news = await Promise.all(again.map((one) => insertDiscrepancies(flow.db, [one])));
    assert.deepEqual(news, [1, 0, 0]);
  }));

Deno.test("giveDiscrepancies() gives what is open of one report, and leaves what was ended to its note", () =>
  withWorkflow("guard_given", async (flow) => {
    const ids: number[] = [];
    const identities: string[] = [];
    const note = async (id: number) => {
      ids.push(id);
      identities.push(digestOf(number));
      return await Promise.resolve();
    };
    await note(await add(flow));
    await note(await addEnded(flow, {}));
    await note(await add(flow, { reconciliationId: 3 }));
    await add(flow);
    ids.push(ids.at(-1)! + 1);
    await giveDiscrepancies(flow.db, 1, 2, identities);
    const rows = await Promise.all(ids.map((id) => readDiscrepancy(flow.db, id)));
    assert.deepEqual(rows.map((row) => row!.reconciliationId), [2, 1, 3, 1]);
  }));

Deno.test("deleteOpenOf() leaves what came back of mending, and what others found", () =>
  withWorkflow("guard_open", async (flow) => {
    const gone = await add(flow);
    const others = [
      await add(flow, { kind: "corrected", movement: "unmended" }),
      await add(flow, { reconciliationId: 2 }),
      await addEnded(flow, {}),
    ];
    assert.equal(await deleteOpenOf(flow.db, 1, 10), 1);
    assert.deepEqual(await statesOf(flow, [gone, ...others]), [
      undefined,
      "open",
      "open",
      "mended",
    ]);
  }));

Deno.test("sumToldBack() counts what is open of refunds of the very charge, its provider and its currency", () =>
  withWorkflow("guard_told_back", async (flow) => {
    const kind = "refund_without_refund";
    await add(flow, { kind, theirCents: 300 });
    await add(flow, { kind, theirCents: 20, theirCurrency: "USD" });
    await add(flow, { kind, theirCents: 3, provider: "stripe" });
    await add(flow, { kind, theirCents: 5, chargeRef: "ch_2" });
    await add(flow, { kind: "twice", theirCents: 7 });
    await addEnded(flow, {}, { kind, theirCents: 11 });
    const charge = { provider: "http", chargeRef: "ch_1", theirCurrency: "EUR" };
    assert.equal(await sumToldBack(flow.db, charge), 300);
    assert.equal(await sumToldBack(flow.db, { ...charge, chargeRef: "ch_3" }), 0);
  }));

Deno.test("what mending gave back of a charge is told by its provider and its name, and once by its key", () =>
  withWorkflow("guard_mends", async (flow) => {
    const { db } = flow;
    const ids: number[] = [];
    for (const change of [{}, { provider: "stripe" }, { chargeRef: "ch_2" }]) {
      const id = await add(flow, { kind: "missing_with_us", orderId: null, ...change });
      ids.push(id);
      await proposeAction(db, { id, action: "give_back", note: null, by: "a" });
      const approved = { id, action: "give_back", by: "b", mendKey: `mend_${id}` } as const;
      // Another one was proposed meanwhile.
      assert.equal(await approveAction(db, { ...approved, action: "ask" }), false);
      assert.equal(await approveAction(db, approved), true);
      assert.equal(await approveAction(db, { ...approved, mendKey: "mend_other" }), false);
      assert.equal(
        await proposeAction(db, { id, action: "explain", note: "no", by: "c" }),
        false,
      );
      const row = (await readDiscrepancy(db, id))!;
      assert.equal(await noteMendCents(db, row, 60 + id), 60 + id);
      assert.equal(await noteMendCents(db, row, 1), 60 + id);
      const late = { id, approvedAt: "2026-01-01T00:00:00.000000Z" };
      assert.equal(await noteMendCents(db, late, 1), undefined);
    }
    const [first] = ids as [number];
    const charge = { provider: "http", chargeRef: "ch_1" };
    assert.deepEqual(await readMendsOf(db, charge), [{ id: first, cents: 60 + first }]);
    const keys = ids.map((id) => `mend_${id}`);
    const mended = await readMended(db, "http", keys);
    assert.deepEqual([...mended.values()].map(({ id }) => id), [ids[0], ids[2]]);
    await endDiscrepancy(db, first, "MENDED", null);
    assert.equal(await endDiscrepancy(db, first, "EXPLAINED", null), false);
    const row = async (id: number) => (await readDiscrepancy(db, id)) as DiscrepancyRow;
    // What is over is not withdrawn.
    await dropAction(db, await row(first), "too late");
    const over = await row(first);
    assert.deepEqual([over.state, over.mendKey, over.mendCents], [
      "mended",
      `mend_${first}`,
      60 + first,
    ]);
    const late = { id: ids[1]!, approvedAt: "2026-01-01T00:00:00.000000Z" };
    await dropAction(db, late, "what was approved before came to nothing");
    assert.equal(await endByAction(db, late, "EXPLAINED", "it had gone back before"), false);
    await noteAnswer(db, late, "it is away");
    const ours = {
      kind: "amount_differs",
      identity: "a".repeat(32),
      orderId: 1,
      paymentId: 1,
      refundId: null,
      ourCents: 1,
      ourCurrency: "EUR",
    } as const;
    for (const approvedAt of [late.approvedAt, null]) {
      assert.equal(await noteOurs(db, { ...late, approvedAt }, ours), false);
    }
    const { answer, kind } = await row(ids[1]!);
    assert.deepEqual([answer, kind], [null, "missing_with_us"]);
    await noteAnswer(db, await row(ids[1]!), "it is away");
    assert.equal((await row(ids[1]!)).answer, "it is away");
    assert.equal(await noteOurs(db, await row(ids[2]!), ours), true);
    assert.equal((await row(ids[2]!)).kind, "amount_differs");
    assert.equal((await row(ids[1]!)).action, "give_back");
    await dropAction(db, await row(ids[1]!), "it is kept");
    const { action, mendKey, mendCents } = await row(ids[1]!);
    assert.deepEqual([action, mendKey, mendCents], [null, null, null]);
  }));

Deno.test("noteMendCents() leaves nothing of an action that is being dropped at that moment", () =>
  withWorkflow("guard_mend_dropped", async (flow) => {
    const { db } = flow;
    const id = await add(flow, { kind: "missing_with_us", orderId: null });
    await proposeAction(db, { id, action: "give_back", note: null, by: "a" });
    await approveAction(db, { id, action: "give_back", by: "b", mendKey: "mend_1" });
    const row = (await readDiscrepancy(db, id))!;
    const late = await db.transaction(async (tx) => {
      await dropAction(tx, row, "the provider knows of no such charge");
      let isDone = false;
      const noted = noteMendCents(db, row, 500).finally(() => isDone = true);
      await untilWaiting(flow, () => isDone);
      return { noted };
    });
    assert.equal(await late.noted, undefined);
    assert.deepEqual(await flow.rows("select * from discrepancy_mends"), []);
  }));

Deno.test("takeMendKey() gives the key of what was approved and is open, and takes none from another discrepancy", () =>
  withWorkflow("guard_take_key", async (flow) => {
    const { db } = flow;
    const ids = [
      await add(flow, { kind: "missing_with_us", orderId: null }),
      await add(flow, { kind: "missing_with_us", orderId: null }),
    ] as const;
    for (const id of ids) {
      await proposeAction(db, { id, action: "give_back", note: null, by: "a" });
      const mendKey = `mend_${id}_2`;
      await approveAction(db, { id, action: "give_back", by: "b", mendKey });
    }
    const keys = async () =>
      await Promise.all(ids.map(async (id) => (await readDiscrepancy(db, id))!.mendKey));
    const before = await keys();
    const row = (await readDiscrepancy(db, ids[0]))!;
    await takeMendKey(db, { ...row, approvedAt: "2026-01-01T00:00:00.000000Z" }, "mend_late");
    await takeMendKey(db, row, before[1]!);
    assert.deepEqual(await keys(), before);
    await takeMendKey(db, row, "mend_1");
    await endByAction(db, row, "MENDED", "it was made after all");
    await takeMendKey(db, row, "mend_over");
    assert.deepEqual(await keys(), ["mend_1", before[1]]);
  }));

Deno.test("readKeptMovements() knows the last report that counts and tells the very same", () =>
  withWorkflow("guard_last_told", async (flow) => {
    const key = { kind: "charge", subjectId: 7, part: noPart } as const;
    await flow.rows(
      `insert into reconciliations (id, provider, source, name, digest, period_from, period_to, state, actor)
      values (1, 'http', 'report', '', repeat('a', 32), '2026-01-01', '2026-01-02', 'DONE', ''),
        (2, 'http', 'report', '', repeat('b', 32), '2026-01-01', '2026-01-02', 'DONE', ''),
        (3, 'http', 'report', '', repeat('c', 32), '2026-01-01', '2026-01-02', 'DONE', ''),
        (4, 'http', 'report', '', repeat('d', 32), '2026-01-01', '2026-01-02', 'WITHDRAWN', '')`,
    );
    await flow.rows(
      `insert into provider_movements (kind, subject_id, part, provider, reconciliation_id, happened_at, currency,
        gross_cents, fee_cents, net_cents)
      values ('charge', 7, unhex('${noPart}'), 'http', 1, '2026-01-01', 'EUR', 100, 3, 97)`,
    );
    await flow.rows(
      `insert into provider_retellings (kind, subject_id, part, reconciliation_id, is_same)
      values ('charge', 7, unhex('${noPart}'), 2, 1), ('charge', 7, unhex('${noPart}'), 3, 0),
        ('charge', 7, unhex('${noPart}'), 4, 1)`,
    );
    const lastTold = async () =>
      (await readKeptMovements(flow.db, [key])).get(movementName(key))!.lastTold;
    assert.equal(await lastTold(), 2);
    await flow.rows("delete from provider_retellings where reconciliation_id = 2");
    assert.equal(await lastTold(), 1);
    await flow.rows("update provider_retellings set is_same = 2 where reconciliation_id = 3");
    assert.equal(await lastTold(), 3);
    // Who has told otherwise once does not agree.
    for (const [sameness, known] of [["money", 3], ["other", 1], ["all", 1]] as const) {
      await noteRetellings(flow.db, 3, [{ ...key, sameness }]);
      assert.equal(await lastTold(), known);
    }
  }));
