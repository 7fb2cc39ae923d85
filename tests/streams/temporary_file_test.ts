import assert from "node:assert/strict";
import { WorkflowError } from "../../domain/errors.ts";
import { diskFaultOf } from "../../streams/disk_fault.ts";
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

Deno.test("openTemporaryFile() says why there is none, and blames no engine", () => {
  const before = Deno.env.get("TMPDIR");
  try {
    Deno.env.set("TMPDIR", "/nowhere/at/all");
    assert.throws(
      () => openTemporaryFile(),
      (error) => {
        assert.ok(error instanceof WorkflowError && error.code === "unavailable");
        assert.match(error.message, /^No temporary file can be made: the folder does not exist/);
        return true;
      },
    );
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
});

Deno.test("diskFaultOf() knows disks, and no network", () => {
  const of = (code: string) => diskFaultOf(Object.assign(new Error(code), { code }));
  assert.equal(of("EROFS"), "the file system is read-only");
  assert.equal(of("ENOSPC"), "the disk is full");
  for (const code of ["ECONNREFUSED", "ENOENT", "ER_ACCESS_DENIED_ERROR"]) {
    assert.equal(of(code), null, code);
  }
  for (const error of [null, undefined, new Error("plain")]) assert.equal(diskFaultOf(error), null);
});
