import assert from "node:assert/strict";
import { monthOf } from "../../../../domain/import/profile/month_names.ts";
import { timeReader } from "../../../../domain/import/profile/time_text.ts";

const languages = ["en", "de", "de-AT", "fr", "es", "it", "nl", "pl", "pt", "pt-BR"];

/** The names that a language has for a month, by itself and in a date. */
function namesOf(language: string, month: number): string[] {
  const day = new Date(Date.UTC(2026, month - 1, 5));
  const forms = [{ month: "long" }, { month: "short" }, { month: "long", day: "numeric" }] as const;
  return forms.flatMap((form) =>
    new Intl.DateTimeFormat(language, { ...form, timeZone: "UTC" }).formatToParts(day)
      .filter(({ type }) => type === "month").map(({ value }) => value.replace(".", ""))
  );
}

Deno.test("monthOf() knows the months of eight languages, and takes none for another", () => {
  const unknown = new Set<string>();
  for (const language of languages) {
    for (let month = 1; month <= 12; month++) {
      for (const name of namesOf(language, month)) {
        const found = monthOf(name);
        if (found === undefined) unknown.add(name);
        else assert.equal(found, String(month), `${name} in ${language}`);
        assert.equal(monthOf(name.toUpperCase()), found);
        assert.equal(monthOf(name.normalize("NFD")), found);
      }
    }
  }
  // What is another month in Croatian.
  assert.deepEqual([...unknown].sort(), ["lip", "lis", "listopad", "listopada"]);
});

Deno.test("monthOf() knows no month by what several have, or none", () => {
  for (const name of ["jui", "lip", "lis", "xyz", "ma", "", "lundi", "listopad", "novembers"]) {
    assert.equal(monthOf(name), undefined, name);
  }
});

Deno.test("timeReader() reads dates with the names of months of other languages", () => {
  const read = timeReader({ zone: "Europe/Berlin" });
  const cases: [string, string][] = [
    ["5. Januar 2026 10:15", "2026-01-05 09:15:00.000"],
    ["5. März 2026", "2026-03-04 23:00:00.000"],
    ["05-Okt-2026 10:15", "2026-10-05 08:15:00.000"],
    ["1er août 2026 10:15", "2026-08-01 08:15:00.000"],
    ["5 déc. 2026, 10:15:30", "2026-12-05 09:15:30.000"],
    ["5 de enero de 2026 10:15", "2026-01-05 09:15:00.000"],
    ["5 de fevereiro de 2026", "2026-02-04 23:00:00.000"],
    ["5 gennaio 2026 10:15", "2026-01-05 09:15:00.000"],
    ["5 mei 2026 10:15", "2026-05-05 08:15:00.000"],
    ["5 października 2026 10:15", "2026-10-05 08:15:00.000"],
    ["5 pa\u017adziernika 2026".normalize("NFD"), "2026-10-04 22:00:00.000"],
  ];
  for (const [text, utc] of cases) assert.equal(read(text), utc, text);
  for (const text of ["5 listopada 2026", "5 jui 2026", "5 lip 2026"]) {
    assert.equal(typeof read(text), "object", text);
  }
});

Deno.test("timeReader() reads a time again as it read it before, whatever stands between", () => {
  const texts = ["2026-01-05T10:22:31+01:00", "2026-01-05T10:22:32+01:00", "5 Jan 2026", "none"];
  const read = timeReader({ zone: "Europe/Berlin" });
  for (const a of texts) {
    for (const b of texts) {
      for (const text of [a, b, b, a]) {
        assert.deepEqual(read(text), timeReader({ zone: "Europe/Berlin" })(text));
      }
    }
  }
});
