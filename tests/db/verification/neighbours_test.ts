import assert from "node:assert/strict";
import type { Queryable } from "../../../db/connection/database.ts";
import { type Account, findUneven, placed } from "../../../db/verification/neighbours.ts";
import type { Range, Scope } from "../../../db/verification/scope.ts";
import { withWorkflow } from "../../workflow.ts";

type Column = "cents" | "weighted";

/** Orders and cents. */
type Rows = readonly (readonly [id: number, cents: string])[];

function accountOf(rows: Rows, sign: "" | "-"): Account<Column> {
  const selects = rows.map(([id, cents]) => `select ${id} as id, ${cents} as cents`);
  return {
    id: "id",
    from: `(${selects.join(" union all ")}) account`,
    sums: { cents: `${sign}cents`, weighted: placed("id", `${sign}cents`) },
  };
}

async function compare(
  db: Queryable,
  ours: Rows,
  theirs: Rows,
  scope: Range | null = null,
): Promise<Scope[]> {
  const { money } = await findUneven(db, scope, [accountOf(ours, ""), accountOf(theirs, "-")], {
    money: ["cents", "weighted"],
  });
  return money;
}

Deno.test("findUneven() finds the neighbours whose accounts differ, and no others", () =>
  withWorkflow("uneven", async ({ db }) => {
    const ours: Rows = [[1, "5"], [255, "7"], [256, "9"], [100_000_000_000, "4"]];
    assert.deepEqual(await compare(db, ours, ours), []);
    const other = (at: number, cents: string) =>
      ours.map(([id, was], index) => [id, index === at ? cents : was] as const);
    assert.deepEqual(await compare(db, ours, other(1, "8")), [{ after: -1, upTo: 255 }]);
    assert.deepEqual(await compare(db, ours, other(2, "8")), [{ after: 255, upTo: 511 }]);
    assert.deepEqual(await compare(db, ours, other(1, "1"), { after: 200, upTo: 300 }), [{
      after: 200,
      upTo: 255,
    }]);
    assert.deepEqual(await compare(db, ours, other(1, "8"), { after: 255 }), []);
    const far = { after: 99_999_999_999, upTo: 100_000_000_255 };
    assert.deepEqual(await compare(db, ours, other(3, "3")), [far]);
    assert.deepEqual(await compare(db, ours, ours.slice(0, 3)), [far]);
  }));

Deno.test("findUneven() has no wrong sum hide another one, nor rounding hide any", () =>
  withWorkflow("uneven_hidden", async ({ db }) => {
    const first = [{ after: -1, upTo: 255 }];
    assert.deepEqual(await compare(db, [[1, "5"], [2, "7"]], [[1, "7"], [2, "5"]]), first);
    // 2^60 + 1 cents are no floating-point number: too much to be compared by sums.
    const much = "1152921504606846977";
    assert.deepEqual(await compare(db, [[1, much]], [[1, "1152921504606846976"]]), first);
    assert.deepEqual(await compare(db, [[1, much]], [[1, much]]), first);
  }));

Deno.test("findUneven() takes neighbours of neighbours together, and beyond 500 gaps all that follow", () =>
  withWorkflow("uneven_scopes", async ({ db }) => {
    assert.deepEqual(await compare(db, [[1, "5"], [300, "5"], [900, "1"]], [[900, "2"]]), [
      { after: -1, upTo: 511 },
      { after: 767, upTo: 1_023 },
    ]);
    const apart: Rows = Array.from({ length: 502 }, (_, n) => [n * 512, "1"]);
    const scopes = await compare(db, apart, [[0, "0"]]);
    assert.equal(scopes.length, 501);
    assert.deepEqual(scopes.at(-1), { after: 500 * 512 - 1 });
  }));
