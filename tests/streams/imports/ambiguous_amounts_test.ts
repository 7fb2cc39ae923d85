import assert from "node:assert/strict";
import fc from "fast-check";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { textCell, workbookOf } from "../../zip_archive.ts";
import {
  fileBytes,
  plainHeader,
  plainProfile,
  plainRow,
  readByProfile,
  settingsOf,
} from "./profiles.ts";

for (
  const [what, prices, setting] of [
    ["thousands or decimals", ["1,234", "2,500", "7"], "money.decimal"],
    ["units or minor units", ["1234", "2500", "7"], "money.in"],
    ["both decimal signs", ["12.50", "12,50"], "money.decimal"],
  ] as const
) {
  Deno.test(`openProfiledFile() asks rather than guesses: ${what}`, async () => {
    const rows = prices.map((price, at) => plainRow(`A-${at}`, price, 1, "", ""));
    const read = await readByProfile([plainHeader, ...rows].join("\n"), {}, plainProfile);
    assert.deepEqual(settingsOf(read), [setting]);
  });
}

Deno.test("openProfiledFile() counts one amount as one", async () => {
  const one = await readByProfile(
    `${plainHeader}\n${plainRow("A-1", "9.50", 1, "", "")}`,
    {},
    plainProfile,
  );
  assert.deepEqual(one.file.notes.slice(-2), [
    "decimal sign: . (by 1 amount such as 9.50)",
    "amounts are in units of the currency (1 has decimals)",
  ]);
});

const amountText = fc.oneof(
  fc.integer({ min: 1, max: 999_999 }).map(String),
  fc.tuple(
    fc.integer({ min: 1, max: 999 }),
    fc.integer({ min: 0, max: 999 }),
    fc.constantFrom(".", ","),
  )
    .map(([whole, rest, mark]) => `${whole}${mark}${String(rest).padStart(3, "0")}`),
  fc.tuple(
    fc.integer({ min: 0, max: 999 }),
    fc.integer({ min: 0, max: 99 }),
    fc.constantFrom(".", ","),
  )
    .map(([whole, rest, mark]) => `${whole}${mark}${String(rest).padStart(2, "0")}`),
);

