import assert from "node:assert/strict";
import { inLongTurns, othersAsk, takeTurns, turnMsAt } from "../../../streams/timing/take_turns.ts";

Deno.test("long work gives others their turn more often where somebody has asked lately", async () => {
  const now = Math.round(performance.now());
  othersAsk(now);
  assert.equal(turnMsAt(now + 1), 10);
  assert.equal(turnMsAt(now + 999), 10);
  assert.equal(turnMsAt(now + 1_000), 25);
  await inLongTurns(() => {
    assert.equal(turnMsAt(now + 1), 100);
    return Promise.resolve();
  });
  assert.equal(turnMsAt(now + 1), 10);
});

Deno.test("takeTurns() has work wait for others where it has taken long enough, and costs nothing before", async () => {
  othersAsk();
  const othersTurn = takeTurns();
  const begun = performance.now();
  while (performance.now() - begun < 12);
  const turn = othersTurn();
  assert(turn !== undefined);
  await turn;
  await inLongTurns(() => {
    assert.equal(takeTurns()(), undefined);
    return Promise.resolve();
  });
});
