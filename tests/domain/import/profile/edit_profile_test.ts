import assert from "node:assert/strict";
import {
  columnMeanings,
  editProfile,
  filledBy,
  lackingMeanings,
  meaningsOf,
} from "../../../../domain/import/profile/edit_profile.ts";

const document = {
  version: 1,
  name: "mine",
  columns: {
    external_order_id: ["Name"],
    product_sku: ["Code", "Title"],
    product_name: ["Title"],
    customer_name: [["First", "Last"], "Company"],
    price: ["Lineitem price"],
  },
  adjustments: [
    {
      kind: "shipping",
      columns: ["Shipping", "Express"],
      per: "order",
      label_column: "Carrier",
    },
    { kind: "tax", columns: ["VAT"], per: "order", included: true },
  ],
  status: { columns: ["Status"], charge: ["open"], paid_filled: ["Paid at"] },
  ignore: ["Subtotal"],
};

const meaningOf = (of: Record<string, unknown>, column: string) => meaningsOf(of, column)[0];

const edit = (
  meanings: Record<string, string | string[]>,
  settings: Record<string, string> = {},
  words: Record<string, string> = {},
  firsts: Record<string, string> = {},
) =>
  editProfile(document, {
    meanings: new Map(
      Object.entries(meanings).map(([name, one]) => [name, typeof one === "string" ? [one] : one]),
    ),
    firsts: new Map(Object.entries(firsts)),
    settings: new Map(Object.entries(settings)),
    words: new Map(Object.entries(words)),
  });

Deno.test("meaningsOf() finds what a profile makes of a column, in any case", () => {
  const cases: [string, string][] = [
    ["NAME ", "external_order_id"],
    ["Last", "customer_name"],
    ["express", "shipping:order"],
    ["VAT", "tax:included"],
    ["Status", "status"],
    ["Paid at", "other"],
    ["Carrier", "other"],
    ["Title", "product_name"],
    ["Code", "product_sku"],
    ["Subtotal", "ignore"],
    ["Notes", "nothing"],
  ];
  for (const [column, meaning] of cases) assert.equal(meaningOf(document, column), meaning, column);
});

Deno.test("editProfile() gives a column the meaning that was chosen, and it alone", () => {
  for (const { value } of columnMeanings) {
    for (const column of ["Name", "Last", "Express", "VAT", "Status", "Subtotal", "Notes"]) {
      const edited = edit({ [column]: value });
      assert.equal(meaningOf(edited, column), value, `${column} as ${value}`);
      const others = ["Company", "Shipping", "Lineitem price", "First"];
      for (const other of others) {
        assert.equal(meaningOf(edited, other), meaningOf(document, other), `${column} as ${value}`);
      }
    }
  }
  assert.deepEqual(document.columns.customer_name, [["First", "Last"], "Company"], "not changed");
});

Deno.test("editProfile() lets a column of theirs fill several of ours, and takes it away again", () => {
  assert.deepEqual(meaningsOf(document, "Title"), ["product_name", "product_sku"]);
  const both = edit({ Notes: ["product_name", "product_sku", "nothing"] });
  assert.deepEqual(meaningsOf(both, "Notes"), ["product_name", "product_sku"]);
  assert.deepEqual(
    filledBy(both, "product_name"),
    [["Notes"], ["Title"]],
    "first, as it was chosen",
  );
  assert.deepEqual(
    filledBy(both, "product_sku"),
    [["Code"], ["Title"], ["Notes"]],
    "last, besides",
  );
  const one = edit({ Title: ["product_name", "nothing"] });
  assert.deepEqual(filledBy(one, "product_sku"), [["Code"]]);
  assert.deepEqual(filledBy(one, "product_name"), [["Title"]]);
  assert.deepEqual(edit({ Title: ["product_name", "product_sku", "nothing"] }), document);
  for (const nothing of ["nothing", "ignore"]) {
    assert.deepEqual(meaningsOf(edit({ Title: [nothing, "product_sku"] }), "Title"), [nothing]);
  }
  const status = edit({
    Status: ["status", "payment_reference"],
    VAT: ["tax:included", "language"],
  });
  assert.deepEqual(meaningsOf(status, "Status"), ["payment_reference", "status"]);
  assert.deepEqual(meaningsOf(status, "VAT"), ["language", "tax:included"]);
  assert.deepEqual(edit({ "Paid at": ["other", "paid_at"] }), document, "forms can't say it");
});

