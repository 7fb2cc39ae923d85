import assert from "node:assert/strict";
import { listDiscrepancies } from "../../../db/reconciliation/discrepancies.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { readTrialBalance } from "../../../db/ledger/ledger_list.ts";
import { reconcile } from "../../../services/reconciliation/reconcile.ts";
import { readReportProfile } from "../../../services/reconciliation/report_profile_schema.ts";
import { depsOf, operator } from "../../reconciled.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

/** Money of a provider that is on record: what orders paid, by the provider's names, on 5 January 2026. */
interface OnRecord {
  /** By the shop's id of the order. */
  payments: Readonly<Record<string, { ref: string; cents: number; refunds?: readonly number[] }>>;
  currency?: string;
}

async function record(flow: Workflow, provider: string, { payments, currency = "EUR" }: OnRecord) {
  const { rows } = flow;
  for (const [name, { ref, cents, refunds = [] }] of Object.entries(payments)) {
    await flow.add(
      [{ ...anOrder(name, [{ sku: "A", qty: 1, unitPriceCents: 2_000 }]), currency }],
      100,
    );
    await flow.drain();
    const [order] = await rows("select id from orders where external_order_id = ?", [name]);
    const id = Number(order!.id);
    await rows(
      `update payments set provider = ?, provider_ref = ?, amount_cents = ?, paid_at = '2026-01-05 10:00:00'
       where order_id = ?`,
      [provider, ref, cents, id],
    );
    for (const [n, refunded] of refunds.entries()) {
      await rows(
        `insert into refunds (order_id, amount_cents, status, provider_key, processed_at)
         values (?, ?, 'PROCESSED', ?, '2026-01-06 10:00:00')`,
        [id, refunded, `${name} ${n}`],
      );
    }
  }
  await rows("delete from ledger_entries");
}

interface Report {
  provider: string;
  profile?: object;
  csv: string;
  onRecord: OnRecord;
  /** What is found, by kind and what the provider says. */
  found: string[];
  /** By day and currency: charges, refunds, chargebacks, others, payouts, reserves, adjustments, fees, net. */
  days: Readonly<Record<string, readonly number[]>>;
  /** What is booked of it, with `clearing`. */
  booked: Readonly<Record<string, number>>;
}

async function assertRead(flow: Workflow, report: Report): Promise<void> {
  const { provider, profile, csv, onRecord, found, days, booked } = report;
  await record(flow, provider, onRecord);
  for (let turn = 0; turn < 2; turn++) {
    await reconcile(depsOf({ flow }, 1, 3), {
      provider,
      report: {
        source: new Blob([csv]).stream(),
        name: `${provider}.csv`,
        ...(profile === undefined ? {} : { profile: readReportProfile(JSON.stringify(profile)) }),
      },
      period: {},
      operator,
    });
    const rows = await listDiscrepancies(flow.db, { filter: {}, afterId: 0, limit: 100 });
    assert.deepEqual(
      rows.map(({ kind, theirCents, state }) =>
        `${kind} ${theirCents}${state === "open" ? "" : ` ${state}`}`
      ).sort(),
      [...found].sort(),
    );
    const told = await listProviderDays(flow.db, 100);
    assert.deepEqual(
      Object.fromEntries(told.map((day) => [`${day.day} ${day.currency}`, [
        day.chargesCents,
        day.refundsCents,
        day.chargebacksCents,
        day.otherCents,
        day.payoutsCents,
        day.reservesCents,
        day.adjustmentsCents,
        day.feesCents,
        day.netCents,
      ]])),
      days,
    );
    const balances = await readTrialBalance(flow.db);
    assert.deepEqual(
      Object.fromEntries(balances.map((one) => [one.account, Number(one.balanceCents)])),
      booked,
    );
  }
}

/** A table as a file; cells that need it are quoted. */
function csvOf(header: readonly string[], ...lines: readonly (readonly string[])[]): string {
  const quoted = (cell: string) => /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  return [header, ...lines].map((cells) => cells.map(quoted).join(",")).join("\r\n");
}

/** One line, by the names of its columns. */
function row(header: readonly string[], cells: Readonly<Record<string, string>>): string[] {
  for (const name of Object.keys(cells)) assert.ok(header.includes(name), name);
  return header.map((name) => cells[name] ?? "");
}

