import assert from "node:assert/strict";
import { memoryUsage } from "node:process";
import fc from "fast-check";
import {
  anyEvidence,
  type DateOrder,
  fullTimeReader,
  timeEvidence,
  timeReader,
  usualTime,
} from "../../../../domain/import/profile/time_text.ts";

const berlin = timeReader({ order: "dmy", zone: "Europe/Berlin" });

Deno.test("timeReader() reads the forms of shops and spreadsheets", () => {
  const cases: [string, string][] = [
    ["2026-01-05 10:22:31 -0500", "2026-01-05 15:22:31.000"],
    ["2026-01-05 10:22:31 UTC", "2026-01-05 10:22:31.000"],
    ["2026-01-05 10:22:31 +02:00", "2026-01-05 08:22:31.000"],
    ["2026-01-05T10:22:31+0100", "2026-01-05 09:22:31.000"],
    ["2026-01-05 10:22", "2026-01-05 09:22:00.000"],
    ["05.01.2026 10:15", "2026-01-05 09:15:00.000"],
    ["5/1/2026 22:15:30", "2026-01-05 21:15:30.000"],
    ["05/01/26", "2026-01-04 23:00:00.000"],
    ["2026-01-05", "2026-01-04 23:00:00.000"],
    ["Jan 5, 2026 10:22:31 AM PST", "2026-01-05 18:22:31.000"],
    ["5 January 2026 12:05 AM", "2026-01-04 23:05:00.000"],
    ["5 January 2026 12:05 pm", "2026-01-05 11:05:00.000"],
    ["Jan-05-26", "2026-01-04 23:00:00.000"],
    ["Mon, 5 Jan 2026 10:22:31 +0100", "2026-01-05 09:22:31.000"],
    ["2026-01-05 10:22 America/New_York", "2026-01-05 15:22:00.000"],
    ["2026-07-05 10:22", "2026-07-05 08:22:00.000"],
    ["1767608551", "2026-01-05 10:22:31.000"],
    ["1767608551000", "2026-01-05 10:22:31.000"],
    ["46027.43", "2026-01-05 09:19:12.000"],
    ["46027,43", "2026-01-05 09:19:12.000"],
  ];
  for (const [text, utc] of cases) assert.equal(berlin(text), utc, text);
});

Deno.test("timeReader() reads full-width digits and signs, and the dates of East Asia", () => {
  const cases: [string, string][] = [
    ["２０２６-０１-０５　１０：２２：３１", "2026-01-05 09:22:31.000"],
    ["２０２６／０１／０５ １０：２２", "2026-01-05 09:22:00.000"],
    ["０５．０１．２０２６ 10:15", "2026-01-05 09:15:00.000"],
    ["2026年1月5日 10時22分31秒", "2026-01-05 09:22:31.000"],
    ["2026年01月05日", "2026-01-04 23:00:00.000"],
    ["2026年1月5日 10:22", "2026-01-05 09:22:00.000"],
    ["２０２６年１月５日１０時２分", "2026-01-05 09:02:00.000"],
    ["2026年1月5日 10时22分", "2026-01-05 09:22:00.000"],
    ["2026년 1월 5일 10시 22분", "2026-01-05 09:22:00.000"],
    ["2026-01-05T10:22:31＋01:00", "2026-01-05 09:22:31.000"],
    ["1/5/2026, 10:22:31\u202fAM", "2026-05-01 08:22:31.000"],
  ];
  for (const [text, utc] of cases) {
    assert.equal(berlin(text), utc, text);
    assert.equal(timeEvidence(text)?.needsZone, !text.includes("＋"), text);
  }
  assert.deepEqual(timeEvidence("０３／０４／２０２６")!.differs, true);
  assert.deepEqual(timeEvidence("2026年3月4日")!.differs, false);
  for (const text of ["2026年13月5日", "2026年1月", "٢٠٢٦-٠١-٠٥ 10:00"]) {
    assert.equal(typeof berlin(text), "object", text);
  }
});

Deno.test("timeReader() remembers times without the pieces of the file that they were read from", () => {
  const read = timeReader({ zone: "UTC" });
  for (let index = 0; index < 400; index++) {
    // A field is a part of its piece, as records are kept.
    const piece = `${String(index).padStart(1_000_000, "x")},2026-01-05 10:00:${
      String(index % 60).padStart(2, "0")
    }.${String(index).padStart(3, "0")},more`;
    assert.equal(typeof read(piece.split(",")[1]!), "string");
  }
  // Under V8 a part keeps no piece; under Bun 400 would keep 400 MB.
  const { heapUsed } = memoryUsage();
  assert.ok(heapUsed < 200e6, `${heapUsed} bytes`);
});

