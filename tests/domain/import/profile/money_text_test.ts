import assert from "node:assert/strict";
import fc from "fast-check";
import { fullLook, plainLook } from "../../../../domain/import/profile/column_evidence.ts";
import {
  anyMoney,
  decimalEvidence,
  type DecimalSign,
  hasFraction,
  type MoneyForm,
  parseMoney,
  plainMoney,
} from "../../../../domain/import/profile/money_text.ts";
import { plainAmount } from "../../../../domain/money.ts";

const currencies = Intl.supportedValuesOf("currency");
const groupings: Readonly<Record<DecimalSign, readonly string[]>> = {
  ".": ["", ",", "'", "’", " ", "\u00a0", "\u202f"],
  ",": ["", ".", "'", "’", " ", "\u00a0", "\u202f"],
};

/** An amount as somebody writes it. */
function written(
  minor: number,
  currency: string,
  { decimal, grouping }: { decimal: DecimalSign; grouping: string },
): string {
  const [whole, fraction] = plainAmount(Math.abs(minor), currency).split(".") as [string, string?];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, grouping);
  const sign = minor < 0 ? "-" : "";
  return `${sign}${grouped}${fraction === undefined ? "" : decimal + fraction}`;
}

const forms = fc.constantFrom<DecimalSign>(".", ",").chain((decimal) =>
  fc.constantFrom(...groupings[decimal]).map((grouping) => ({ decimal, grouping }))
);
const amounts = fc.integer({ min: -9_000_000_000_000, max: 9_000_000_000_000 });

