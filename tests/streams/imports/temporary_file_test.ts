import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { WorkflowError } from "../../../domain/errors.ts";
import { diskFaultOf } from "../../../streams/imports/disk_fault.ts";
import {
  findTemporaryFolder,
  openTemporaryFile,
  writeWhole,
} from "../../../streams/imports/temporary_file.ts";

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
  const full = () => {
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  };
  assert.throws(() => writeWhole(full, new Uint8Array(1)), {
    code: "unavailable",
    message: "The disk for temporary files is full",
  });
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

/** Makes nothing, for a reason of the system. */
const failing = (code: string) => (): never => {
  throw Object.assign(new Error(`${code} (os error)`), { code });
};

Deno.test("openTemporaryFile() says why there is none, and no engine is blamed", () => {
  const cases = [["EROFS", /read-only/], ["ENOENT", /no such folder/], [
    "EACCES",
    /denied/,
  ]] as const;
  for (const [code, reason] of cases) {
    assert.throws(() => openTemporaryFile(failing(code)), (error) => {
      assert.ok(error instanceof WorkflowError && error.code === "unavailable");
      assert.match(
        error.message,
        /^Cannot make a temporary file in the folder of TMPDIR or in \.data\/tmp: /,
      );
      assert.match(error.message, reason);
      return true;
    });
    assert.ok("fault" in findTemporaryFolder(failing(code)));
  }
});

/** The project's own. */
const ownFolder = fileURLToPath(new URL("../../../.data/tmp", import.meta.url));

Deno.test("openTemporaryFile() goes to the own folder where the task may not write to the folder of TMPDIR", () => {
  const asked: (string | undefined)[] = [];
  const make = (options: { prefix: string; dir?: string }) => {
    asked.push(options.dir);
    if (options.dir === undefined) {
      throw new Deno.errors.NotCapable("Requires write access to <TMP>");
    }
    return Deno.makeTempFileSync(options);
  };
  openTemporaryFile(make).close();
  assert.deepEqual(asked, [undefined, ownFolder]);
  assert.deepEqual(findTemporaryFolder(make), { folder: ownFolder });
  assert.deepEqual(findTemporaryFolder(), { folder: tmpdir() });
});

Deno.test("openTemporaryFile() goes to the own folder where TMPDIR is empty or names no folder", () => {
  for (const code of ["ENOENT", "ENOTDIR", "EACCES", "EROFS"]) {
    const make = (options: { prefix: string; dir?: string }) =>
      options.dir === undefined ? failing(code)() : Deno.makeTempFileSync(options);
    openTemporaryFile(make).close();
    assert.deepEqual(findTemporaryFolder(make), { folder: ownFolder });
  }
  // What makeTempFileSync() says where TMPDIR is set and empty; it has no code.
  const empty = (options: { prefix: string; dir?: string }) => {
    if (options.dir === undefined) throw new TypeError("path is empty");
    return Deno.makeTempFileSync(options);
  };
  openTemporaryFile(empty).close();
  assert.deepEqual(findTemporaryFolder(empty), { folder: ownFolder });
});

Deno.test("whoever makes the own folder first leaves it to the service's user as well", () => {
  try {
    Deno.removeSync(ownFolder);
  } catch (error) {
    // Another test has something in it, or nobody has made it yet.
    if (!(error instanceof Deno.errors.NotFound)) Deno.chmodSync(ownFolder, 0o1777);
  }
  const found = findTemporaryFolder(({ dir, ...options }) => {
    if (dir === undefined) return failing("EACCES")();
    return Deno.makeTempFileSync({ ...options, dir });
  });
  assert.deepEqual(found, { folder: ownFolder });
  assert.equal(Deno.statSync(ownFolder).mode! & 0o1777, 0o1777);
});