const stripeColumns = [
  "automatic_payout_id",
  "automatic_payout_effective_at",
  "balance_transaction_id",
  "created_utc",
]
  .concat(
    "created",
    "available_on",
    "reporting_category",
    "gross",
    "fee",
    "net",
    "currency",
    "description",
  )
  .concat(
    "customer_facing_amount",
    "customer_facing_currency",
    "charge_id",
    "payment_intent_id",
    "source_id",
  )
  .concat("payment_metadata[order_reference]");
const stripeLine = (id: string, category: string, gross: string, fee: string, more = {}) =>
  row(stripeColumns, {
    automatic_payout_id: "po_1",
    balance_transaction_id: id,
    created_utc: "2026-01-05 10:00:00",
    reporting_category: category,
    gross,
    fee,
    net: (Number(gross) - Number(fee)).toFixed(2),
    currency: "eur",
    ...more,
  });

/** Which payment a line is of, and what of it moved: the charge itself, or another object of Stripe's. */
const ofPayment = (payment: number, source = `ch_${payment}`) => ({
  payment_intent_id: `pi_${payment}`,
  charge_id: `ch_${payment}`,
  source_id: source,
});

const stripe: Report = {
  provider: "stripe",
  onRecord: {
    payments: {
      "S-1": { ref: "pi_1", cents: 2_400, refunds: [500] },
      "S-2": { ref: "pi_2", cents: 3_000 },
      "S-3": { ref: "pi_3", cents: 6_000 },
    },
  },
  csv: csvOf(
    stripeColumns,
    stripeLine("txn_1", "charge", "24.00", "0.61", ofPayment(1)),
    // Converted, as the customer paid in dollars what stands here in euros.
    stripeLine("txn_2", "charge", "30.00", "0.95", ofPayment(2)),
    stripeLine("txn_3", "refund", "-5.00", "0.00", ofPayment(1, "re_1")),
    // The same line once more, as where two reports were put together.
    stripeLine("txn_3", "refund", "-5.00", "0.00", ofPayment(1, "re_1")),
    stripeLine("txn_4", "dispute", "-30.00", "15.00", ofPayment(2, "dp_1")),
    stripeLine("txn_5", "dispute_reversal", "30.00", "0.00", ofPayment(2, "dp_1")),
    // Authorised for more than was captured.
    stripeLine("txn_14", "charge", "100.00", "0.00", ofPayment(3)),
    stripeLine("txn_15", "partial_capture_reversal", "-40.00", "0.00", ofPayment(3, "re_3")),
    stripeLine("txn_6", "fee", "-2.00", "0.00"),
    stripeLine("txn_7", "tax", "-0.38", "0.00"),
    stripeLine("txn_8", "risk_reserved_funds", "-3.00", "0.00"),
    stripeLine("txn_9", "other_adjustment", "0.17", "0.00"),
    stripeLine("txn_10", "financing_paydown", "-1.10", "0.00"),
    stripeLine("txn_11", "topup", "50.00", "0.00"),
    stripeLine("txn_12", "payout", "-60.00", "0.10"),
    stripeLine("txn_13", "something_new", "-0.01", "0.00"),
  ),
  found: [
    "amount_differs 10000 mended",
    "category_unknown 1",
    "chargeback_without_record 3000",
    "chargeback_without_record 3000",
    "corrected 4000 mended",
  ],
  days: { "2026-01-05 EUR": [15_400, -500, 0, -4_001, -1_000, -300, -93, 1_904, 7_602] },
  booked: { clearing: -3_298, fees: 1_904, bank: 1_000, reserves: 300, suspense: 94 },
};

const paypalColumns = [
  "CH",
  "Transaction ID",
  "Invoice ID",
  "PayPal Reference ID",
  "PayPal Reference ID Type",
]
  .concat("Transaction Event Code", "Transaction Initiation Date", "Transaction Completion Date")
  .concat("Transaction Debit or Credit", "Gross Transaction Amount", "Gross Transaction Currency")
  .concat("Fee Debit or Credit", "Fee Amount", "Fee Currency", "Custom Field", "Consumer ID");
const paypalLine = (
  id: string,
  code: string,
  [way, gross]: [string, string],
  [feeWay, fee]: [string, string],
  more = {},
) =>
  row(paypalColumns, {
    CH: "SB",
    "Transaction ID": id,
    "Transaction Event Code": code,
    "Transaction Completion Date": "2026/01/05 02:00:00 -0800",
    "Transaction Debit or Credit": way,
    "Gross Transaction Amount": gross,
    "Gross Transaction Currency": "EUR",
    "Fee Debit or Credit": feeWay,
    "Fee Amount": fee,
    "Fee Currency": "EUR",
    ...more,
  });

