import assert from "node:assert/strict";
import { addsUp } from "../../../domain/reconciliation/decide_line.ts";
import { lineReader } from "../../../domain/reconciliation/read_line.ts";
import type { ReportProfile } from "../../../domain/reconciliation/report_profile.ts";
import { recognisedReport } from "../../../domain/reconciliation/shipped_reports.ts";
import { readReportProfile } from "../../../services/reconciliation/report_profile_schema.ts";

/** Lines of a report, each read. */
function read(profile: ReportProfile, header: string[], ...rows: string[][]) {
  const reader = lineReader(profile, header);
  assert.ok(typeof reader === "function", JSON.stringify(reader));
  return rows.map((row, place) => reader(row, place + 2) ?? { problem: "passed over" });
}

const stripeHeader = [
  "balance_transaction_id",
  "created_utc",
  "reporting_category",
  "gross",
  "fee",
  "net",
  "currency",
  "charge_id",
  "payment_intent_id",
  "source_id",
  "customer_facing_amount",
  "customer_facing_currency",
  "payment_metadata[charge_key]",
  "payment_metadata[order_reference]",
  "refund_metadata[refund_key]",
];

Deno.test("lineReader() reads Stripe's itemized reports, with what customers paid in another currency", () => {
  const profile = recognisedReport(stripeHeader)!;
  assert.equal(profile.name, "stripe");
  const at = "2026-01-05 10:00:00";
  const [charge, refund, dispute, payout, fee, other] = read(
    profile,
    stripeHeader,
    [
      ...["txn_1", at, "charge", "11.50", "0.42", "11.08", "eur", "ch_1", "pi_1", "ch_1"],
      ...["1250", "jpy", "charge_k", "1001", ""],
    ],
    ["txn_2", at, "refund", "-5.00", "0.00", "-5.00", "eur", "ch_1", "pi_1", "re_1", "", "", "", ""]
      .concat("refund_k"),
    [...["txn_3", at, "dispute", "-11.50", "15.00", "-26.50", "eur", "ch_1", "pi_1", "dp_1"]]
      .concat("", "", "", "", ""),
    [...["txn_4", at, "payout", "-6.08", "0.00", "-6.08", "eur", "", "", "po_1"]]
      .concat("", "", "", "", ""),
    [...["txn_5", at, "fee", "-0.07", "0.00", "-0.07", "eur", "", "", ""]].concat(
      "",
      "",
      "",
      "",
      "",
    ),
    [...["txn_6", at, "topup", "5.00", "0.00", "5.00", "eur", "", "", ""]].concat(
      "",
      "",
      "",
      "",
      "",
    ),
  );
  assert.deepEqual(charge, {
    kind: "charge",
    line: 2,
    entry: "txn_1",
    chargeRefs: ["pi_1", "ch_1"],
    refundRef: null,
    key: "charge_k",
    reference: "1001",
    amountCents: 1_250,
    currency: "JPY",
    grossCents: 1_150,
    feeCents: 42,
    netCents: 1_108,
    settledCurrency: "EUR",
    at: "2026-01-05 10:00:00.000",
  });
  assert.ok(refund && !("problem" in refund) && dispute && !("problem" in dispute));
  assert.ok(payout && !("problem" in payout));
  assert.deepEqual(
    [refund.kind, refund.refundRef, refund.key, refund.amountCents, refund.grossCents],
    ["refund", "re_1", "refund_k", 500, -500],
  );
  assert.deepEqual([dispute.kind, dispute.refundRef, dispute.feeCents], [
    "chargeback",
    "dp_1",
    1_500,
  ]);
  assert.deepEqual(
    [payout, fee, other].map((line) => "problem" in line! ? line : [line!.kind, line!.grossCents]),
    [["payout", -608], ["fee", -7], ["payout", 500]],
  );
});

