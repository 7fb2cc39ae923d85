import assert from "node:assert/strict";
import fc from "fast-check";
import {
  coveredBy,
  decideInTurn,
  type OrderPlace,
  type ReserveRequest,
  type StockQueues,
  sumNeeds,
} from "../../../domain/order/reserve.ts";
import { orderIn, orderStates } from "./life.ts";

const at = (minute: number) => `2025-03-01 12:${String(minute).padStart(2, "0")}:00.000000`;

/** Orders of units by product, placed at minutes, with who waits besides. */
function queues(
  orders: { id: number; minute: number; needs: [productId: number, qty: number][] }[],
  ahead: [productId: number, OrderPlace][] = [],
): { requests: ReserveRequest[]; rest: StockQueues } {
  return {
    requests: orders.map(({ id, needs }) => ({
      order: orderIn("PENDING", { id }),
      needs: needs.map(([productId, qty]) => ({ productId, qty })),
    })),
    rest: {
      ahead: new Map(ahead),
      places: new Map(
        orders.map(({ id, minute }) => [id, { orderId: id, placedAt: at(minute) }]),
      ),
      waits: () => true,
    },
  };
}

Deno.test("decideInTurn() serves by when orders were placed, and then by their ids", () => {
  const { requests, rest } = queues([
    { id: 3, minute: 5, needs: [[1, 1]] },
    { id: 2, minute: 5, needs: [[1, 1]] },
    { id: 1, minute: 9, needs: [[1, 1]] },
  ]);
  const stock = new Map([[1, 1]]);
  const missing = [{ productId: 1, qty: 1 }];
  assert.deepEqual(decideInTurn(requests, stock, rest), [
    { kind: "wait", missing },
    { kind: "reserve" },
    { kind: "wait", missing },
  ]);
  assert.deepEqual([...stock], [[1, 0]]);
});

Deno.test("decideInTurn() lets nobody take what one before waits for, and leaves the rest to all", () => {
  const { requests, rest } = queues([
    { id: 1, minute: 1, needs: [[1, 5], [2, 1]] },
    { id: 2, minute: 2, needs: [[1, 2]] },
    { id: 3, minute: 3, needs: [[2, 1]] },
  ]);
  const stock = new Map([[1, 3], [2, 1]]);
  assert.deepEqual(decideInTurn(requests, stock, rest), [
    { kind: "wait", missing: [{ productId: 1, qty: 2 }] },
    { kind: "wait", missing: [{ productId: 1, qty: 2 }] },
    { kind: "reserve" },
  ]);
  assert.deepEqual([...stock], [[1, 3], [2, 0]]);
});

Deno.test("decideInTurn() waits behind others that were placed before, and not behind later ones", () => {
  const others: [number, OrderPlace][] = [[1, { orderId: 90, placedAt: at(5) }]];
  const { requests, rest } = queues([
    { id: 1, minute: 4, needs: [[1, 1]] },
    { id: 2, minute: 6, needs: [[1, 1]] },
  ], others);
  assert.deepEqual(decideInTurn(requests, new Map([[1, 9]]), rest), [
    { kind: "reserve" },
    { kind: "wait", missing: [{ productId: 1, qty: 1 }] },
  ]);
});

Deno.test("decideInTurn() fails those that may not wait, which wait behind nobody", () => {
  const others: [number, OrderPlace][] = [[1, { orderId: 90, placedAt: at(0) }]];
  const { requests, rest } = queues([
    { id: 1, minute: 4, needs: [[1, 2]] },
    { id: 2, minute: 6, needs: [[1, 1]] },
  ], others);
  assert.deepEqual(decideInTurn(requests, new Map([[1, 1]]), { ...rest, waits: () => false }), [
    { kind: "fail", reason: "insufficient_stock", missing: [{ productId: 1, qty: 1 }] },
    { kind: "reserve" },
  ]);
});

Deno.test("decideInTurn() never oversells, and whoever waits lacks something that nobody after got", () => {
  const needs = fc.array(
    fc.record({ productId: fc.integer({ min: 1, max: 3 }), qty: fc.integer({ min: 1, max: 5 }) }),
    { minLength: 1, maxLength: 3 },
  ).map(sumNeeds);
  const order = fc.record({
    status: fc.constantFrom("PENDING" as const, ...orderStates),
    minute: fc.integer({ min: 0, max: 9 }),
    needs,
  });
  fc.assert(fc.property(
    fc.array(order, { maxLength: 20 }),
    fc.array(fc.nat(20), { minLength: 3, maxLength: 3 }),
    (orders, units) => {
      const stock = new Map(units.map((qty, index) => [index + 1, qty]));
      const decisions = decideInTurn(
        orders.map(({ status, needs }, id) => ({ order: orderIn(status, { id }), needs })),
        stock,
        {
          ahead: new Map(),
          places: new Map(
            orders.map(({ minute }, id) => [id, { orderId: id, placedAt: at(minute) }]),
          ),
          waits: () => true,
        },
      );
      const inTurn = orders.map((order, id) => ({ ...order, id, decision: decisions[id]! }))
        .filter(({ status }) => status === "PENDING")
        .sort((a, b) => a.minute - b.minute || a.id - b.id);
      const left = new Map(units.map((qty, index) => [index + 1, qty]));
      const kept = new Set<number>();
      for (const { needs, decision } of inTurn) {
        const lacking = needs.filter(({ productId, qty }) =>
          kept.has(productId) || left.get(productId)! < qty
        );
        assert.equal(decision.kind, lacking.length === 0 ? "reserve" : "wait");
        if (decision.kind === "wait") {
          assert.deepEqual(
            decision.missing.map(({ productId }) => productId),
            lacking.map(({ productId }) => productId),
          );
          for (const [index, { qty }] of decision.missing.entries()) {
            assert.ok(qty > 0 && qty <= lacking[index]!.qty);
          }
          for (const { productId } of lacking) kept.add(productId);
        } else {for (const { productId, qty } of needs) {
            left.set(productId, left.get(productId)! - qty);
          }}
      }
      assert.deepEqual([...stock], [...left]);
      assert.ok([...stock.values()].every((qty) => qty >= 0));
    },
  ));
});

Deno.test("coveredBy() ends at the first who needs more than is left", () => {
  const queue = [{ qty: 2 }, { qty: 1 }, { qty: 4 }, { qty: 1 }];
  assert.deepEqual(coveredBy(queue, 4), queue.slice(0, 2));
  assert.deepEqual(coveredBy(queue, 8), queue);
  assert.deepEqual(coveredBy(queue, 1), []);
});