const paypal: Report = {
  provider: "paypal",
  profile: {
    version: 1,
    name: "paypal-stl",
    columns: {
      entry: ["Transaction ID"],
      category: ["Transaction Event Code"],
      at: ["Transaction Completion Date"],
      charge: ["PayPal Reference ID", "Transaction ID"],
      refund: ["Transaction ID"],
      reference: ["Invoice ID"],
      gross: ["Gross Transaction Amount"],
      fee: ["Fee Amount"],
      currency: ["Gross Transaction Currency"],
    },
    skip: [{ column: "CH", words: ["SF", "SC", "RF", "RC", "FF", "CF", "CC"] }],
    directions: {
      gross: { column: "Transaction Debit or Credit", down: ["DR"] },
      fee: { column: "Fee Debit or Credit", down: ["DR"] },
    },
    categories: {
      charge: ["T0006"],
      refund: ["T1107"],
      chargeback: ["T1106"],
      fee: ["T0104"],
      payout: ["T0400", "T0401"],
      reserve: ["T1103", "T1104"],
      adjustment: ["T1201"],
    },
    money: { in: "minor" },
  },
  onRecord: {
    payments: {
      "1001": { ref: "5TY", cents: 2_400, refunds: [600] },
      "1002": { ref: "7AB", cents: 100_000 },
    },
  },
  csv: [
    '"RH",2026/01/06 00:30:00 -0800,"A","MERCHANT1",011',
    '"FH",1',
    '"SH",2026/01/05 00:00:00 -0800,2026/01/05 23:59:59 -0800,"MERCHANT1",""',
    csvOf(
      paypalColumns,
      paypalLine("5TY", "T0006", ["CR", "2400"], ["DR", "98"], { "Invoice ID": "1001" }),
      paypalLine("7AB", "T0006", ["CR", "100000"], ["DR", "2525"], { "Invoice ID": "1002" }),
      paypalLine("8RF", "T1107", ["DR", "600"], ["CR", "15"], {
        "PayPal Reference ID": "5TY",
        "PayPal Reference ID Type": "TXN",
      }),
      paypalLine("9HO", "T1103", ["DR", "5000"], ["", ""]),
      paypalLine("9RE", "T1104", ["CR", "2000"], ["", ""]),
      paypalLine("9WD", "T0400", ["DR", "90000"], ["DR", "25"]),
      paypalLine("9FE", "T0104", ["DR", "40"], ["", ""]),
    ),
    '"SF","EUR",102400,0,97640,2553,15,0',
    '"SC",7',
    '"RF","EUR",102400,0,97640,2553,15,0',
    '"RC",7',
    '"FF",7',
  ].join("\r\n"),
  found: [],
  days: {
    "2026-01-05 EUR": [102_400, -600, 0, 0, -90_000, -3_000, 0, 98 + 2_525 - 15 + 25 + 40, 6_127],
  },
  booked: { clearing: -95_673, fees: 2_673, bank: 90_000, reserves: 3_000 },
};

const adyenColumns = [
  "Company Account",
  "Merchant Account",
  "Psp Reference",
  "Merchant Reference",
  "Payment Method",
]
  .concat(
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
  )
  .concat(
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
  )
  .concat("Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)", "Batch Number");
const adyenLine = (
  type: string,
  psp: string,
  modification: string,
  more: Readonly<Record<string, string>>,
) =>
  row(adyenColumns, {
    "Psp Reference": psp,
    "Creation Date": "2026-01-05 11:00:00",
    TimeZone: "CET",
    Type: type,
    "Modification Reference": modification,
    "Gross Currency": "EUR",
    "Net Currency": "EUR",
    "Batch Number": "7",
    ...more,
  });

