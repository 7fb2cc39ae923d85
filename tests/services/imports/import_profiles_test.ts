import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { WorkflowError } from "../../../domain/errors.ts";
import { profileDocument } from "../../../domain/import/profile/profile_json.ts";
import { shippedProfiles } from "../../../domain/import/profile/shipped_profiles.ts";
import { profileText, readProfile } from "../../../services/imports/import_profiles.ts";

const published = JSON.parse(
  await Deno.readTextFile(new URL("../../../docs/import-profile.schema.json", import.meta.url)),
);
const isValid = new Ajv2020({ strict: false }).compile(published);

Deno.test("readProfile() gives back every shipped profile, which the published schema allows", async () => {
  for (const profile of shippedProfiles.values()) {
    assert.deepEqual(await readProfile(profileText(profile)), profile);
    assert.ok(isValid(profileDocument(profile)), JSON.stringify(isValid.errors));
  }
});

Deno.test("readProfile() names every fault of a document by its path", async () => {
  const document = {
    version: 1,
    name: "Mine!",
    columns: { order_id: ["Id"] },
    constants: { currency: "EURO" },
    time: { zone: "Mars" },
    money: { decimal: ";" },
    statuses: {},
  };
  assert.ok(!isValid(document));
  await assert.rejects(() => readProfile(JSON.stringify(document)), (error: WorkflowError) => {
    assert.equal(error.code, "invalid");
    const at = error.faults.map((fault) => fault.at);
    for (
      const path of [
        "name",
        "columns.order_id",
        "statuses",
        "constants.currency",
        "time.zone",
        "money.decimal",
      ]
    ) {
      assert.ok(at.includes(path), `${path} of ${at}`);
    }
    return true;
  });
  await assert.rejects(() => readProfile("{"), /is no JSON/);
});

Deno.test("readProfile() says which setting a misspelt one may be", async () => {
  const document = {
    version: 1,
    name: "mine",
    columns: { external_order_id: ["Id"], product_skus: ["Sku"] },
    constants: { curency: "EUR" },
    filldown: "order",
    money: { decimals: "," },
    time: { timezone: "UTC" },
    adjustments: [{ kind: "tax", columns: ["Tax"], per: "order", togther: "same" }],
    status: { columns: ["State"], pay: ["paid"] },
  };
  await assert.rejects(() => readProfile(JSON.stringify(document)), (error: WorkflowError) => {
    const said = Object.fromEntries(error.faults.map(({ at, detail }) => [at, detail]));
    assert.match(said["columns.product_skus"]!, /did you mean product_sku\?$/);
    assert.match(said["constants.curency"]!, /did you mean currency\?$/);
    assert.match(said.filldown!, /did you mean fill_down\?$/);
    assert.match(said["money.decimals"]!, /did you mean decimal\?$/);
    assert.match(said["time.timezone"]!, /^is not known; there are order, zone, numbers$/);
    assert.match(said["adjustments.0.togther"]!, /did you mean together\?$/);
    assert.match(said["status.pay"]!, /did you mean paid\?$/);
    assert.equal(error.faults.length, 7);
    return true;
  });
});

Deno.test("readProfile() refuses a status that says two things of one word", async () => {
  const columns = { external_order_id: ["Id"] };
  const status = { columns: ["State"], paid: ["done"], skip: ["Done"] };
  const text = JSON.stringify({ version: 1, name: "mine", columns, status });
  await assert.rejects(() => readProfile(text), /two things of the word done/);
});

Deno.test("readProfile() refuses a column that is named twice for one thing, which would be read again for every row", async () => {
  const base = { external_order_id: ["Id"], order_placed_at: ["Day"], price: ["Net", "net "] };
  const read = (rest: object) => readProfile(JSON.stringify({ version: 1, name: "mine", ...rest }));
  await assert.rejects(() => read({ columns: base }), /columns\.price: names a column twice/);
  const joined = { customer_name: [["First", "first"]] };
  await assert.rejects(() => read({ columns: joined }), /customer_name.*names a column twice/);
  const adjustments = [{ kind: "tax", columns: ["Tax", "Tax"], per: "order" }];
  // Each is read of every row: thousands of them held a process for a minute.
  const many = Array.from({ length: 3 }, (_, one) => ({
    kind: "tax",
    columns: Array.from({ length: 70 }, (_, at) => `Tax ${one}.${at}`),
    per: "order",
  }));
  await assert.rejects(
    () => read({ columns: {}, adjustments: many }),
    /at most 200 columns together/,
  );
  await assert.rejects(
    () => read({ columns: {}, adjustments }),
    /adjustments\.0\.columns: names a column twice/,
  );
  await read({ columns: { customer_name: [["First", "Last"], "Name", ["First"]] } });
});
