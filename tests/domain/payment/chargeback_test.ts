import assert from "node:assert/strict";
import {
  type ChargebackMove,
  chargebackMoves,
  type ChargebackState,
  chargebackStateNames,
  chargebackStates,
  decideChargeback,
  decideOutcome,
  type KnownChargeback,
  type ToldChargeback,
} from "../../../domain/payment/chargeback.ts";

const told = (state: ChargebackState, second: number, amountCents = 500): ToldChargeback => ({
  state,
  amountCents,
  currency: "EUR",
  reason: "fraudulent",
  dueBy: null,
  openedAt: "2026-03-01 00:00:00.000000",
  happenedAt: `2026-03-02 00:00:${String(second).padStart(2, "0")}.000000`,
});

/** Tells all of it in turn. @returns how it stands, and every move on the way */
function play(all: readonly ToldChargeback[]) {
  let known: KnownChargeback | null = null;
  const moves: ChargebackMove[] = [];
  for (const one of all) {
    const decision = decideChargeback(known, one);
    if (decision.kind === "change") {
      moves.push(...chargebackMoves(known, decision.after));
      known = decision.after;
    } else if (decision.kind === "unchanged") known = { ...known!, toldAt: decision.toldAt };
  }
  return { known: known!, moves };
}

const sumOf = (moves: readonly ChargebackMove[], kind: ChargebackMove["kind"], currency = "EUR") =>
  moves.filter((move) => move.kind === kind && move.currency === currency)
    .reduce((sum, { amountCents }) => sum + amountCents, 0);

Deno.test("decideChargeback() and chargebackMoves() keep the sums of moves equal to what is so, from any state to any other", () => {
  for (const first of chargebackStateNames) {
    for (const second of chargebackStateNames) {
      const { known, moves } = play([told(first, 1), told(second, 2, 700)]);
      assert.equal(known.state, second);
      const { money } = chargebackStates[second];
      assert.equal(sumOf(moves, "held"), money === "held" ? 700 : 0, `${first} to ${second}: held`);
      assert.equal(sumOf(moves, "lost"), money === "lost" ? 700 : 0, `${first} to ${second}: lost`);
      const amount = sumOf(moves, "opened") + sumOf(moves, "changed");
      assert.equal(amount, known.withdrawnAt === null ? 0 : 700, `${first} to ${second}: amount`);
      const opened = moves.filter(({ kind }) => kind === "opened").length;
      assert.equal(opened, known.withdrawnAt === null ? 0 : 1);
    }
  }
});

Deno.test("one that was won when it is first heard of was opened, and holds nothing", () => {
  const { known, moves } = play([told("won", 1)]);
  assert.equal(known.withdrawnAt, "2026-03-01 00:00:00.000000");
  assert.deepEqual(["opened", "held", "lost"].map((kind) => sumOf(moves, kind as "held")), [
    sumOf(moves, "opened"),
    0,
    0,
  ]);
  assert.ok(sumOf(moves, "opened") > 0);
});

Deno.test("decideChargeback() takes what is different at the very moment that was told, unless its state comes before", () => {
  const { known } = play([told("under_review", 1, 700)]);
  const kindOf = (state: ToldChargeback["state"], cents: number) =>
    decideChargeback(known, told(state, 1, cents)).kind;
  assert.equal(kindOf("under_review", 800), "change");
  assert.equal(kindOf("under_review", 700), "unchanged");
  assert.equal(kindOf("needs_response", 800), "late");
  assert.equal(kindOf("lost", 700), "change");
});

Deno.test("decideChargeback() comes to the same in whatever sequence it is told, and twice", () => {
  const all = [told("needs_response", 1), told("under_review", 2), told("lost", 3)];
  const [a, b, c] = all as [ToldChargeback, ToldChargeback, ToldChargeback];
  for (const order of [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]]) {
    const { known, moves } = play([...order, ...order]);
    assert.deepEqual([known.state, known.toldAt], ["lost", c.happenedAt]);
    assert.deepEqual(
      [sumOf(moves, "opened"), sumOf(moves, "held"), sumOf(moves, "lost")],
      [500, 0, 500],
    );
    // Each on the day on which it was so.
    const days = moves.filter(({ kind }) => kind !== "lost").map(({ happenedAt }) => happenedAt);
    assert.deepEqual(new Set(days), new Set([a.openedAt, c.happenedAt]));
  }
});

Deno.test("decideChargeback() goes by the rank of two states that are told for one moment", () => {
  for (const order of [["lost", "needs_response"], ["needs_response", "lost"]] as const) {
    assert.equal(play(order.map((state) => told(state, 1))).known.state, "lost");
  }
});

Deno.test("decideChargeback() lets nothing between two equal ones change what came after", () => {
  const all = [told("needs_response", 1), told("needs_response", 3), told("under_review", 2)];
  assert.equal(play(all).known.state, "needs_response");
});

Deno.test("chargebackMoves() counts an inquiry only once money is withheld, and on that day", () => {
  const { moves } = play([told("warning_needs_response", 1), told("needs_response", 2)]);
  assert.deepEqual(moves.map(({ kind, happenedAt }) => [kind, happenedAt]), [
    ["opened", told("needs_response", 2).happenedAt],
    ["held", told("needs_response", 2).happenedAt],
  ]);
  assert.deepEqual(
    play([told("warning_needs_response", 1), told("warning_closed", 2)]).moves,
    [],
  );
});

Deno.test("chargebackMoves() takes one back that turns out to be of another currency", () => {
  const { moves } = play([told("lost", 1), { ...told("lost", 2, 900), currency: "USD" }]);
  const kinds = ["opened", "changed", "held", "lost"] as const;
  assert.deepEqual(kinds.map((kind) => sumOf(moves, kind, "EUR")), [500, -500, 0, 0]);
  assert.deepEqual(kinds.map((kind) => sumOf(moves, kind, "USD")), [0, 900, 0, 900]);
});

Deno.test("decideOutcome() ends what is open, says again what is so, and refuses to say it otherwise", () => {
  const said = (outcome: "won" | "lost") =>
    Object.fromEntries(chargebackStateNames.map((name) => {
      const decision = decideOutcome(name, outcome);
      return [name, decision.kind === "decide" ? decision.state : decision.kind];
    }));
  const ours = { warning_closed: "already", prevented: "already", won: "already" };
  assert.deepEqual(said("won"), {
    ...ours,
    warning_needs_response: "warning_closed",
    warning_under_review: "warning_closed",
    needs_response: "won",
    under_review: "won",
    lost: "otherwise",
  });
  assert.deepEqual(said("lost"), {
    warning_closed: "otherwise",
    prevented: "otherwise",
    won: "otherwise",
    warning_needs_response: "lost",
    warning_under_review: "lost",
    needs_response: "lost",
    under_review: "lost",
    lost: "already",
  });
});