Deno.test("openProfiledFile() never settles a column whose values allow two readings", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(amountText, { minLength: 1, maxLength: 5 }), async (prices) => {
      const rows = prices.map((price, at) => plainRow(`A-${at}`, price, 1, "", ""));
      const { file } = await readByProfile([plainHeader, ...rows].join("\n"), {}, plainProfile);
      const isTold = (mark: string) =>
        prices.some((one) => new RegExp(`\\${mark}\\d\\d$`).test(one));
      const isGrouped = prices.some((one) => /[.,]\d{3}$/.test(one));
      const asked = file.questions.some(({ setting }) => setting === "money.decimal");
      const told = [".", ","].filter(isTold);
      if (told.length === 2) assert.ok(asked);
      else if (told.length === 0 && isGrouped && prices.some((one) => !/^0/.test(one))) {
        assert.ok(asked, prices.join(" "));
      } else if (told.length === 1) assert.equal(file.settings.money?.decimal, told[0]);
      if (prices.every((one) => /^\d+$/.test(one))) {
        assert.equal(file.settings.money?.in, undefined);
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("openProfiledFile() takes an order at the file's own total, or not at all", async () => {
  const line = fc.record({
    cents: fc.integer({ min: 0, max: 99_999 }),
    qty: fc.integer({ min: 1, max: 9 }),
  });
  const order = fc.record({
    lines: fc.array(line, { minLength: 1, maxLength: 4 }),
    ship: fc.integer({ min: 0, max: 999 }),
    off: fc.constantFrom(0, 0, 1, -1, 2, 100),
    per: fc.constantFrom("unit" as const, "line" as const, "by_total" as const),
    isLine: fc.boolean(),
    tolerance: fc.constantFrom(0, 1),
  });
  const text = (cents: number) => (cents / 100).toFixed(2);
  await fc.assert(
    fc.asyncProperty(order, async ({ lines, ship, off, per, isLine, tolerance }) => {
      const items = lines.reduce((sum, { cents, qty }) => sum + (isLine ? cents : cents * qty), 0);
      const named = Math.max(0, items + ship + off);
      const rows = lines.map(({ cents, qty }) =>
        plainRow("A-1", text(cents), qty, text(ship), text(named))
      );
      const profile = {
        ...plainProfile,
        money: { in: "units" as const, pricePer: per, tolerance },
      };
      const read = await readByProfile([plainHeader, ...rows].join("\n"), {}, profile);
      const taken = Object.values(read.orders);
      if (taken.length === 0) {
        assert.equal(read.rejected.length, lines.length);
        const isSame = per === "by_total" || (per === "line") === isLine;
        assert.ok(!isSame || Math.abs(named - items - ship) > tolerance, "rejected for nothing");
        return;
      }
      const cents = Math.round(Number(taken[0]!.split(" ")[0]!.replaceAll(",", "")) * 100);
      assert.ok(Math.abs(cents - named) <= tolerance, `${cents} for ${named}`);
    }),
    { numRuns: 300 },
  );
});

const semicolons = "external_order_id;order_placed_at;currency;customer_id;customer_email;" +
  "customer_name;product_sku;product_name;unit_price_cents;qty";

Deno.test("openProfiledFile() asks for the unit where prices in minor units are written as 1200.0", async () => {
  for (const [price, minor] of [["1200.0", "24.00"], ["1200,00", "24.00"], ["12.00", "0.24"]]) {
    const text =
      `${semicolons}\nA-1;2026-01-05 10:00:00;EUR;K1;a@x.example;Ann;MUG;Mug;${price};2\n`;
    const asked = await readByProfile(text);
    assert.deepEqual(settingsOf(asked), ["money.in"]);
    assert.match(asked.file.questions[0]!.question, new RegExp(price!.replace(".", "\\.")));
    const read = await readByProfile(text, { money: { in: "minor" } });
    assert.deepEqual(read.orders, { "A-1": `${minor} EUR due` });
  }
});

Deno.test("openProfiledFile() asks where some of the prices in minor units have decimals", async () => {
  const asked = await readByProfile(await fileBytes("21a-one-bad-row.csv"));
  assert.deepEqual(settingsOf(asked), ["money.in"]);
  const mended = await readByProfile(await fileBytes("21b-mended-rejects.csv"));
  assert.deepEqual(mended.orders, { "G-1": "25.00 EUR due" });
});

Deno.test("openProfiledFile() takes a number that a workbook stores for no thousands, whatever texts or the profile say", async () => {
  const number = (value: string) => `<c><v>${value}</v></c>`;
  const header = [
    "Order ID",
    "Created at",
    "Customer",
    "Lineitem sku",
    "Lineitem name",
    "Price",
    "Qty",
  ];
  const workbook = (...prices: string[]) =>
    workbookOf({
      sheets: [
        `<row>${header.map(textCell).join("")}</row>` + prices.map((price, index) =>
          `<row>${
            [`A${index}`, "2026-01-15 10:00:00", "Ann", "MUG", "Mug"].map(textCell).join("")
          }${price}${number("1")}</row>`
        ).join(""),
      ],
    });
  const profile: ImportProfile = {
    version: 1,
    name: "own",
    columns: {
      external_order_id: ["Order ID"],
      order_placed_at: ["Created at"],
      customer_name: ["Customer"],
      product_sku: ["Lineitem sku"],
      product_name: ["Lineitem name"],
      price: ["Price"],
      qty: ["Qty"],
    },
    constants: { currency: "EUR" },
    money: { in: "units", decimal: "," },
    time: { zone: "UTC" },
  };
  // As a text this is twenty-eight thousand to a German, and to a program twenty-eight.
  const pinned = await readByProfile(workbook(number("28.815"), textCell("1.234,50")), {}, profile);
  assert.deepEqual(settingsOf(pinned), ["money.decimal"]);
  assert.match(pinned.file.questions[0]!.question, /28\.815 \(line 2\)/);
  const open = { ...profile, money: { in: "units" } } as const;
  const both = await readByProfile(workbook(number("28.815"), textCell("1.234,50")), {}, open);
  assert.deepEqual(settingsOf(both), ["money.decimal"]);
  const settled = await readByProfile(workbook(number("28.815"), number("12")), {}, open);
  assert.deepEqual(settled.orders, { A1: "12.00 EUR due" });
  assert.match(settled.rejected[0]!, /28\.815/);
  // The point of a number says nothing of the one in a text.
  const mixed = await readByProfile(workbook(number("28.81"), textCell("1.200")), {}, open);
  assert.deepEqual(settingsOf(mixed), ["money.decimal"]);
  assert.match(mixed.file.questions[0]!.question, /1\.200 can be read in two ways/);
  const texts = await readByProfile(
    workbook(textCell("28.815"), textCell("1.234,50")),
    {},
    profile,
  );
  assert.deepEqual(texts.orders, { A0: "28,815.00 EUR due", A1: "1,234.50 EUR due" });
});
