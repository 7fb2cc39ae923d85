import fc from "fast-check";
import { shopForms } from "/work/m/gen/tests/shop_files/forms.ts";
import { answersOf, mangledFile, manglings } from "/work/m/gen/tests/shop_files/mangled_file.ts";
import { expectTruth, readBack } from "/work/m/gen/tests/shop_files/read_back.ts";
import { shops } from "/work/m/gen/tests/shop_files/shop_orders.ts";
const n = Number(Deno.args[0]), seed = Number(Deno.args[1]);
const noMinor = Deno.args[2] === "nominor";
const ends: Record<string, number> = {};
const why: Record<string, number> = {};
const rej: Record<string, number> = {};
let bad = 0;
for (
  const [form, shop, m0] of fc.sample(fc.tuple(fc.constantFrom(...shopForms), shops, manglings), {
    numRuns: n,
    seed,
  })
) {
  const m = noMinor && form.profile !== "native" ? { ...m0, minor: false } : m0;
  const tell = Math.random() < 0.6;
  const read = await readBack(
    mangledFile(shop, form, m),
    tell ? answersOf(shop, form, m) : undefined,
  );
  const end = read.refused !== undefined ? "refused" : read.rejected.length ? "partly" : "whole";
  ends[`${form.profile} ${end}`] = (ends[`${form.profile} ${end}`] ?? 0) + 1;
  if (read.refused) {
    const k = read.refused.replace(/[0-9]+/g, "N").slice(0, 150);
    why[k] = (why[k] ?? 0) + 1;
  }
  for (const r of read.rejected) {
    const k = r.replace(/[0-9]+/g, "N").slice(0, 110);
    rej[k] = (rej[k] ?? 0) + 1;
  }
  try {
    expectTruth(read, shop, form, !(tell && m.damage === "two day orders"));
  } catch (e) {
    bad++;
    if (bad < 6) {
      console.log("BAD", form.profile, JSON.stringify({ ...m, shuffle: 0, drop: 0 }));
      console.log(String(e).slice(0, 700));
      console.log(
        new TextDecoder(m.encoding.startsWith("utf-16") ? "utf-16le" : "utf-8").decode(
          mangledFile(shop, form, m),
        ).slice(0, 900),
      );
    }
  }
}
console.log(ends, "bad", bad);
for (const [k, v] of Object.entries(why).sort((a, b) => b[1] - a[1]).slice(0, 25)) {
  console.log(v, k);
}
console.log("rejects");
for (const [k, v] of Object.entries(rej).sort((a, b) => b[1] - a[1]).slice(0, 15)) {
  console.log(v, k);
}
