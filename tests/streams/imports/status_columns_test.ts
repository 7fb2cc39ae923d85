import assert from "node:assert/strict";
import {
  fileBytes,
  plainHeader,
  plainProfile,
  plainRow,
  readByProfile,
  settingsOf,
} from "./profiles.ts";

Deno.test("openProfiledFile() charges nobody while a status column is not mapped", async () => {
  const bytes = await fileBytes("14-already-paid-refunded-cancelled.csv");
  const asked = await readByProfile(bytes);
  assert.deepEqual(settingsOf(asked), ["status.columns"]);
  assert.match(asked.file.questions[0]!.question, /financial_status \(paid, refunded, voided\)/);
  assert.match(asked.file.questions[0]!.question, /"status": \{"columns": \["financial_status",/);
  const half = { columns: ["financial_status"], paid: ["paid"], skip: ["refunded"] };
  const unknown = await readByProfile(bytes, { status: half });
  assert.deepEqual(settingsOf(unknown), ["status"]);
  assert.match(unknown.file.questions[0]!.question, /"voided" \(1 row, line 4\)/);
  const status = { ...half, skip: ["refunded", "VOIDED"] };
  assert.deepEqual((await readByProfile(bytes, { status })).orders, {
    "H-1": "12.00 EUR paid",
    "H-2": 'skipped: financial_status is "refunded"',
    "H-3": 'skipped: financial_status is "voided"',
  });
  const footer = await readByProfile(
    `${new TextDecoder().decode(bytes).trimEnd()}\nTotal,,,,,,,,13100,4,,,\n`,
    { status },
  );
  assert.match(footer.rejected.join(), /^5: .*is empty, and the profile does not say/);
});

const ownHeader =
  "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku,product_name," +
  "unit_price_cents,qty,payment_status";
const ownRow = (id: string, status: string) =>
  `${id},2026-01-05 10:00:00,EUR,K1,a@shop.example,Ann,MUG,Mug,1200,1,${status}`;

Deno.test("openProfiledFile() asks about a status column beside the one that it knows", async () => {
  const rows = [ownRow("P-1", ",cancelled"), ownRow("P-2", "paid,refunded")];
  const asked = await readByProfile([`${ownHeader},order_status`, ...rows].join("\n"));
  assert.deepEqual(settingsOf(asked), ["status.columns"]);
  assert.match(asked.file.questions[0]!.question, /order_status \(cancelled, refunded\)/);
  const blank = await readByProfile(
    [`${ownHeader},order_status`, ownRow("P-1", "paid,")].join("\n"),
  );
  assert.deepEqual(blank.orders, { "P-1": "12.00 EUR paid" });
});

Deno.test("openProfiledFile() asks about a column of any name whose values say that money moved", async () => {
  const header = ownHeader.replace(/,payment_status$/, ",transactions,Fulfillment");
  const rows = (transaction: string, parcel: string) =>
    [header, ownRow("P-1", `open,${parcel}`), ownRow("P-2", `${transaction},`)].join("\n");
  const asked = await readByProfile(rows("Paid", "shipped"));
  assert.deepEqual(settingsOf(asked), ["status.columns"]);
  assert.match(asked.file.questions[0]!.question, /transactions \(Paid\)/);
  const passedOver = await readByProfile(rows("Paid", "shipped"), { ignore: ["transactions"] });
  assert.deepEqual(passedOver.orders, { "P-1": "12.00 EUR due", "P-2": "12.00 EUR due" });
  const parcels = await readByProfile(rows("card", "cancelled"));
  assert.deepEqual(parcels.orders, { "P-1": "12.00 EUR due", "P-2": "12.00 EUR due" });
});

Deno.test("openProfiledFile() shows a column as a status whose values say so, whatever it is called", async () => {
  const header = ownHeader.replace(/,payment_status$/, ",transactions,cod_fee,color");
  const { file } = await readByProfile([header, ownRow("P-1", "Paid,2.00,blue")].join("\n"));
  assert.deepEqual(
    file.unusedColumns.map(({ name, suspicious }) => [name, suspicious]),
    [["transactions", "status"], ["cod_fee", "fee"], ["color", undefined]],
  );
});

Deno.test("openProfiledFile() passes over columns that are called alike, and asks for a name where there is none", async () => {
  const header = ownHeader.replace(/,payment_status$/, ",info,info,");
  const rows = [header, ownRow("P-1", "paid,paid,,")].join("\n");
  assert.deepEqual(settingsOf(await readByProfile(rows)), ["status.columns"]);
  const passedOver = await readByProfile(rows, { ignore: ["info"] });
  assert.deepEqual(passedOver.orders, { "P-1": "12.00 EUR due" });
  const nameless = await readByProfile(
    [ownHeader.replace(/,payment_status$/, ",,note"), ownRow("P-1", "paid,")].join("\n"),
  );
  assert.match(
    nameless.file.questions[0]!.question,
    /by a column without a name \(paid\): give each column a name in the file's header; what may/,
  );
});

Deno.test("openProfiledFile() takes no order for paid or cancelled where a column says that it is not", async () => {
  const profile = {
    ...plainProfile,
    money: { in: "units" as const },
    status: {
      columns: [],
      paidFilled: ["Paid"],
      skipFilled: ["Cancelled"],
      otherwise: "charge" as const,
    },
  };
  const words = ["no", "0", "0.00", "false", "0000-00-00", "0000-00-00 00:00:00", "-", "n/a"];
  const rows = words.flatMap((word, at) => [
    `${plainRow(`P-${at}`, "9.00", 1, "", "")};${word};`,
    `${plainRow(`C-${at}`, "9.00", 1, "", "")};yes;${word}`,
  ]);
  const lines = [
    `${plainHeader};Paid;Cancelled`,
    ...rows,
    `${plainRow("X", "9.00", 1, "", "")};yes;2026`,
  ];
  assert.deepEqual((await readByProfile(lines.join("\n"), {}, profile)).orders, {
    ...Object.fromEntries(words.map((_, at) => [`P-${at}`, "9.00 EUR due"])),
    ...Object.fromEntries(words.map((_, at) => [`C-${at}`, "9.00 EUR paid"])),
    X: 'skipped: Cancelled is "2026"',
  });
});

Deno.test("openProfiledFile() takes no order whose rows disagree on its payment", async () => {
  for (const words of [["due", "paid"], ["paid", "due"], ["paid", "none"]]) {
    const rows = words.map((word, at) => ownRow("A-1", word).replace("MUG", `MUG-${at}`));
    const read = await readByProfile([ownHeader, ...rows].join("\n"));
    assert.deepEqual(read.orders, {});
    const reason = "rows of the order disagree on payment_status (lines 2 and 3)";
    assert.deepEqual(read.rejected, [`2: ${reason}`, `3: ${reason}`]);
  }
});

Deno.test("openProfiledFile() says of a discount with the other sign how it is written here", async () => {
  const header = ownHeader.replace(/payment_status$/, "off");
  const rows = [header, ownRow("P-1", "-1.00"), ownRow("P-2", "1.00")].join("\n");
  const discount = { kind: "discount", columns: ["off"], per: "line" } as const;
  const { rejected } = await readByProfile(rows, {
    money: { in: "units" },
    adjustments: [{ ...discount, takenOff: "negative" }],
  });
  assert.match(
    rejected.join(),
    /^3: off: is above zero, and what is taken off is written with a sign here/,
  );
});