const adyen: Report = {
  provider: "adyen",
  profile: {
    version: 1,
    name: "adyen",
    columns: {
      entry: [["Psp Reference", "Type", "Modification Reference"]],
      category: ["Type"],
      at: ["Creation Date"],
      charge: ["Psp Reference"],
      refund: ["Modification Reference"],
      reference: ["Merchant Reference"],
      amount: ["Gross Credit (GC)", "Gross Debit (GC)"],
      amount_currency: ["Gross Currency"],
      net: ["Net Credit (NC)", { column: "Net Debit (NC)", sign: "-" }],
      fee: ["Commission (NC)", ["Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"]],
      currency: ["Net Currency"],
    },
    categories: {
      charge: ["Settled"],
      refund: ["Refunded"],
      chargeback: ["Chargeback", "SecondChargeback", "ChargebackReversed"],
      correction: ["SettledReversed", "RefundedReversed"],
      fee: ["Fee", "MiscCosts", "InvoiceDeduction", "PaymentCost"],
      payout: ["MerchantPayout", "BankInstructionReturned"],
      reserve: ["DepositCorrection"],
      adjustment: ["Balancetransfer", "ManualCorrected"],
    },
    time: { zone: "Europe/Amsterdam" },
  },
  onRecord: {
    payments: {
      "A-1": { ref: "psp1", cents: 2_400, refunds: [400] },
      "A-2": { ref: "psp2", cents: 1_000 },
      "A-3": { ref: "psp3", cents: 2_000 },
    },
  },
  csv: csvOf(
    adyenColumns,
    adyenLine("Settled", "psp1", "mod1", {
      "Gross Credit (GC)": "24.00",
      "Net Credit (NC)": "23.62",
      "Markup (NC)": "0.12",
      "Scheme Fees (NC)": "0.08",
      "Interchange (NC)": "0.18",
    }),
    adyenLine("Settled", "psp2", "mod2", {
      "Gross Credit (GC)": "10.00",
      "Net Credit (NC)": "9.70",
      "Commission (NC)": "0.30",
    }),
    // Captured by and by.
    ...[["mod4", "12.00", "11.90"], ["mod5", "8.00", "7.90"]].map(([modification, gross, net]) =>
      adyenLine("Settled", "psp3", modification!, {
        "Gross Credit (GC)": gross!,
        "Net Credit (NC)": net!,
        "Commission (NC)": "0.10",
      })
    ),
    adyenLine("Refunded", "psp1", "mod3", {
      "Gross Debit (GC)": "4.00",
      "Net Debit (NC)": "4.10",
      "Commission (NC)": "0.10",
    }),
    adyenLine("Fee", "", "Transaction Fees January", {
      "Gross Currency": "",
      "Net Debit (NC)": "1.23",
    }),
    adyenLine("DepositCorrection", "", "Deposit 7", {
      "Gross Currency": "",
      "Net Debit (NC)": "5.00",
    }),
    adyenLine("Balancetransfer", "", "from batch 6", {
      "Gross Currency": "",
      "Net Credit (NC)": "0.40",
    }),
    adyenLine("MerchantPayout", "", "TX7 batch 7", {
      "Gross Currency": "",
      "Net Debit (NC)": "23.39",
    }),
  ),
  found: ["amount_differs 1200 mended", "twice 800 mended"],
  days: { "2026-01-05 EUR": [5_400, -400, 0, 0, -2_339, -500, 40, 38 + 30 + 20 + 10 + 123, 1_980] },
  booked: { clearing: -3_020, fees: 221, bank: 2_339, reserves: 500, suspense: -40 },
};

const klarnaColumns = [
  "type",
  "capture_id",
  "merchant_reference1",
  "merchant_reference2",
  "sale_date",
  "capture_date",
]
  .concat(
    "order_id",
    "short_order_id",
    "refund_id",
    "amount",
    "currency_code",
    "detailed_type",
    "payout_date",
  );
const klarnaLine = (type: string, detailed: string, amount: string, more = {}) =>
  row(klarnaColumns, {
    type,
    detailed_type: detailed,
    amount,
    currency_code: "EUR",
    capture_date: "2026-01-05T10:00:00Z",
    ...more,
  });

