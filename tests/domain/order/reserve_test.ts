import assert from "node:assert/strict";
import fc from "fast-check";
import { type ItemNeed, type OrderStatus, orderTransitions } from "../../../domain/order/order.ts";
import {
  decideReservations,
  findOpen,
  hasPlenty,
  type ReserveDecision,
  sumNeeds,
} from "../../../domain/order/reserve.ts";
import { orderIn, orderStates } from "./life.ts";

const needs: ItemNeed[] = [{ productId: 1, qty: 2 }, { productId: 2, qty: 3 }];

const withStock: Record<OrderStatus, ReserveDecision> = {
  PENDING: { kind: "reserve" },
  RESERVED: { kind: "already_reserved" },
  PAID: { kind: "already_settled" },
  FAILED: { kind: "already_settled" },
  CANCELLED: { kind: "already_settled" },
};

Deno.test("decideReservations() answers for every state, with and without stock", () => {
  for (const status of orderStates) {
    const enough = new Map([[1, 2], [2, 3]]);
    assert.deepEqual(
      decideReservations([{ order: orderIn(status), needs }], enough),
      [withStock[status]],
      status,
    );
    const taken = status === "PENDING" ? [[1, 0], [2, 0]] : [[1, 2], [2, 3]];
    assert.deepEqual([...enough], taken, status);

    const short = new Map([[1, 2], [2, 2]]);
    const [decision] = decideReservations([{ order: orderIn(status), needs }], short);
    const failed = {
      kind: "fail",
      reason: "insufficient_stock",
      missing: [{ productId: 2, qty: 1 }],
    } as const;
    assert.deepEqual(decision, status === "PENDING" ? failed : withStock[status], status);
    assert.deepEqual([...short], [[1, 2], [2, 2]], "a failed order takes nothing");
    assert.equal(decision!.kind === "fail", orderTransitions[status].run_short === "FAILED");
  }
});

Deno.test("decideReservations() fails an order of a product that has no row", () => {
  const stock = new Map([[1, 10]]);
  const [decision] = decideReservations([{ order: orderIn("PENDING"), needs }], stock);
  assert.equal(decision!.kind, "fail");
  assert.deepEqual([...stock], [[1, 10]]);
});

const anyNeeds = fc
  .array(
    fc.record({ productId: fc.integer({ min: 1, max: 4 }), qty: fc.integer({ min: 1, max: 9 }) }),
    {
      maxLength: 5,
    },
  )
  .map(sumNeeds);

Deno.test("decideReservations() never oversells and gives an order all or nothing", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ status: fc.constantFrom(...orderStates), needs: anyNeeds }), {
      maxLength: 30,
    }),
    fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 4, maxLength: 4 }),
    (wanted, units) => {
      const stock = new Map(units.map((qty, index) => [index + 1, qty]));
      const left = new Map(stock);
      const decisions = decideReservations(
        wanted.map(({ status, needs }, id) => ({ order: orderIn(status, { id }), needs })),
        stock,
      );
      assert.equal(decisions.length, wanted.length);
      // The same by hand: first come, first served, whole orders only.
      wanted.forEach(({ status, needs }, index) => {
        const fits = needs.every(({ productId, qty }) => left.get(productId)! >= qty);
        const takes = status === "PENDING" && fits;
        assert.equal(decisions[index]!.kind === "reserve", takes);
        assert.equal(decisions[index]!.kind === "fail", status === "PENDING" && !fits);
        if (takes) {
          for (const { productId, qty } of needs) left.set(productId, left.get(productId)! - qty);
        }
      });
      assert.deepEqual([...stock], [...left]);
      for (const qty of stock.values()) assert.ok(qty >= 0);
    },
  ));
});

Deno.test("findOpen() lets those decide whom it makes no difference what becomes of those that are open, and no others", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ needs: anyNeeds, isOpen: fc.boolean() }), { maxLength: 8 }),
    fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 4, maxLength: 4 }),
    (line, units) => {
      const stock = new Map(units.map((qty, index) => [index + 1, qty]));
      const open = findOpen(line, stock);
      assert.deepEqual([...stock.values()], units, "the stock is left as it is");
      /** What becomes of each if those that are open take their units, or don't, as one likes. */
      const outcomes = Array.from({ length: 2 ** line.length }, (_, choice) => {
        const left = new Map(stock);
        return line.map(({ needs }, index) => {
          const leaves = open[index] && (choice >> index) % 2 === 1;
          const fits = needs.every(({ productId, qty }) => left.get(productId)! >= qty);
          if (!fits || leaves) return fits && !open[index];
          for (const { productId, qty } of needs) left.set(productId, left.get(productId)! - qty);
          return true;
        });
      });
      line.forEach(({ isOpen }, index) => {
        if (isOpen) assert.ok(open[index]);
        if (!open[index]) {
          assert.equal(new Set(outcomes.map((one) => one[index])).size, 1, `place ${index}`);
        }
      });
      if (!line.some(({ isOpen }) => isOpen)) assert.ok(open.every((one) => !one));
    },
  ));
});

Deno.test("findOpen() has one wait whose units may be needed, and those behind it who may need the same", () => {
  const a = (qty: number, isOpen = false) => ({ needs: [{ productId: 1, qty }], isOpen });
  const b = (qty: number) => ({ needs: [{ productId: 2, qty }], isOpen: false });
  const stock = new Map([[1, 5], [2, 2]]);
  // The open one may take 2 of 5; 3 are for the next, 4 may be too many or not, 6 are too many anyway.
  const line = [a(2, true), a(3), a(1), a(6), b(2)];
  assert.deepEqual(findOpen(line, stock), [true, false, true, false, false]);
});

Deno.test("sumNeeds() adds up the items of a product and sorts by product", () => {
  fc.assert(fc.property(
    fc.array(
      fc.record({
        productId: fc.integer({ min: 1, max: 9 }),
        qty: fc.integer({ min: 1, max: 99 }),
      }),
    ),
    (items) => {
      const sums = sumNeeds(items);
      const ids = sums.map(({ productId }) => productId);
      assert.deepEqual(
        ids,
        [...new Set(items.map(({ productId }) => productId))].sort((a, b) => a - b),
      );
      for (const { productId, qty } of sums) {
        const own = items.filter((item) => item.productId === productId);
        assert.equal(qty, own.reduce((sum, item) => sum + item.qty, 0));
      }
    },
  ));
});

Deno.test("hasPlenty() is true where all would get their units twice, and only there", () => {
  fc.assert(fc.property(
    fc.array(
      fc.array(
        fc.record({
          productId: fc.integer({ min: 1, max: 3 }),
          qty: fc.integer({ min: 1, max: 4 }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      { maxLength: 5 },
    ),
    fc.array(fc.nat(30), { minLength: 2, maxLength: 3 }),
    (orders, units) => {
      const stock = new Map(units.map((qty, index) => [index + 1, qty]));
      const requests = orders.map((items, index) => ({
        order: orderIn("PENDING", { id: index + 1 }),
        needs: sumNeeds(items),
      }));
      const before = [...stock];
      const plenty = hasPlenty(requests, stock);
      assert.deepEqual([...stock], before);
      const twice = decideReservations([...requests, ...requests], new Map(stock));
      assert.equal(plenty, twice.every(({ kind }) => kind === "reserve"));
    },
  ));
});
