import assert from "node:assert/strict";
import {
  type AlertCheck,
  type AlertState,
  decideAlert,
  raiseAfterMs,
  resolveAfterMs,
} from "../../../domain/operation/alerts.ts";

const check = (level: AlertCheck["level"]): AlertCheck => ({
  name: "oldest_age:orders",
  severity: "warning",
  title: "orders: messages wait too long",
  detail: "",
  level,
});

/** What a row of looks leads to, given as level and milliseconds since the look before. */
function looks(...row: [AlertCheck["level"], number][]): (string | null)[] {
  let state: AlertState | null = null;
  let now = 1_700_000_000_000;
  return row.map(([level, ms]) => {
    const decision = decideAlert(state, check(level), now += ms);
    state = decision.state;
    return decision.change;
  });
}

Deno.test("decideAlert() raises what is bad for long enough, once", () => {
  assert.deepEqual(
    looks(["bad", 0], ["bad", raiseAfterMs - 1], ["bad", 1], ["bad", 1_000_000]),
    [null, null, "raised", null],
  );
  assert.deepEqual(looks(["bad", 0], ["good", 10], ["bad", raiseAfterMs], ["bad", 1]), [
    null,
    null,
    null,
    null,
  ]);
});

Deno.test("decideAlert() resolves what is good for long enough", () => {
  assert.deepEqual(
    looks(["bad", 0], ["bad", raiseAfterMs], ["good", 1], ["good", resolveAfterMs - 1], [
      "good",
      1,
    ]),
    [null, "raised", null, null, "resolved"],
  );
});

Deno.test("decideAlert() does not flap with a value that swings", () => {
  const swings = Array.from(
    { length: 50 },
    (_, index): [AlertCheck["level"], number] => [index % 2 === 0 ? "good" : "bad", 20_000],
  );
  assert.deepEqual(
    looks(["bad", 0], ["bad", raiseAfterMs], ...swings).filter((change) => change !== null),
    ["raised"],
  );
  const within = Array.from(
    { length: 9 },
    (): [AlertCheck["level"], number] => ["between", 1_000_000],
  );
  assert.deepEqual(looks(...within), within.map(() => null), "what was never bad is not raised");
  assert.deepEqual(
    looks(["bad", 0], ["bad", raiseAfterMs], ...within).filter((change) => change !== null),
    ["raised"],
    "and what was bad is not over",
  );
});
