import assert from "node:assert/strict";
import fc from "fast-check";
import { shippedProfiles } from "../../domain/import/profile/shipped_profiles.ts";
import { shopForms } from "./forms.ts";
import { answersOf, mangledFile, manglings, untouched } from "./mangled_file.ts";
import { playFiles } from "./play_files.ts";
import { expectTruth, readBack } from "./read_back.ts";
import { shops } from "./shop_orders.ts";

Deno.test("there is a form of files for every profile that comes along", () => {
  assert.deepEqual(shopForms.map(({ profile }) => profile), [...shippedProfiles.keys()]);
});

for (const form of shopForms) {
  Deno.test(`a file as ${form.profile} shops write it is read whole, to the last minor unit`, async () => {
    await fc.assert(
      fc.asyncProperty(shops, async (shop) => {
        const file = mangledFile(shop, form, untouched);
        const read = await readBack(file, answersOf(shop, untouched));
        expectTruth(read, shop, form);
        assert.equal(read.refused, undefined);
        assert.deepEqual(read.rejected, []);
        assert.equal(read.orders.length + read.skipped, shop.orders.length);
      }),
      { numRuns: 20, seed: 16 },
    );
  });
}

Deno.test("a sum below all orders is no amount of the last one", async () => {
  for (const form of shopForms) {
    const summed = { ...untouched, footer: "wide", isShuffled: true } as const;
    await fc.assert(
      fc.asyncProperty(shops, manglings, async (shop, { shuffle }) => {
        const mangling = { ...summed, shuffle };
        const read = await readBack(
          mangledFile(shop, form, mangling),
          answersOf(shop, mangling),
        );
        expectTruth(read, shop, form);
      }),
      { numRuns: 40, seed: 17 },
    );
  }
});

Deno.test("no file is booked with other money than its shop has, whatever was done to it", async () => {
  const { whole, partly, refused } = await playFiles({ files: 200, seed: 2_026 });
  assert.equal(whole + partly + refused, 200);
  assert.ok(whole > 80, `only ${whole} of 200 files were read whole`);
});
