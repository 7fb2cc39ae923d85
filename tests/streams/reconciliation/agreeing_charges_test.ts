import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import {
  insertAgreeingCharges,
  readUntoldCharges,
} from "../../../db/reconciliation/provider_movements.ts";
import { decideLine } from "../../../domain/reconciliation/decide_line.ts";
import type { ProviderLine } from "../../../domain/reconciliation/provider_line.ts";
import { findFacts } from "../../../streams/reconciliation/find_facts.ts";
import { plainCharges } from "../../../streams/reconciliation/load_lines.ts";
import { ownReport, paidOrders } from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const rules = { lateSeconds: 86_400 };
const loading = { provider: "simulated", reconciliationId: 1, rules };

/** The same numbers for the same seed. */
function drawer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

type Draw = ReturnType<typeof drawer>;

function oneOf<T>(draw: Draw, ...some: T[]): T {
  return some[draw(some.length)]!;
}

/** A time that is just within, at or beyond what is late, to the microsecond. */
function timeNear(draw: Draw, at: string): string {
  const micros = oneOf(draw, 0, 1, 1_000, 999_000, 86_400_000_000) +
    oneOf(draw, 0, 0, 1, -1, 400_000, 999);
  const whole = Date.parse(`${at.slice(0, 19).replace(" ", "T")}Z`) * 1_000 +
    Number(at.slice(20, 26).padEnd(6, "0"));
  const moved = whole + oneOf(draw, 1, -1) * micros;
  const ms = Math.floor(moved / 1_000);
  const said = new Date(ms).toISOString().replace("T", " ").replace("Z", "");
  return `${said}${String(moved - ms * 1_000).padStart(3, "0")}`;
}

function randomLine(draw: Draw, charge: ReportLine, place: number): ProviderLine {
  const amountCents = charge.grossCents + oneOf(draw, 0, 0, 0, 0, 0, 0, 1, -1);
  const feeCents = oneOf(draw, 0, 25, -3);
  const isConverted = draw(4) === 0;
  const grossCents = isConverted ? amountCents * 2 : amountCents;
  return {
    kind: oneOf(draw, "charge", "charge", "charge", "charge", "charge", "refund"),
    line: place,
    entry: draw(6) === 0 ? null : `entry_${place}`,
    chargeRefs: [[], [`no_${place}`]][draw(12)] ?? [charge.chargeId],
    refundRef: null,
    key: null,
    reference: null,
    amountCents,
    currency: draw(6) === 0 ? "USD" : "EUR",
    grossCents,
    feeCents,
    netCents: oneOf(draw, null, grossCents - feeCents, grossCents - feeCents, grossCents),
    settledCurrency: isConverted ? "USD" : "EUR",
    at: timeNear(draw, charge.createdUtc),
  };
}

/** Payments of every kind: declined, in another currency than their order, and of any microsecond. */
async function disturb({ rows }: Workflow, draw: Draw): Promise<void> {
  for (const { id } of await rows("select id from payments order by id")) {
    const micros = String(draw(1_000_000)).padStart(6, "0");
    const status = oneOf(
      draw,
      "SUCCEEDED",
      "SUCCEEDED",
      "SUCCEEDED",
      "SUCCEEDED",
      "DECLINED",
      "DISPUTED",
    );
    const currency = oneOf(draw, "null", "null", "null", "'USD'", "'EUR'");
    await rows(
      `update payments set status = '${status}', currency = ${currency},
         paid_at = concat(date_format(paid_at, '%Y-%m-%d %H:%i:%s'), '.${micros}') where id = ${id}`,
    );
  }
}

Deno.test("the statement that writes agreeing charges and decideLine() say the same of any line", async () => {
  await withWorkflow("agreeing_charges", async (flow) => {
    await paidOrders({ flow, name: "simulated" }, 300);
    const draw = drawer(20_261_128);
    const charges = (await ownReport(flow)).filter(({ kind }) => kind === "charge");
    await disturb(flow, draw);
    const moved = await flow.rows("select provider_ref, paid_at from payments");
    const paidAt = new Map(moved.map((row) => [String(row.provider_ref), String(row.paid_at)]));
    const lines = charges.map((charge, place) =>
      randomLine(draw, { ...charge, createdUtc: paidAt.get(charge.chargeId)! }, place)
    );
    const seen = new Map<string, number>();
    // Before anything was told, then where all that agrees was, then where some of it is told otherwise.
    for (const turn of ["first", "again", "otherwise", "unsaid"] as const) {
      if (turn === "unsaid") {
        // As they were told before anybody noted what was converted.
        await flow.rows(
          "update provider_movements set customer_cents = null, customer_currency = null",
        );
      }
      const told = turn === "otherwise"
        ? lines.map((line, place) =>
          place % 3 === 0
            ? { ...line, feeCents: line.feeCents + 1, netCents: null }
            : place % 3 === 1 && line.currency !== line.settledCurrency
            ? { ...line, amountCents: line.amountCents + 1 }
            : line
        )
        : lines;
      const { lines: plain, from } = plainCharges("simulated", told);
      const facts = await findFacts(flow.db, "simulated", from);
      const decided = from.map((line, at) => decideLine(line, facts[at]!.entry, facts[at]!, rules));
      const before = await entries(flow);
      await insertAgreeingCharges(flow.db, loading, plain);
      const untold = new Set(await readUntoldCharges(flow.db, loading, plain));
      const after = await entries(flow);
      for (const [at, { kind }] of decided.entries()) {
        const isWritten = after.has(plain[at]!.entry) && !before.has(plain[at]!.entry);
        assert.equal(isWritten, kind === "agrees", `${turn}: ${JSON.stringify(from[at])} ${kind}`);
        const isTold = kind === "agrees" || kind === "known";
        assert.equal(untold.has(at), !isTold, `${turn}: ${JSON.stringify(from[at])} ${kind}`);
        seen.set(`${turn} ${kind}`, (seen.get(`${turn} ${kind}`) ?? 0) + 1);
      }
    }
    for (const one of ["first agrees", "first differs", "first unattributed", "again known"]) {
      assert.ok((seen.get(one) ?? 0) > 10, `${one}: ${seen.get(one)}`);
    }
    assert.ok((seen.get("unsaid corrects") ?? 0) > 3, String(seen.get("unsaid corrects")));
    assert.ok((seen.get("otherwise changed") ?? 0) > 5, String(seen.get("otherwise changed")));
  });
});

async function entries({ rows }: Workflow): Promise<Set<string>> {
  const found = await rows("select lower(hex(entry)) as entry from provider_movements");
  return new Set(found.map(({ entry }) => String(entry)));
}
