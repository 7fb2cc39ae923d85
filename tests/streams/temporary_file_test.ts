import assert from "node:assert/strict";
import { openTemporaryFile, writeWhole } from "../../streams/temporary_file.ts";

Deno.test("openTemporaryFile() gives back what was appended, and leaves no name behind", () => {
  const file = openTemporaryFile();
  try {
    const bytes = new TextEncoder().encode("orders");
    assert.equal(file.append(bytes), 0);
    assert.equal(file.append(bytes), bytes.length);
    assert.deepEqual(file.read({ offset: 3, length: 6 }), new TextEncoder().encode("ersord"));
    assert.throws(() => file.read({ offset: 10, length: 6 }), /was cut off/);
  } finally {
    file.close();
  }
});

Deno.test("writeWhole() says that the disk is full, as an engine that is away", () => {
  // What /dev/full answers; to open that would take every permission.
  const full = {
    writeSync(): number {
      throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
    },
  };
  assert.throws(() => writeWhole(full, new Uint8Array(1)), {
    code: "unavailable",
    message: "The disk for temporary files is full",
  });
});
