import assert from "node:assert/strict";
import { decideIntake } from "../../domain/intake.ts";
import { type OrderStatus, orderTransitions } from "../../domain/order.ts";

Deno.test("decideIntake() takes unknown orders and recognises known ones in every status", () => {
  for (const status of Object.keys(orderTransitions) as OrderStatus[]) {
    for (const mode of ["update", "conflict"] as const) {
      assert.equal(decideIntake(undefined, false, mode), "new");
      assert.equal(decideIntake({ status }, true, mode), "unchanged");
      assert.equal(
        decideIntake({ status }, false, mode),
        status === "PENDING" && mode === "update" ? "updated" : "conflict",
      );
    }
  }
});