Deno.test("lineReader() reads any other report by its profile, and says what is wrong with a line", () => {
  const profile = readReportProfile(JSON.stringify({
    version: 1,
    name: "my-bank",
    columns: {
      entry: ["Id"],
      category: ["Type"],
      at: ["Date"],
      charge: ["Payment"],
      gross: ["Amount"],
      currency: ["Currency"],
    },
    categories: { charge: ["Sale"] },
    money: { in: "units", decimal: "," },
    time: { order: "dmy", zone: "Europe/Berlin" },
  }));
  const header = ["Id", "Date", "Type", "Payment", "Amount", "Currency"];
  const [line, wrong] = read(
    profile,
    header,
    ["1", "05.01.2026 10:00:00", "Sale", "p-1", "1.234,50", "EUR"],
    ["2", "05.01.2026 10:00:00", "Sale", "p-2", "much", "EUR"],
  );
  assert.ok(line && !("problem" in line));
  assert.deepEqual([line.kind, line.grossCents, line.at], [
    "charge",
    123_450,
    "2026-01-05 09:00:00.000",
  ]);
  assert.deepEqual(wrong, { problem: "gross must be an amount" });
  assert.deepEqual(lineReader(profile, ["Id", "Date"]), {
    problem: "lacks Type, Amount, Currency, Payment",
  });
  assert.throws(() => readReportProfile("{}"), /version/);
});

Deno.test("lineReader() takes no line without a time, whichever comes first", () => {
  const header = stripeHeader.slice(0, 10);
  const line = (at: string) => [
    ...["txn_1", at, "charge", "11.50", "0.42", "11.08", "eur", "ch_1", "pi_1", "ch_1"],
  ];
  const profile = recognisedReport(header)!;
  const none = { problem: "at must be a date and time" };
  const [first, dated, last] = read(
    profile,
    header,
    line(""),
    line("2026-01-05 10:00:00"),
    line(" "),
  );
  assert.deepEqual([first, last], [none, none]);
  assert.ok(!("problem" in dated!));
});

Deno.test("lineReader() refuses a report by which no charge can be found", () => {
  const header = stripeHeader.slice(0, 7);
  assert.deepEqual(lineReader(recognisedReport(header)!, header), {
    problem: "lacks payment_intent_id or charge_id",
  });
  const byKey = [...header, "payment_metadata[charge_key]"];
  assert.equal(typeof lineReader(recognisedReport(byKey)!, byKey), "function");
});

Deno.test("lineReader() refuses a report without a column that its profile names, and one that has it twice", () => {
  const columns = {
    entry: ["Id"],
    category: ["Type"],
    at: ["Date"],
    charge: ["Id"],
    gross: ["Gross", { column: "Debit", sign: "-" }],
    fee: ["Fee", ["Markup", "Scheme"]],
    net: ["Net"],
    currency: ["Currency"],
    reference: ["Order"],
  };
  const profile = readReportProfile(JSON.stringify({
    version: 1,
    name: "till",
    columns,
    categories: { charge: ["Sale"] },
  }));
  const header = ["Id", "Type", "Date", "Gross", "Debit", "Fee", "Markup", "Scheme", "Net"]
    .concat("Currency", "Order", "Note", "note", "", "");
  assert.equal(typeof lineReader(profile, header), "function");
  for (const name of ["Debit", "Fee", "Scheme", "Net", "Order"]) {
    const lacking = header.map((one) => one === name ? `${name}s` : one);
    assert.deepEqual(lineReader(profile, lacking), { problem: `lacks ${name}` });
  }
  assert.deepEqual(lineReader(profile, [...header, "FEE "]), {
    problem: "has Fee twice: rename one of them",
  });
  const twice = [...stripeHeader, "fee"];
  assert.deepEqual(lineReader(recognisedReport(twice)!, twice), {
    problem: "has fee twice: rename one of them",
  });
});

