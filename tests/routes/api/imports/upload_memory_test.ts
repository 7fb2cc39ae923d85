import assert from "node:assert/strict";
import { bun } from "../../../../runtime/bun.ts";
import { csvOf, csvOrderFields } from "../../../csv_orders.ts";
import { type Api, openApi } from "../../api.ts";
import { type Served, startServed } from "../../served.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("upload_memory");
});
Deno.test.afterAll(() => api.close());

const megabyte = 1_048_576;

/** What a container of 256 MB has for the process, and something to spare. */
const maxBytes = 240 * megabyte;

/** Orders of three rows, as many as it takes for a file of this size. */
function* fileOf(bytes: number): Generator<string> {
  let sent = 0;
  const header = csvOf([]);
  yield header;
  for (let order = 0; sent < bytes;) {
    let text = "";
    while (text.length < 65_536) {
      for (let item = 0; item < 3; item++) {
        const row = {
          external_order_id: `o-${order}`,
          customer_id: `c-${order % 5_000}`,
          product_sku: `sku-${(order + item) % 800}`,
        };
        text += `${csvOrderFields(row).join(",")}\n`;
      }
      order++;
    }
    sent += text.length;
    yield text;
  }
}

/** Brings a file and waits for the end of its import. */
async function bring({ url }: Served, bytes: number): Promise<void> {
  const response = await fetch(`${url}/imports`, {
    method: "POST",
    headers: { "content-type": "text/csv" },
    body: ReadableStream.from(fileOf(bytes)).pipeThrough(new TextEncoderStream()),
  });
  const { id, detail } = await response.json();
  assert.equal(response.status, 202, detail);
  for (let looks = 0;; looks++) {
    const { status, error } = await (await fetch(`${url}/imports/${id}`)).json();
    if (status === "DONE") return;
    assert.equal(status, "RUNNING", error);
    assert.ok(looks < 1_200, "the import does not end");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("start takes a file of 25 MB within the memory of a small container", async () => {
  const served = await startServed(api, { MEMORY_MB: "256" }, "start");
  try {
    await bring(served, 25 * megabyte);
    const { most: max } = await served.memory();
    assert.ok(max < maxBytes, `${Math.round(max / megabyte)} MB`);
  } finally {
    await served.stop();
  }
});

Deno.test("a large file is taken wherever TMPDIR points, and the log says where it goes", async () => {
  const folder = await Deno.makeTempDir({ dir: "/var/tmp" });
  const served = await startServed(api, { TMPDIR: folder, LOG_LEVEL: "debug" });
  try {
    await bring(served, 10 * megabyte);
    // Deno's permissions name the folders; on Bun it may write wherever its user may.
    const where = bun === undefined ? "\\.data/tmp" : folder;
    assert.match(served.log(), new RegExp(`temporary files.*${where}`));
  } finally {
    await served.stop();
    await Deno.remove(folder);
  }
});
