import assert from "node:assert/strict";
import fc from "fast-check";
import { shopForms } from "./forms.ts";
import { mangledFile, manglings, untouched } from "./mangled_file.ts";
import { expectTruth, readBack } from "./read_back.ts";
import { shops } from "./shop_orders.ts";

for (const form of shopForms) {
  Deno.test(`a file as ${form.profile} shops write it is read whole, to the last minor unit`, async () => {
    let whole = 0;
    await fc.assert(
      fc.asyncProperty(shops, async (shop) => {
        const read = await readBack(mangledFile(shop, form, untouched));
        expectTruth(read, shop, form);
        if (read.refused === undefined && read.rejected.length === 0) whole++;
      }),
      { numRuns: 20, seed: 16 },
    );
    assert.ok(whole >= 12, `only ${whole} of 20 files were read whole`);
  });
}

Deno.test("no file is booked with other money than its shop has, whatever was done to it", async () => {
  let booked = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...shopForms),
      shops,
      manglings,
      async (form, shop, mangling) => {
        const read = await readBack(mangledFile(shop, form, mangling));
        expectTruth(read, shop, form);
        if (read.orders.length > 0) booked++;
      },
    ),
    { numRuns: 200, seed: 2_026 },
  );
  assert.ok(booked >= 50, `only ${booked} of 200 files were booked at all`);
});