Deno.test("editProfile() lets several of theirs fill one of ours in the order of the file, or as it is said", () => {
  const several = edit({ Firm: "customer_name", Notes: "customer_name", Agent: "customer_name" });
  const names = [["Firm"], ["Notes"], ["Agent"], ["First", "Last"], ["Company"]];
  assert.deepEqual(filledBy(several, "customer_name"), names);
  const first = (column: string) =>
    filledBy(edit({}, {}, {}, { customer_name: column }), "customer_name");
  assert.deepEqual(first("Company"), [["Company"], ["First", "Last"]]);
  assert.deepEqual(first("last"), [["First", "Last"], ["Company"]]);
  assert.deepEqual(edit({}, {}, {}, { customer_name: "Elsewhere", language: "Company" }), document);
});

Deno.test("editProfile() leaves alone what it does not name, and settles what was in question", () => {
  assert.deepEqual(edit({ Name: "external_order_id", "Paid at": "other" }), document);
  const settled = edit({}, { "money.decimal": ",", "time.zone": "", fill_down: "order" });
  assert.deepEqual(settled, { ...document, money: { decimal: "," }, fill_down: "order" });
  assert.deepEqual(
    (edit({ Express: "gift_wrap:line" }).adjustments as unknown[]).at(-1),
    { kind: "gift_wrap", columns: ["Express"], per: "line" },
  );
});

Deno.test("editProfile() settles what is asked of one adjustment, whatever becomes of the columns", () => {
  const { adjustments } = edit({ Shipping: "nothing", Express: "nothing" }, {
    "adjustments.1.taken_off": "negative",
    "adjustments.7.taken_off": "negative",
  });
  assert.deepEqual(adjustments, [
    { kind: "tax", columns: ["VAT"], per: "order", included: true, taken_off: "negative" },
  ]);
});

Deno.test("editProfile() takes each word of a status for one thing", () => {
  const { status } = edit({}, {}, { Paid: "paid", OPEN: "skip", "on hold": "skip", odd: "steal" });
  assert.deepEqual(status, {
    columns: ["Status"],
    charge: [],
    paid_filled: ["Paid at"],
    paid: ["Paid"],
    skip: ["OPEN", "on hold"],
  });
});

Deno.test("editProfile() gives an amount whose column was renamed to the one that it had", () => {
  const renamed = edit({ "Postage": "shipping:order", "VAT": "tax:included" });
  assert.deepEqual(renamed.adjustments, [
    { ...document.adjustments[0], columns: ["Shipping", "Express", "Postage"] },
    document.adjustments[1],
  ]);
  const further = edit({ "Express": "shipping:order", "Postage": "shipping:order" });
  assert.deepEqual(further.adjustments, [
    ...document.adjustments,
    { kind: "shipping", columns: ["Postage"], per: "order" },
  ]);
});

Deno.test("lackingMeanings() names what a file has no column for", () => {
  const header = [" NAME", "First", "Title", "Code", "Lineitem  price"];
  assert.deepEqual(lackingMeanings(document, header), ["Order: placed at", "Item: units"]);
  const complete = { ...document, constants: { order_placed_at: "2026-01-05", qty: "1" } };
  assert.deepEqual(lackingMeanings(complete, header), []);
});

Deno.test("editProfile() forgets that a price was of a unit where another column becomes the price", () => {
  const document = { columns: { price: ["price"] }, money: { price_per: "unit", in: "units" } };
  const none = new Map<string, string>();
  const edit = (meaning: string, settings = none) =>
    editProfile(document, {
      meanings: new Map([["line total", [meaning]]]),
      firsts: none,
      words: none,
      settings,
    });
  assert.deepEqual(edit("price").money, { in: "units" });
  assert.deepEqual(edit("order_total").money, document.money);
  const said = edit("price", new Map([["money.price_per", "unit"]]));
  assert.deepEqual(said.money, document.money);
});