const klarna: Report = {
  provider: "klarna",
  profile: {
    version: 1,
    name: "klarna",
    columns: {
      entry: [["order_id", "capture_id", "type", "detailed_type", "refund_id"]],
      category: ["type"],
      at: ["capture_date"],
      charge: ["order_id"],
      refund: ["refund_id"],
      reference: ["merchant_reference1"],
      gross: ["amount"],
      currency: ["currency_code"],
    },
    categories: {
      charge: ["SALE"],
      refund: ["RETURN"],
      chargeback: ["REVERSAL"],
      fee: ["FEE", "TAX", "COMMISSION", "FEE_REFUND"],
      reserve: ["HOLDBACK", "RELEASE"],
      adjustment: ["CORRECTION", "CHARGE", "CREDIT"],
    },
  },
  onRecord: { payments: { "K-1": { ref: "kord1", cents: 2_400, refunds: [900] } } },
  csv: csvOf(
    klarnaColumns,
    klarnaLine("SALE", "PURCHASE", "24.00", {
      order_id: "kord1",
      capture_id: "cap1",
      merchant_reference1: "K-1",
    }),
    klarnaLine("FEE", "PURCHASE_FEE_FIXED", "-0.35", { order_id: "kord1", capture_id: "cap1" }),
    klarnaLine("FEE", "PURCHASE_FEE_PERCENTAGE", "-0.71", {
      order_id: "kord1",
      capture_id: "cap1",
    }),
    klarnaLine("TAX", "PURCHASE_FEE_PERCENTAGE", "-0.20", {
      order_id: "kord1",
      capture_id: "cap1",
    }),
    klarnaLine("RETURN", "PURCHASE_RETURN", "-9.00", {
      order_id: "kord1",
      refund_id: "ref1",
      merchant_reference1: "K-1",
    }),
    klarnaLine("HOLDBACK", "ROLLING_RESERVE", "-2.40", { order_id: "kord1", capture_id: "cap1" }),
    klarnaLine("CREDIT", "CAMPAIGN", "0.05", { order_id: "kord1", capture_id: "cap1" }),
  ),
  found: [],
  days: { "2026-01-05 EUR": [2_400, -900, 0, 0, 0, -240, 5, 126, 1_139] },
  booked: { clearing: -361, fees: 126, reserves: 240, suspense: -5 },
};

const squareColumns = [
  "Date",
  "Time",
  "Time Zone",
  "Gross Sales",
  "Discounts",
  "Net Sales",
  "Tax",
  "Tip",
  "Total Collected",
]
  .concat(
    "Source",
    "Card",
    "Fees",
    "Net Total",
    "Transaction ID",
    "Payment ID",
    "Event Type",
    "Location",
  );
const squareLine = (event: string, payment: string, total: string, fees: string, net: string) =>
  row(squareColumns, {
    Date: "01/05/26",
    Time: "05:00:00",
    "Time Zone": "Eastern Time (US & Canada)",
    "Total Collected": total,
    Fees: fees,
    "Net Total": net,
    "Transaction ID": `order of ${payment}`,
    "Payment ID": payment,
    "Event Type": event,
  });

const square: Report = {
  provider: "square",
  profile: {
    version: 1,
    name: "square",
    columns: {
      entry: [["Payment ID", "Event Type"]],
      category: ["Event Type"],
      at: [["Date", "Time"]],
      charge: ["Payment ID"],
      refund: ["Payment ID"],
      gross: ["Total Collected"],
      fee: ["Fees"],
      net: ["Net Total"],
    },
    constants: { currency: "USD" },
    categories: { charge: ["Payment"], refund: ["Refund"] },
    money: { fees: "signed" },
    time: { order: "mdy", zone: "America/New_York" },
  },
  onRecord: {
    currency: "USD",
    payments: {
      "Q-1": { ref: "sq1", cents: 123_456 },
      "Q-2": { ref: "sq2", cents: 1_000 },
    },
  },
  csv: csvOf(
    squareColumns,
    squareLine("Payment", "sq1", "$1,234.56", "-$32.40", "$1,202.16"),
    squareLine("Payment", "sq2", "$10.00", "($0.36)", "$9.64"),
    squareLine("Payment", "sq3", "$0.99", "-$0.13", "$0.86"),
  ),
  found: ["missing_with_us 99"],
  days: { "2026-01-05 USD": [124_555, 0, 0, 0, 0, 0, 0, 3_289, 121_266] },
  booked: { clearing: -3_289, fees: 3_289 },
};

const mollieColumns = [
  "Date",
  "Payment method",
  "Currency",
  "Amount",
  "Status",
  "ID",
  "Description",
  "Consumer name",
]
  .concat("Settlement currency", "Settlement amount", "Settlement reference", "Amount refunded");
const mollieLine = (
  status: string,
  id: string,
  amount: string,
  description: string,
  settled = amount,
) =>
  row(mollieColumns, {
    Date: "2026-01-05 11:00:00",
    "Payment method": "ideal",
    Currency: "EUR",
    Amount: amount,
    Status: status,
    ID: id,
    Description: description,
    "Settlement currency": "EUR",
    "Settlement amount": settled,
    "Settlement reference": "1182161.2601.01",
  });

