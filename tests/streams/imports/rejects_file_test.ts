import assert from "node:assert/strict";
import { openRejectsFile, tellFullDisk } from "../../../streams/imports/rejects_file.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test("openRejectsFile() writes rows by their lines with line and reason, and only then the name", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    await Deno.writeTextFile(path, "earlier");
    const file = await openRejectsFile(path, { header: ["qty", "Note"] });
    await file.add([{ line: 9, fields: ["1", 'a "b", c'], reason: "bad (line 3)" }]);
    await file.add([{ line: 3, fields: [" 0", "two\nlines"], reason: "x" }]);
    assert.equal(await Deno.readTextFile(path), "earlier");
    await file.finish();
    await file.discard();
    assert.equal(
      await Deno.readTextFile(path),
      '\ufeffqty,Note,line,reason\n" 0","two\nlines",3,x\n1,"a ""b"", c",9,bad (line 3)\n',
    );
    assert.deepEqual(await namesIn(folder), ["rejects.csv"]);
  }));

Deno.test("openRejectsFile() replaces the columns that an earlier rejects file added", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    const file = await openRejectsFile(path, { header: ["Reason", "qty", "LINE"] });
    await file.add([{ line: 2, fields: ["old", "0", "77"], reason: "new" }]);
    await file.finish();
    assert.equal(await Deno.readTextFile(path), "\ufeffqty,line,reason\n0,2,new\n");
  }));

Deno.test("openRejectsFile() lets no reason begin a line with a formula", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    const file = await openRejectsFile(path, { header: ["qty"] });
    await file.add([{ line: 2, fields: ["0"], reason: "Note\r=1+1: is bad\n@x\u2028-1" }]);
    await file.finish();
    const [, row] = (await Deno.readTextFile(path)).split("\n");
    assert.equal(row, "0,2,Note\\u000d=1+1: is bad\\u000a@x\\u2028-1");
  }));

Deno.test("openRejectsFile() has a header even where nothing was rejected", () =>
  inFolder(async (folder) => {
    const file = await openRejectsFile(`${folder}/rejects.csv`, { header: ["qty"] });
    await file.finish();
    assert.equal(await Deno.readTextFile(`${folder}/rejects.csv`), "\ufeffqty,line,reason\n");
  }));

Deno.test("openRejectsFile() leaves nothing when it is discarded", () =>
  inFolder(async (folder) => {
    const file = await openRejectsFile(`${folder}/rejects.csv`, { header: ["qty"] });
    await file.add([{ line: 2, fields: ["0"], reason: "x" }]);
    await file.discard();
    assert.deepEqual(await namesIn(folder), []);
  }));

Deno.test("openRejectsFile() says so when the file can't be written", () =>
  inFolder(async (folder) => {
    await assert.rejects(
      () => openRejectsFile(`${folder}/missing/rejects.csv`, { header: ["qty"] }),
      /^WorkflowError: Cannot write the rejects file .*missing\/rejects\.csv: /,
    );
  }));

Deno.test("openRejectsFile() disarms what a spreadsheet would take for a formula, the header as well", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    const file = await openRejectsFile(path, { header: ["sku", "=NOTE()"] });
    const evil = '=HYPERLINK("http://evil.example","x")';
    await file.add([{ line: 2, fields: ["@SUM(1)", evil], reason: "x" }]);
    await file.add([{ line: 3, fields: ["'-1", "'s-Hertogenbosch"], reason: "x" }]);
    await file.finish();
    const text = await Deno.readTextFile(path);
    assert.deepEqual(text.split("\n"), [
      "\ufeffsku,'=NOTE(),line,reason",
      `'@SUM(1),"'${evil.replaceAll('"', '""')}",2,x`,
      "''-1,'s-Hertogenbosch,3,x",
      "",
    ]);
    const again = await openRejectsFile(path, { header: ["sku", "'=NOTE()", "line", "reason"] });
    await again.finish();
    assert.equal(await Deno.readTextFile(path), "\ufeffsku,'=NOTE(),line,reason\n");
  }));

Deno.test("openRejectsFile() makes a file that only its owner may read", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    await Deno.writeTextFile(path, "earlier", { mode: 0o666 });
    await Deno.writeTextFile(`${path}.partial`, "of a crash", { mode: 0o666 });
    const file = await openRejectsFile(path, { header: ["qty"] });
    assert.equal((await Deno.stat(`${path}.partial`)).mode! & 0o777, 0o600);
    await file.finish();
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.equal(await Deno.readTextFile(path), "\ufeffqty,line,reason\n");
  }));

Deno.test("openRejectsFile() follows no link that somebody has put in its place", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    const victim = `${folder}/victim`;
    await Deno.writeTextFile(victim, "kept");
    await Deno.symlink(victim, `${path}.partial`);
    await Deno.symlink(victim, path);
    const file = await openRejectsFile(path, { header: ["qty"] });
    await file.add([{ line: 2, fields: ["0"], reason: "x" }]);
    await file.finish();
    assert.equal(await Deno.readTextFile(victim), "kept");
    assert.ok((await Deno.lstat(path)).isFile);
    assert.equal(await Deno.readTextFile(path), "\ufeffqty,line,reason\n0,2,x\n");
  }));

Deno.test("openRejectsFile() mixes no two runs that write to one name", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    const first = await openRejectsFile(path, { header: ["qty"] });
    const second = await openRejectsFile(path, { header: ["qty"] });
    await second.add([{ line: 2, fields: ["0"], reason: "second" }]);
    await assert.rejects(() => first.finish(), /another import is writing to it/);
    await first.discard();
    await second.finish();
    assert.equal(await Deno.readTextFile(path), "\ufeffqty,line,reason\n0,2,second\n");
    assert.deepEqual(await namesIn(folder), ["rejects.csv"]);
  }));

Deno.test("openRejectsFile() puts itself in the place of nothing but files", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/there`);
    for (const path of [`${folder}/there`, "/dev/null"]) {
      await assert.rejects(
        () => openRejectsFile(path, { header: ["qty"] }),
        /is there and is not a file/,
      );
    }
    assert.ok((await Deno.stat("/dev/null")).isCharDevice);
  }));

Deno.test("tellFullDisk() names the rejects file, and says what becomes of the import", async () => {
  // Deno's own words have no name of the file; to open /dev/full would take every permission.
  const full = () =>
    Promise.reject(
      Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" }),
    );
  await assert.rejects(tellFullDisk("/mnt/r.csv", full), {
    code: "unavailable",
    message:
      /^Cannot write the rejects file \/mnt\/r\.csv: the disk is full; make room .*import the file again/,
  });
  const other = new Error("other");
  await assert.rejects(tellFullDisk("/mnt/r.csv", () => Promise.reject(other)), other);
  assert.equal(await tellFullDisk("/mnt/r.csv", () => Promise.resolve(3)), 3);
});
