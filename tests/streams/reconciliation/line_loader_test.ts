import assert from "node:assert/strict";
import type { Database, Queryable } from "../../../db/connection/database.ts";
import { beginReconciliation } from "../../../db/reconciliation/reconciliations.ts";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { lineRules } from "../../../domain/reconciliation/decide_line.ts";
import type { ProviderLine } from "../../../domain/reconciliation/provider_line.ts";
import { openLoader } from "../../../streams/reconciliation/line_loader.ts";
import { ownReport, paidOrders } from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** A database that tells every statement that it is asked for. */
function told(db: Database, statements: string[]): Database {
  const one = <Q extends Queryable>(asked: Q): Q => ({
    ...asked,
    query: (sql, values) => (statements.push(sql), asked.query(sql, values)),
    execute: (sql, values) => (statements.push(sql), asked.execute(sql, values)),
    run: (sql, values) => (statements.push(sql), asked.run(sql, values)),
    runText: (sql, values) => (statements.push(sql), asked.runText(sql, values)),
  });
  return {
    ...one(db),
    transaction: (work, options) => db.transaction((tx) => work(one(tx)), options),
  };
}

function lineOf(line: ReportLine, place: number): ProviderLine {
  const { kind, entryId, chargeId, refundId, key, reference, grossCents, feeCents } = line;
  return {
    kind,
    line: place + 2,
    entry: entryId,
    chargeRefs: [chargeId],
    refundRef: refundId || null,
    key: key || null,
    reference,
    amountCents: Math.abs(grossCents),
    currency: line.currency,
    grossCents,
    feeCents,
    netCents: line.netCents,
    settledCurrency: line.currency,
    at: line.createdUtc,
  };
}

async function begun({ db }: Workflow, digest: string): Promise<number> {
  const { id } = await beginReconciliation(db, {
    provider: "simulated",
    source: "report",
    name: "report.csv",
    digest: digest.repeat(64),
    from: "2020-01-01 00:00:00.000",
    to: "2030-01-01 00:00:00.000",
    actor: "test",
    feesWait: false,
  });
  return id;
}

/** Loads lines in batches of six; what was asked of the database for that. */
async function load(
  { db }: Workflow,
  reconciliationId: number,
  lines: readonly ProviderLine[],
): Promise<{ statements: string[]; counts: number[] }> {
  const statements: string[] = [], counts: number[] = [];
  const loading = {
    db: told(db, statements),
    provider: "simulated",
    reconciliationId,
    rules: lineRules(0),
  };
  const loader = openLoader(loading, (count) => (counts.push(count), Promise.resolve()));
  for (let at = 0; at < lines.length; at += 6) await loader.add(lines.slice(at, at + 6));
  await loader.end();
  return { statements, counts };
}

const isWriting = (sql: string) => sql.includes("insert into provider_movements");

async function movements({ rows }: Workflow): Promise<string[]> {
  const found = await rows("select kind, subject_id, hex(entry) as entry from provider_movements");
  return found.map((row) => JSON.stringify(row)).sort();
}

Deno.test("openLoader() looks at lines of several batches together, and asks for nothing again that it has written", async () => {
  await withWorkflow("line_loader", async (flow) => {
    await paidOrders({ flow, name: "simulated" }, 60);
    const lines = (await ownReport(flow)).map(lineOf);
    assert.equal(lines.filter(({ kind }) => kind === "refund").length, 12);
    // A refund to each batch.
    const [refunds, charges] = [
      lines.filter(({ kind }) => kind === "refund"),
      lines.filter(({ kind }) => kind === "charge"),
    ];
    const mixed = refunds.flatMap((refund, at) => [refund, ...charges.slice(at * 5, at * 5 + 5)])
      .map((line, place) => ({ ...line, line: place + 2 }));
    const id = await begun(flow, "a");
    const { statements, counts } = await load(flow, id, mixed);
    assert.deepEqual(counts, Array.from({ length: 12 }, (_, at) => (at + 1) * 6));
    assert.equal((await movements(flow)).length, 72);
    // Each batch's charges by a statement, and all refunds by one.
    assert.equal(statements.filter(isWriting).length, 13);
    assert.equal(statements.filter((sql) => sql.includes("from json_table")).length, 14);
    assert.equal(statements.filter((sql) => sql.includes("provider_retellings")).length, 0);
  });
});

Deno.test("openLoader() writes nothing once it is known that all was told before", async () => {
  await withWorkflow("line_loader_again", async (flow) => {
    await paidOrders({ flow, name: "simulated" }, 60);
    const lines = (await ownReport(flow)).map(lineOf).filter(({ kind }) => kind === "charge");
    const id = await begun(flow, "a");
    await load(flow, id, lines);
    const before = await movements(flow);
    const again = await load(flow, id, lines);
    // Of some batches it is not known yet when they are begun; each of these tries once without and once with a look.
    const tried = again.statements.filter(isWriting).length;
    assert.ok(tried <= 8, `${tried} writes of 10 batches`);
    assert.equal(await retellings(flow), 0);
    const other = await begun(flow, "b");
    await load(flow, other, lines);
    assert.equal(await retellings(flow), 60);
    // What is new among what was told is written all the same.
    await flow.rows("delete from provider_movements order by subject_id desc limit 3");
    await flow.rows("delete from provider_retellings order by subject_id desc limit 3");
    await load(flow, id, lines);
    assert.deepEqual(await movements(flow), before);
  });
});

Deno.test("openLoader() takes no batch once lines of one before could not be looked at", async () => {
  await withWorkflow("line_loader_fails", async (flow) => {
    await paidOrders({ flow, name: "simulated" }, 60);
    const lines = (await ownReport(flow)).map(lineOf);
    const refund = lines.find(({ kind }) => kind === "refund")!;
    const refunds = Array.from({ length: 500 }, (_, at) => ({ ...refund, entry: `txn_${at}` }));
    const db: Database = {
      ...flow.db,
      query: (sql, values) =>
        sql.includes("from refunds")
          ? Promise.reject(new Error("the engine is gone"))
          : flow.db.query(sql, values),
    };
    const id = await begun(flow, "a");
    const loading = { db, provider: "simulated", reconciliationId: id, rules: lineRules(0) };
    const loader = openLoader(loading, () => Promise.resolve());
    await loader.add(refunds);
    await assert.rejects(loader.end(), /the engine is gone/);
    const charges = lines.filter(({ kind }) => kind === "charge");
    await assert.rejects(loader.add(charges), /the engine is gone/);
    assert.deepEqual(await movements(flow), []);
  });
});

async function retellings({ rows }: Workflow): Promise<number> {
  return Number((await rows("select count(*) as n from provider_retellings"))[0]!.n);
}
