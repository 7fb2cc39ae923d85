import assert from "node:assert/strict";
import { emptyKpiRow, sumKpiRows } from "../../../domain/kpi/kpi.ts";
import {
  isNeverNegative,
  kpiAverages,
  kpiFigureNames,
  kpiFigures,
  kpiKindOf,
  kpiKinds,
} from "../../../domain/kpi/kpi_table.ts";
import { orderTransitions, refundTransitions } from "../../../domain/order/order.ts";

Deno.test("kpiKinds has statuses that are never left but by a retry or a return, each once", () => {
  const final = {
    order: Object.entries(orderTransitions),
    refund: Object.entries(refundTransitions),
  };
  for (const [kind, { of, status }] of Object.entries(kpiKinds)) {
    assert.equal(kpiKindOf(of, status), kind);
    // A movement of a chargeback is never changed.
    if (of === "chargeback") continue;
    const [, events] = final[of].find(([name]) => name === status)!;
    const leaving = Object.keys(events).filter((event) => event !== "retry" && event !== "return");
    assert.deepEqual(leaving, [], `${kind}: an order or refund would count before its end`);
  }
  assert.equal(kpiKindOf("order", "PENDING"), undefined);
  assert.equal(kpiKindOf("refund", "PAID"), undefined);
});

Deno.test("kpiFigures says of each figure how it comes about, and averages only sums", () => {
  for (const figure of kpiFigureNames) {
    const { sums, average } = kpiFigures[figure];
    assert.notEqual(sums === undefined, average === undefined, figure);
  }
  for (const [figure, of, by] of kpiAverages) {
    for (const name of [of, by]) assert.ok(kpiFigures[name]?.sums, `${figure} of ${name}`);
    assert.equal(kpiFigures[by].unit, "count", figure);
  }
  const unsigned = kpiFigureNames.filter(isNeverNegative);
  assert.deepEqual(unsigned, [
    "order_count",
    "failed_order_count",
    "refund_count",
    "refund_amount_cents",
    "chargeback_count",
    "chargeback_amount_cents",
  ]);
});

Deno.test("sumKpiRows() adds days up and averages all of them", () => {
  const row = (day: string, revenue_cents: number, order_count: number) => ({
    ...emptyKpiRow(day, "EUR"),
    revenue_cents,
    order_count,
    refund_count: 1,
  });
  assert.deepEqual(sumKpiRows([row("2025-03-01", 100, 1), row("2025-03-02", 51, 2)], "EUR"), {
    ...emptyKpiRow("", "EUR"),
    revenue_cents: 151,
    order_count: 3,
    avg_order_value_cents: 50,
    refund_count: 2,
  });
  assert.deepEqual(
    sumKpiRows([], "EUR", "2025-03-01"),
    emptyKpiRow("2025-03-01", "EUR"),
    "no orders have no average",
  );
});