Deno.test("lineReader() reads fees that are signed as they change the balance, as PayPal writes them", () => {
  const columns = {
    entry: ["Transaction ID"],
    category: ["Type"],
    at: ["Date"],
    gross: ["Gross"],
    fee: ["Fee"],
    net: ["Net"],
    charge: ["Transaction ID"],
    currency: ["Currency"],
  };
  const header = ["Date", "Type", "Currency", "Gross", "Fee", "Net", "Transaction ID"];
  const fees = (money: Record<string, string>) => {
    const profile = {
      version: 1,
      name: "paypal",
      columns,
      categories: { charge: ["Sale"], refund: ["Refund"] },
      money,
    };
    const lines = read(
      readReportProfile(JSON.stringify(profile)),
      header,
      ["2026-01-05", "Sale", "EUR", "1,268.00", "-18.00", "1,250.00", "A1"],
      ["2026-01-05", "Refund", "EUR", "-10.00", "0.14", "-9.86", "A2"],
      ["2026-01-05", "Sale", "EUR", "10.00", "0.00", "10.00", "A3"],
    );
    return lines.map((line) => "problem" in line ? line : [line.feeCents, addsUp(line)]);
  };
  assert.deepEqual(fees({ fees: "signed" }), [[1_800, true], [-14, true], [0, true]]);
  assert.deepEqual(fees({}), [[-1_800, false], [14, false], [0, true]]);
});

Deno.test("lineReader() reads amounts in a column for what came and one for what went, as Adyen writes them", () => {
  const profile = readReportProfile(JSON.stringify({
    version: 1,
    name: "adyen",
    columns: {
      entry: ["Modification Reference"],
      category: ["Type"],
      at: ["Creation Date"],
      charge: ["Psp Reference"],
      gross: ["Gross Credit (GC)", { column: "Gross Debit (GC)", sign: "-" }],
      net: [{ column: "Net Debit (NC)", sign: "-" }, { column: "Net Credit (NC)", sign: "+" }],
      fee: ["Commission (NC)"],
      currency: ["Gross Currency"],
    },
    categories: { charge: ["Settled"], refund: ["Refunded"], payout: ["MerchantPayout"] },
  }));
  const header = [
    "Modification Reference",
    "Type",
    "Creation Date",
    "Psp Reference",
    "Gross Currency",
  ]
    .concat(
      "Gross Debit (GC)",
      "Gross Credit (GC)",
      "Net Debit (NC)",
      "Net Credit (NC)",
      "Commission (NC)",
    );
  const line = (
    type: string,
    ...amounts: string[]
  ) => ["m1", type, "2026-01-05", "p1", "EUR", ...amounts];
  const lines = read(
    profile,
    header,
    line("Settled", "", "12.50", "", "12.06", "0.44"),
    line("Refunded", "5.00", "", "5.00", "", ""),
    // A zero in the other column says nothing, and two zeros say zero.
    line("Settled", "0.00", "1.00", "0.00", "1.00", "0.00"),
    line("MerchantPayout", "7.50", "0.00", "7.50", "0.00", ""),
    line("Settled", "0", "0", "", "", ""),
    line("Settled", "", "", "", "", ""),
    line("Refunded", "much", "", "", "", ""),
  );
  assert.deepEqual(
    lines.map((one) =>
      "problem" in one
        ? one.problem
        : [one.kind, one.grossCents, one.feeCents, one.netCents, one.amountCents]
    ),
    [
      ["charge", 1_250, 44, 1_206, 1_250],
      ["refund", -500, 0, -500, 500],
      ["charge", 100, 0, 100, 100],
      ["payout", -750, 0, -750, 750],
      ["charge", 0, 0, null, 0],
      "gross must be an amount",
      "gross must be an amount",
    ],
  );
  assert.deepEqual(lineReader(profile, header.slice(0, 5)), {
    problem:
      "lacks Gross Credit (GC) or Gross Debit (GC), Commission (NC), Net Debit (NC), Net Credit (NC)",
  });
});

