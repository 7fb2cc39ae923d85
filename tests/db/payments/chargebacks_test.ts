import assert from "node:assert/strict";
import {
  findChargeback,
  markSeen,
  noteToldAgain,
  readContest,
  updateChargeback,
} from "../../../db/payments/chargebacks.ts";
import { aChargeback, aPaidOrder, tell } from "../../chargebacks.ts";
import { withWorkflow } from "../../workflow.ts";

const name = { provider: "simulated", providerRef: "dp_1" };

Deno.test("noteToldAgain() never goes back: what comes late would be believed then", () =>
  withWorkflow("guard_told_again", async (flow) => {
    await aPaidOrder(flow);
    const { id } = await tell(flow, aChargeback("needs_response", 60));
    const toldAt = async () => (await findChargeback(flow.db, name))!.toldAt;
    const before = await toldAt();
    await noteToldAgain(flow.db, id, "2026-03-01 10:00:30.000000");
    assert.equal(await toldAt(), before);
    await noteToldAgain(flow.db, id, "2026-03-01 10:02:00.000000");
    assert.equal(await toldAt(), "2026-03-01 10:02:00.000000");
  }));

Deno.test("updateChargeback() writes nothing over what somebody else has written, and markSeen() says once who saw it", () =>
  withWorkflow("guard_changes", async (flow) => {
    await aPaidOrder(flow);
    const { id } = await tell(flow, aChargeback("needs_response", 60));
    const seen = (await findChargeback(flow.db, name))!;
    assert.equal(await markSeen(flow.db, id, "a"), true);
    assert.equal(await markSeen(flow.db, id, "b"), false);
    await tell(flow, aChargeback("won", 120));
    await assert.rejects(updateChargeback(flow.db, seen, { ...seen, state: "lost" }), /changed/);
    assert.equal((await findChargeback(flow.db, name))!.state, "won");
  }));

Deno.test("readContest() tells what is withheld or gone of the very charge, by either of its names", () =>
  withWorkflow("guard_contest", async (flow) => {
    const of = (chargeRef: string, other = {}) =>
      readContest(flow.db, { provider: "simulated", chargeRef, currency: "EUR", ...other });
    const tellOf = (
      state: Parameters<typeof aChargeback>[0],
      ref: string,
      other: Partial<ReturnType<typeof aChargeback>>,
    ) => tell(flow, aChargeback(state, 60, { providerRef: ref, ...other }));
    await tellOf("lost", "dp_1", { chargeRefs: ["ch_1", "pi_1"], amountCents: 300 });
    await tellOf("lost", "dp_2", { chargeRefs: ["ch_1"], amountCents: 200 });
    await tellOf("won", "dp_3", { chargeRefs: ["ch_1"] });
    await tellOf("warning_needs_response", "dp_4", { chargeRefs: ["ch_2"] });
    await tellOf("under_review", "dp_5", { chargeRefs: ["ch_3"] });
    await tellOf("lost", "dp_6", { chargeRefs: ["ch_4"], currency: "USD" });
    await tellOf("lost", "dp_7", { chargeRefs: ["ch_5"], amountCents: 300 });
    await tellOf("under_review", "dp_8", { chargeRefs: ["ch_5"] });
    assert.deepEqual(await of("ch_1"), { isHeld: false, lostCents: 500 });
    assert.deepEqual(await of("pi_1"), { isHeld: false, lostCents: 300 });
    assert.equal(await of("ch_1", { provider: "http" }), undefined);
    assert.equal(await of("ch_2"), undefined);
    assert.deepEqual(await of("ch_3"), { isHeld: true, lostCents: 0 });
    assert.deepEqual(await of("ch_4"), { isHeld: false, lostCents: Infinity });
    assert.deepEqual(await of("ch_5"), { isHeld: true, lostCents: 300 });
  }));
