import assert from "node:assert/strict";
import type { TermFault } from "../../../../domain/import/csv_terms.ts";
import { type ColumnPlan, planColumns } from "../../../../domain/import/profile/column_plan.ts";
import { readAdjustmentsStepwise } from "../../../../domain/import/profile/order_amounts.ts";
import { orderMapping } from "../../../../domain/import/profile/order_mapping.ts";
import type { ImportProfile } from "../../../../domain/import/profile/profile.ts";

const header = ["id", "at", "who", "sku", "what", "price", "qty"];
const amounts = Array.from({ length: 100 }, (_, index) => `a${index}`);

for (const per of ["line", "order"] as const) {
  Deno.test(`readAdjustmentsStepwise() takes breaks and tells only so many faults of amounts of each ${per}`, () => {
    const profile: ImportProfile = {
      version: 1,
      name: "wide",
      columns: {
        external_order_id: ["id"],
        order_placed_at: ["at"],
        customer_name: ["who"],
        product_sku: ["sku"],
        product_name: ["what"],
        price: ["price"],
        qty: ["qty"],
      },
      money: { in: "units", decimal: "." },
      adjustments: [{ kind: "shipping", columns: amounts, per }],
    };
    const plan = planColumns(profile, [...header, ...amounts]) as ColumnPlan;
    const rows = Array.from({ length: 1_000 }, (_, line) => ({
      line,
      fields: [...header, ...amounts],
    }));
    const faults: TermFault[] = [];
    const context = { rows, currency: "EUR", taxIncluded: undefined, faults };
    const breaks = [...readAdjustmentsStepwise(orderMapping(profile, plan), context)].length;
    assert.ok(breaks >= 8, String(breaks));
    assert.equal(faults.length, per === "line" ? 1_000 : 100);
  });
}