Deno.test("lineReader() puts the texts of columns together that are one: a date with its time, an id of several parts", () => {
  const profile = readReportProfile(JSON.stringify({
    version: 1,
    name: "in-parts",
    columns: {
      entry: [["Capture", "Type", "Detail"]],
      category: [["Type", "Detail"], "Type"],
      at: [["Date", "Time", "TimeZone"]],
      charge: ["Order"],
      gross: ["Amount"],
      currency: ["Currency"],
    },
    categories: { charge: ["SALE"], fee: ["FEE PERCENTAGE", "FEE FIXED"] },
    time: { order: "mdy" },
  }));
  const header = ["Date", "Time", "TimeZone", "Type", "Detail", "Capture", "Order", "Amount"]
    .concat("Currency");
  const line = (type: string, detail: string) => [
    ...["01/05/2026", "23:30:00", "PST", type, detail, "cap1", "o1", "1.00", "EUR"],
  ];
  const lines = read(
    profile,
    header,
    line("SALE", ""),
    line("FEE", "PERCENTAGE"),
    line("FEE", "FIXED"),
  );
  assert.deepEqual(
    lines.map((one) => "problem" in one ? one.problem : [one.kind, one.entry, one.at]),
    [
      ["charge", "cap1 SALE", "2026-01-06 07:30:00.000"],
      ["fee", "cap1 FEE PERCENTAGE", "2026-01-06 07:30:00.000"],
      ["fee", "cap1 FEE FIXED", "2026-01-06 07:30:00.000"],
    ],
  );
  const lacking = header.filter((name) => name !== "Time");
  assert.deepEqual(lineReader(profile, lacking), {
    problem: "lacks Date and Time and TimeZone",
  });
});

Deno.test("lineReader() adds up fees that stand in several columns, and takes the single one where it is", () => {
  const profile = readReportProfile(JSON.stringify({
    version: 1,
    name: "adyen",
    columns: {
      entry: ["Id"],
      category: ["Type"],
      at: ["Date"],
      charge: ["Psp"],
      gross: ["Gross"],
      fee: ["Commission", ["Markup", "Scheme", "Interchange"]],
      currency: ["Currency"],
    },
    categories: { charge: ["Settled"] },
  }));
  const header = ["Id", "Type", "Date", "Psp", "Gross", "Currency", "Commission", "Markup"]
    .concat("Scheme", "Interchange");
  const line = (...fees: string[]) => [
    ...["1", "Settled", "2026-01-05", "p1", "24.00", "EUR", ...fees],
  ];
  const lines = read(
    profile,
    header,
    line("0.50", "", "", ""),
    line("", "0.12", "0.08", "0.18"),
    line("", "0.12", "", ""),
    line("", "", "", ""),
    line("", "0.12", "much", ""),
  );
  assert.deepEqual(
    lines.map((one) => "problem" in one ? one.problem : one.feeCents),
    [50, 38, 12, 0, "fee must be an amount"],
  );
});

Deno.test("lineReader() takes a currency and a category that no column says from the profile", () => {
  const document = {
    version: 1,
    name: "till",
    columns: { entry: ["Id"], at: ["Date"], charge: ["Id"], gross: ["Total"] },
    categories: { charge: ["Payment"] },
    constants: { currency: "usd", category: "Payment" },
  };
  const header = ["Id", "Date", "Total"];
  const row = ["p1", "2026-01-05", "$12.50"];
  const [line] = read(readReportProfile(JSON.stringify(document)), header, row);
  assert.ok(line && !("problem" in line));
  assert.deepEqual([line.kind, line.grossCents, line.settledCurrency], ["charge", 1_250, "USD"]);
  const { constants: _, ...without } = document;
  assert.deepEqual(lineReader(readReportProfile(JSON.stringify(without)), header), {
    problem: "lacks category, currency",
  });
});

Deno.test("lineReader() refuses refunds that raise the balance, and charges that lower it: they are not signed", () => {
  const header = stripeHeader.slice(0, 10);
  const line = (category: string, gross: string) => [
    ...["txn_1", "2026-01-05 10:00:00", category, gross, "0", "", "eur", "ch_1", "pi_1", "re_1"],
  ];
  const lines = read(
    recognisedReport(header)!,
    header,
    line("refund", "5.00"),
    line("charge", "-5.00"),
    line("refund", "0.00"),
    line("dispute", "5.00"),
    line("payout", "5.00"),
  );
  assert.deepEqual(
    lines.map((one) =>
      "problem" in one ? /^is a (\w+ whose gross \w+)/.exec(one.problem)?.[1] : ""
    ),
    ["refund whose gross raises", "charge whose gross lowers", "", "", ""],
  );
});