Deno.test("timeReader() names a time that is not there on the night of the change, or is there twice", () => {
  const problem = (text: string) => (berlin(text) as { problem: string }).problem;
  assert.match(problem("2026-03-29 02:30:00"), /^does not exist in Europe\/Berlin/);
  assert.match(problem("2026-10-25 02:30:00"), /^was there twice in Europe\/Berlin/);
  assert.equal(berlin("2026-03-29 01:59:59"), "2026-03-29 00:59:59.000");
  assert.equal(berlin("2026-03-29 03:00:00"), "2026-03-29 01:00:00.000");
  assert.equal(berlin("2026-10-25 01:59:59"), "2026-10-24 23:59:59.000");
  assert.equal(berlin("2026-10-25 03:00:00"), "2026-10-25 02:00:00.000");
  assert.equal(berlin("2026-03-29 02:30:00 +0100"), "2026-03-29 01:30:00.000");
});

Deno.test("timeReader() refuses what is no time, and zones that may be several", () => {
  for (
    const text of [
      ...["2026-02-30", "31.04.2026", "2026-01-05 24:00", "2026-01-05 13:00 PM", "13/13/2026"],
      ...[
        "2026-01-05 10:00 BST",
        "2026-01-05 10:00 IST",
        "12345",
        "20260105",
        "soon",
        "Foo 5, 2026",
      ],
    ]
  ) {
    assert.equal(typeof berlin(text), "object", text);
  }
  assert.equal(typeof timeReader({})("2026-01-05 10:00"), "object", "names no zone");
  assert.equal(typeof timeReader({ zone: "UTC" })("05/01/2026"), "object", "no order");
  assert.equal(typeof timeReader({ zone: "UTC", numbers: "unix" })("46027.43"), "object");
});

const orders: readonly DateOrder[] = ["ymd", "dmy", "mdy"];
const days = fc.date({
  min: new Date("2000-01-01T00:00:00Z"),
  max: new Date("2069-12-31T23:59:59Z"),
  noInvalidDate: true,
});

function datePart(date: Date, order: DateOrder, isShort: boolean): string {
  const year = String(date.getUTCFullYear()).slice(isShort ? 2 : 0);
  const [month, day] = [date.getUTCMonth() + 1, date.getUTCDate()].map((part) =>
    String(part).padStart(2, "0")
  ) as [string, string];
  const parts = { ymd: [year, month, day], dmy: [day, month, year], mdy: [month, day, year] };
  return parts[order].join("/");
}

Deno.test("timeReader() reads back every date in the order that it was written in", () => {
  fc.assert(
    fc.property(days, fc.constantFrom(...orders), fc.boolean(), (date, order, isShort) => {
      const text = `${datePart(date, order, isShort)} 10:22:31`;
      const read = timeReader({ order, zone: "UTC" })(text);
      assert.equal(read, `${date.toISOString().slice(0, 10)} 10:22:31.000`, text);
    }),
  );
});

Deno.test("timeEvidence() says of each date by which orders it is one, and whether that matters", () => {
  fc.assert(
    fc.property(days, fc.constantFrom(...orders), fc.boolean(), (date, order, isShort) => {
      const text = datePart(date, order, isShort);
      const { orders: possible, differs } = timeEvidence(text)!;
      assert.ok(possible.includes(order), text);
      const read = new Set(possible.map((one) => timeReader({ order: one, zone: "UTC" })(text)));
      assert.equal(differs, read.size > 1, text);
    }),
  );
});

Deno.test("timeReader() agrees with Intl about every hour of zones that change their clocks", () => {
  const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];
  fc.assert(
    fc.property(days, fc.constantFrom(...zones), (date, zone) => {
      const ms = Math.floor(date.getTime() / 60_000) * 60_000;
      const parts = Object.fromEntries(
        new Intl.DateTimeFormat("en", {
          timeZone: zone,
          hourCycle: "h23",
          ...{ year: "numeric", month: "2-digit", day: "2-digit" },
          ...{ hour: "2-digit", minute: "2-digit" },
        }).formatToParts(ms).map(({ type, value }) => [type, value]),
      );
      const local = `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
      const read = timeReader({ zone })(local);
      const utc = `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")}:00.000`;
      if (typeof read === "string") assert.equal(read, utc, `${local} ${zone}`);
      else assert.match(read.problem, /was there twice/);
    }),
  );
});

