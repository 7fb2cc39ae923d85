import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readReportProfile } from "../../../services/reconciliation/report_profile_schema.ts";
import { openReport } from "../../../streams/reconciliation/line_source.ts";
import { textSheet, workbookOf } from "../../zip_archive.ts";

const profile = {
  version: 1,
  name: "my-bank",
  columns: {
    entry: ["Id"],
    category: ["Typ"],
    at: ["Datum"],
    charge: ["Zahlung"],
    gross: ["Betrag"],
    fee: ["Geb\u00fchr"],
    currency: ["W\u00e4hrung"],
  },
  categories: { charge: ["Verkauf"] },
};
const header = ["Id", "Typ", "Datum", "Zahlung", "Betrag", "Geb\u00fchr", "W\u00e4hrung"];
const line = ["t1", "Verkauf", "2026-01-05 10:00:00", "p1", "12.50", "0.30", "EUR"];

/** What a report says, by some profile. */
async function read(
  bytes: Uint8Array<ArrayBuffer>,
  { file, sheet }: { file?: object; sheet?: string } = {},
) {
  const source = await openReport(new Blob([bytes]).stream(), {
    name: "bank",
    period: {},
    profile: readReportProfile(JSON.stringify({ ...profile, ...(file && { file }) })),
    ...(sheet === undefined ? {} : { sheet }),
  });
  const lines = [];
  for await (const batch of source.batches()) lines.push(...batch);
  source.close();
  return { digest: source.digest, lines };
}

Deno.test("a report of a workbook in which several sheets have rows is read from the one that is named", async () => {
  const workbook = workbookOf({
    names: ["Summary", "Lines"],
    sheets: [textSheet([["Total"], ["12.50"]]), textSheet([header, line])],
  });
  await assert.rejects(read(workbook), { code: "invalid", message: /which sheet/ });
  const digests = new Set<string>();
  for (const said of [{ sheet: "Lines" }, { sheet: "2" }, { file: { sheet: "Lines" } }]) {
    const { lines, digest } = await read(workbook, said);
    assert.deepEqual(lines.map(({ grossCents, feeCents }) => [grossCents, feeCents]), [[
      1_250,
      30,
    ]]);
    digests.add(digest);
  }
  assert.equal(digests.size, 3, "another sheet may be another report");
  const wrong = read(workbook, { sheet: "Summary" });
  await assert.rejects(wrong, { code: "invalid", message: /is no header/ });
});

Deno.test("a profile says how the bytes of a report are read", async () => {
  const text = (delimiter: string) => [header, line].map((row) => row.join(delimiter)).join("\n");
  const said = { encoding: "windows-1252", delimiter: "|", header_line: 3 };
  const bytes = new Uint8Array(
    Buffer.from(`a;b;c;d;e;f;g\n1;2;3;4;5;6;7\n${text("|")}\n`, "latin1"),
  );
  const { lines } = await read(bytes, { file: said });
  assert.deepEqual(lines.map(({ feeCents }) => feeCents), [30]);

  const cyrillic = new Uint8Array(Buffer.from(text(","), "latin1"));
  await assert.rejects(read(cyrillic, { file: { encoding: "koi8-r" } }), {
    code: "invalid",
    message: /lacks W\u00e4hrung, Geb\u00fchr/,
  });
  const windows = new Uint8Array(Buffer.from(`Gebühr;Summe\n1,00;2,00\n${text(";")}\n`, "latin1"));
  await assert.rejects(read(windows, { file: { header_line: 1 } }), {
    message:
      /They stand on line 1: .* file\.header_line .* encoding than windows-1252, .* by file\.encoding$/,
  });
});