const mollie: Report = {
  provider: "mollie",
  profile: {
    version: 1,
    name: "mollie",
    columns: {
      entry: ["ID"],
      category: ["Status"],
      at: ["Date"],
      charge: ["ID"],
      refund: ["ID"],
      reference: ["Description"],
      amount: ["Amount"],
      amount_currency: ["Currency"],
      gross: ["Settlement amount"],
      currency: ["Settlement currency"],
    },
    skip: [{ column: "Status", words: ["Failed", "Expired", "Canceled", "Open"] }],
    categories: {
      charge: ["Paid"],
      refund: ["Refunded"],
      chargeback: ["Charged back"],
      fee: ["Withheld transaction fees"],
    },
    money: { decimal: "," },
    time: { zone: "Europe/Amsterdam" },
  },
  onRecord: { payments: { "M-1": { ref: "tr_1", cents: 123_450, refunds: [5_000] } } },
  csv: csvOf(
    mollieColumns,
    mollieLine("Paid", "tr_1", "1.234,50", "M-1"),
    mollieLine("Failed", "tr_2", "24,00", "M-2", ""),
    mollieLine("Expired", "tr_3", "", "M-3", ""),
    mollieLine("Refunded", "re_1", "-50,00", "M-1"),
    mollieLine("Withheld transaction fees", "inv_1", "-0,29", "Fees"),
  ).replaceAll(",", ";").replaceAll(/"(-?[\d.]+);(\d\d)"/g, "$1,$2"),
  found: [],
  days: { "2026-01-05 EUR": [123_450, -5_000, 0, 0, 0, 0, 0, 29, 118_421] },
  booked: { clearing: -29, fees: 29 },
};

const shopifyColumns = [
  "Transaction Date",
  "Type",
  "Order",
  "Card Brand",
  "Card Source",
  "Payout Status",
  "Payout Date",
]
  .concat(
    "Payout ID",
    "Available On",
    "Amount",
    "Fee",
    "Net",
    "Checkout",
    "Payment Method Name",
    "Presentment Amount",
  )
  .concat("Presentment Currency", "Currency", "VAT");
const shopifyLine = (
  type: string,
  order: string,
  amount: string,
  fee: string,
  net: string,
  more = {},
) =>
  row(shopifyColumns, {
    "Transaction Date": "2026-01-05 05:00:00 -0500",
    Type: type,
    Order: order,
    "Payout Status": "paid",
    "Payout ID": "99",
    Amount: amount,
    Fee: fee,
    Net: net,
    "Presentment Amount": amount,
    "Presentment Currency": "EUR",
    Currency: "EUR",
    ...more,
  });

const shopify: Report = {
  provider: "shopify",
  profile: {
    version: 1,
    name: "shopify-payments",
    columns: {
      entry: [["Transaction Date", "Type", "Order", "Amount"]],
      category: ["Type"],
      at: ["Transaction Date"],
      reference: ["Order"],
      amount: ["Presentment Amount"],
      amount_currency: ["Presentment Currency"],
      gross: ["Amount"],
      fee: ["Fee"],
      net: ["Net"],
      currency: ["Currency"],
    },
    skip: [{ column: "Payout Status", words: ["failed"] }],
    categories: {
      charge: ["charge"],
      refund: ["refund"],
      chargeback: ["chargeback", "chargeback won"],
      adjustment: ["adjustment"],
      reserve: ["reserve"],
      payout: ["payout"],
    },
  },
  onRecord: {
    payments: {
      "#1001": { ref: "gid1", cents: 2_400, refunds: [300, 300] },
      "#1002": { ref: "gid2", cents: 4_000 },
    },
  },
  csv: csvOf(
    shopifyColumns,
    shopifyLine("charge", "#1001", "24.00", "0.95", "23.05"),
    shopifyLine("charge", "#1002", "40.00", "1.30", "38.70"),
    shopifyLine("refund", "#1001", "-3.00", "0.00", "-3.00"),
    shopifyLine("refund", "#1001", "-3.00", "0.00", "-3.00", {
      "Transaction Date": "2026-01-05 05:00:01 -0500",
    }),
    shopifyLine("charge", "#1003", "7.00", "0.50", "6.50"),
    shopifyLine("adjustment", "", "-0.25", "0.00", "-0.25"),
    shopifyLine("charge", "#1004", "9.00", "0.50", "8.50", { "Payout Status": "failed" }),
  ),
  found: ["missing_with_us 700"],
  days: { "2026-01-05 EUR": [7_100, -600, 0, 0, 0, 0, -25, 275, 6_200] },
  booked: { clearing: -300, fees: 275, suspense: 25 },
};

for (const report of [stripe, paypal, adyen, klarna, square, mollie, shopify]) {
  Deno.test(`a report as ${report.provider} writes it is read and booked to the cent`, async () => {
    await withWorkflow(`real_${report.provider}`, (flow) => assertRead(flow, report));
  });
}