Deno.test("usualTime() reads what most shops write as it is read by the way of all forms", () => {
  const number = (max: number, digits: number) =>
    fc.integer({ min: 0, max }).map((value) => String(value).padStart(digits, "0"));
  const shape = fc.record({
    year: fc.constantFrom("0999", "1000", "1999", "2024", "2026", "9999"),
    month: number(13, 2),
    day: number(32, 2),
    between: fc.constantFrom(" ", "T"),
    clock: fc.tuple(number(24, 2), number(60, 2), number(60, 2)).map((parts) => parts.join(":")),
    blank: fc.constantFrom("", " "),
    zone: fc.oneof(
      fc.constantFrom("Z", "", "-00", "+24:00", "-0060", "+1:00", "X"),
      fc.tuple(fc.constantFrom("+", "-"), number(24, 2), fc.constantFrom("", ":"), number(60, 2))
        .map((parts) => parts.join("")),
    ),
  });
  let read = 0;
  fc.assert(
    fc.property(shape, ({ year, month, day, between, clock, blank, zone }) => {
      const date = `${year}-${month}-${day}${between}${clock}`;
      const plain = usualTime(date + blank + zone);
      if (plain === undefined) return;
      read++;
      // With a fraction it is read by the way of all forms.
      const text = `${date}.000${blank}${zone}`;
      assert.equal(usualTime(text), undefined);
      assert.equal(timeReader({})(text), plain);
      assert.deepEqual(timeEvidence(date + blank + zone), timeEvidence(text));
    }),
    { numRuns: 5_000 },
  );
  assert(read > 500, `${read} were read`);
  assert.equal(usualTime("2026-01-01 00:30:00 +0100"), "2025-12-31 23:30:00.000");
  assert.equal(usualTime("2026-01-01T00:30:00Z"), "2026-01-01 00:30:00.000");
  for (const none of ["2026-02-30 00:00:00Z", "2026-01-01 24:00:00Z", "2026-01-01 00:00:00"]) {
    assert.equal(usualTime(none), undefined);
  }
});

Deno.test("timeReader() reads each time as it is read by the way of all forms, again and again", () => {
  const two = (max: number) =>
    fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, "0"));
  const date = fc.oneof(
    fc.tuple(fc.constantFrom("0999", "1000", "2024", "2026", "9999"), two(13), two(32))
      .map((parts) => parts.join("-")),
    // Days on which clocks change.
    fc.constantFrom("2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2024-02-29"),
    fc.constantFrom("Jan-05-26", "Feb-30-26", "01/05/26", "13/05/2026", "2026-1-5", "46022", "x"),
  );
  const clock = fc.oneof(
    fc.constant(""),
    fc.tuple(fc.constantFrom(" ", "T", "  "), two(24), two(60), two(60), fc.constantFrom("", ".5"))
      .map(([between, hour, minute, second, rest]) =>
        `${between}${hour}:${minute}:${second}${rest}`
      ),
    fc.constantFrom(" 02:30:00", " 01:30:00", " 00:30", " 1:00 PM"),
  );
  const zone = fc.constantFrom("", "", "", "Z", " -0500", " PST", " America/New_York");
  const texts = fc.tuple(date, clock, zone).map((parts) => parts.join(""));
  const forms = fc.record({
    order: fc.constantFrom("mdy" as const, "dmy" as const, undefined),
    zone: fc.constantFrom("UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", undefined),
  });
  let read = 0;
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1, maxLength: 6 }), forms, (some, form) => {
      const readTime = timeReader(form), readFully = fullTimeReader(form);
      for (const text of [...some, ...some]) {
        const time = readTime(text);
        if (typeof time === "string") read++;
        assert.deepEqual(time, readFully(text), JSON.stringify(text));
        assert.deepEqual(timeEvidence(text), anyEvidence(text), JSON.stringify(text));
      }
    }),
    { numRuns: 3_000 },
  );
  assert(read > 1_000, `${read} were read`);
});