Deno.test("parseMoney() reads what was written, exactly, for every currency, sign and grouping", () => {
  fc.assert(
    fc.property(amounts, fc.constantFrom(...currencies), forms, (minor, currency, form) => {
      const text = written(minor, currency, form);
      const read = parseMoney(text, { in: "units", decimal: form.decimal }, currency);
      assert.equal(read, minor === 0 ? 0 : minor, text);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("parseMoney() never reads another amount by the other sign where the evidence names one", () => {
  fc.assert(
    fc.property(amounts, fc.constantFrom(...currencies), forms, (minor, currency, form) => {
      const text = written(minor, currency, form);
      const evidence = decimalEvidence(text);
      const by = (decimal: DecimalSign) => parseMoney(text, { in: "units", decimal }, currency);
      if (evidence === "either") assert.deepEqual(by("."), by(","), text);
      else if (evidence !== "ambiguous") assert.equal(evidence, form.decimal, text);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("decimalEvidence() calls an amount with one mark before three digits ambiguous", () => {
  for (const text of ["1,234", "1.234", "12,345", "€ 1.234", "-1,000"]) {
    assert.equal(decimalEvidence(text), "ambiguous", text);
  }
  for (const text of ["1,234.5", "12.50", "0.250", "1,234,567", "12.5000", ".5"]) {
    assert.equal(decimalEvidence(text), ".", text);
  }
  for (const text of ["1.234,5", "12,50", "0,250", "1.234.567", "19,9 €"]) {
    assert.equal(decimalEvidence(text), ",", text);
  }
  for (const text of ["1234", "0", "$7"]) assert.equal(decimalEvidence(text), "either", text);
  for (const text of ["", "abc", "1.2.3", "--5", "1,23,4", "(5"]) {
    assert.equal(decimalEvidence(text), "none", text);
  }
});

Deno.test("parseMoney() knows signs and codes of currencies, and refuses another one", () => {
  const euros = (text: string) => parseMoney(text, { in: "units", decimal: "," }, "EUR");
  assert.equal(euros("EUR 12,00"), 1200);
  assert.equal(euros("12,00 €"), 1200);
  assert.deepEqual(euros("$12,00"), { problem: "must be in EUR" });
  assert.deepEqual(euros("12,00 GBP"), { problem: "must be in EUR" });
  const dollars = (text: string, currency: string) =>
    parseMoney(text, { in: "units", decimal: "." }, currency);
  assert.equal(dollars("$12.00", "USD"), 1200);
  assert.equal(dollars("AU $12.00", "AUD"), 1200);
  assert.deepEqual(dollars("AU $12.00", "USD"), { problem: "must be in USD" });
  assert.equal(dollars("(5.40)", "USD"), -540);
  assert.equal(dollars("5.40-", "USD"), -540);
  assert.equal(dollars("−5.40", "USD"), -540);
});

Deno.test("parseMoney() rounds nothing", () => {
  const units = (text: string, currency: string) =>
    parseMoney(text, { in: "units", decimal: "." }, currency);
  assert.equal(units("12.5000", "EUR"), 1250);
  assert.deepEqual(units("12.505", "EUR"), { problem: "must have 2 decimals at most" });
  assert.deepEqual(units("1.5", "JPY"), { problem: "must have 0 decimals at most" });
  assert.equal(units("1.255", "KWD"), 1255);
  assert.deepEqual(parseMoney("12.50", { in: "minor", decimal: "." }, "EUR"), {
    problem: "must be whole minor units",
  });
  assert.deepEqual(units("99999999999999999", "EUR"), { problem: "is too large" });
});

Deno.test("parseMoney() reads a dash in the place of decimals as whole units, as Swiss, Germans and Dutch write them", () => {
  const dashes = ["-", "--", "–", "—", "‐", "―", "−"];
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 9_000_000_000 }),
      fc.constantFrom(...currencies),
      forms,
      fc.constantFrom(...dashes),
      fc.constantFrom((text: string) => text, (text) => `CHF ${text}`, (text) => `${text} CHF`),
      (units, currency, { decimal, grouping }, dash, beside) => {
        const whole = String(units).replace(/\B(?=(\d{3})+$)/g, grouping);
        const text = beside(`${whole}${decimal}${dash}`);
        assert.equal(decimalEvidence(text), decimal, text);
        assert.equal(hasFraction(text, decimal), true, "it shows that amounts are in units");
        const own = text.includes("CHF") ? "CHF" : currency;
        const digits = plainAmount(1, own).split(".")[1]?.length ?? 0;
        for (const unit of ["units", "by_decimals"] as const) {
          assert.equal(parseMoney(text, { in: unit, decimal }, own), units * 10 ** digits, text);
        }
        assert.deepEqual(parseMoney(text, { in: "minor", decimal }, own), {
          problem: "must be in minor units",
        });
      },
    ),
    { numRuns: 2_000 },
  );
  const swiss = (text: string) => parseMoney(text, { in: "units", decimal: "." }, "CHF");
  assert.equal(swiss("1'200.–"), 120_000);
  assert.equal(swiss("Fr. 12.-"), 1_200);
  assert.equal(swiss("-12.-"), -1_200);
  assert.equal(swiss("(12.-)"), -1_200);
  assert.equal(swiss("12.50-"), -1_250, "a sign behind stays one");
  assert.equal(swiss("12-"), -1_200);
  for (const text of ["12.-5", "12.-.", "12.---", ".-", "-", "12.-6-"]) {
    assert.equal(typeof swiss(text), "object", text);
  }
  assert.equal(typeof parseMoney("12.-", { in: "units", decimal: "," }, "EUR"), "object");
});

Deno.test("hasFraction() is by the sign", () => {
  assert.equal(hasFraction("1,234", "."), false);
  assert.equal(hasFraction("1,234", ","), true);
});

/** Amounts, and what is nearly one. */
const nearAmounts = fc.oneof(
  fc.tuple(amounts, fc.constantFrom(...currencies), forms)
    .map(([minor, currency, form]) => written(minor, currency, form)),
  fc.string({ unit: fc.constantFrom(..."00123456789.,-+' €".split("")), maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(..."0123456789".split("")), minLength: 1, maxLength: 18 })
    .chain((digits) =>
      fc.tuple(fc.nat(digits.length), fc.constantFrom(".", ",", "")).map(([at, sign]) =>
        digits.slice(0, at) + sign + digits.slice(at)
      )
    ),
);
/** What stands beside amounts, and what should not. */
const beside = [
  ...["", "", "$", "€", "€ ", "EUR ", "usd", "US $", "R$", "Fr. ", "Rs.", "kr", "zł ", "Kč", "¥"],
  ...["￥", "₹", "₽", "&euro;", "\u00a0", "\u202f", "  ", "%", "'", "+", "(", "E", "\u0130", "円"],
];
const numbers = fc.oneof(
  fc.tuple(fc.nat(99_999), fc.constantFrom(".", ",", ""), fc.constantFrom("", "00", "5", "125"))
    .map((parts) => parts.join("")),
  nearAmounts,
);
const nearAmountsBeside = fc.oneof(
  fc.tuple(fc.constantFrom("", "-"), fc.constantFrom(...beside), numbers),
  fc.tuple(fc.constantFrom("", "-"), numbers, fc.constantFrom(...beside)),
  fc.tuple(
    fc.constantFrom("", "-", "−", "--", "(", "- "),
    fc.constantFrom(...beside),
    fc.constantFrom("", "-", "- "),
    numbers,
    fc.constantFrom(...beside, ".", ".-", ",--", ")", "-", " €."),
  ),
).map((parts) => parts.join(""));
const moneyForms = fc.record<MoneyForm>({
  in: fc.constantFrom("units", "minor", "by_decimals"),
  decimal: fc.constantFrom(".", ","),
});

Deno.test("plainMoney() and plainLook() say what the full reading of an amount says, or nothing", () => {
  const some = fc.oneof(
    fc.constantFrom("EUR", "USD"),
    fc.constantFrom("BRL", "JPY", "KWD", "SEK", "CHF"),
    fc.constantFrom(...currencies),
  );
  for (const texts of [nearAmounts, nearAmountsBeside]) {
    let plain = 0, looks = 0, named = 0;
    fc.assert(
      fc.property(texts, moneyForms, some, (text, form, currency) => {
        const read = plainMoney(text, form, currency);
        if (read !== undefined) {
          plain++;
          assert.equal(read, anyMoney(text, form, currency), JSON.stringify(text));
        }
        const look = plainLook(text);
        if (look === undefined) return;
        looks++;
        if (look.currency !== "") named++;
        assert.deepEqual(look, fullLook(text), JSON.stringify(text));
      }),
      { numRuns: 10_000 },
    );
    const count = `${plain} amounts and ${looks} looks were plain, ${named} with a currency`;
    assert.ok(plain > 200 && looks > 200 && (texts === nearAmounts || named > 100), count);
  }
  const units: MoneyForm = { in: "units", decimal: "." };
  assert.equal(plainMoney("4.9000", units, "EUR"), 490, "as databases write amounts");
  assert.equal(plainMoney("4.9001", units, "EUR"), undefined);
  assert.equal(plainMoney("490.0000", units, "JPY"), 490);
  assert.equal(plainLook("4.9000")?.kind, ".");
  assert.equal(plainLook("4.900"), undefined, "may be thousands");
  assert.equal(plainMoney("$10.00", units, "USD"), 1_000);
  assert.equal(plainMoney("-10.00 €", units, "EUR"), -1_000);
  assert.equal(plainMoney("$10.00", units, "EUR"), undefined, "of another currency");
  assert.equal(plainLook("-$10.00")?.isNegative, true);
});
