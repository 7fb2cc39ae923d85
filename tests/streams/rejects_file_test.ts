import assert from "node:assert/strict";
import { openRejectsFile } from "../../streams/rejects_file.ts";

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
    const file = await openRejectsFile(path, ["qty", "Note"]);
    await file.add([{ line: 9, fields: ["1", 'a "b", c'], reason: "bad (line 3)" }]);
    await file.add([{ line: 3, fields: [" 0", "two\nlines"], reason: "x" }]);
    assert.equal(await Deno.readTextFile(path), "earlier");
    await file.finish();
    await file.discard();
    assert.equal(
      await Deno.readTextFile(path),
      'qty,Note,line,reason\n" 0","two\nlines",3,x\n1,"a ""b"", c",9,bad (line 3)\n',
    );
    assert.deepEqual(await namesIn(folder), ["rejects.csv"]);
  }));

Deno.test("openRejectsFile() replaces the columns that an earlier rejects file added", () =>
  inFolder(async (folder) => {
    const path = `${folder}/rejects.csv`;
    const file = await openRejectsFile(path, ["Reason", "qty", "LINE"]);
    await file.add([{ line: 2, fields: ["old", "0", "77"], reason: "new" }]);
    await file.finish();
    assert.equal(await Deno.readTextFile(path), "qty,line,reason\n0,2,new\n");
  }));

Deno.test("openRejectsFile() has a header even where nothing was rejected", () =>
  inFolder(async (folder) => {
    const file = await openRejectsFile(`${folder}/rejects.csv`, ["qty"]);
    await file.finish();
    assert.equal(await Deno.readTextFile(`${folder}/rejects.csv`), "qty,line,reason\n");
  }));

Deno.test("openRejectsFile() leaves nothing when it is discarded", () =>
  inFolder(async (folder) => {
    const file = await openRejectsFile(`${folder}/rejects.csv`, ["qty"]);
    await file.add([{ line: 2, fields: ["0"], reason: "x" }]);
    await file.discard();
    assert.deepEqual(await namesIn(folder), []);
  }));

Deno.test("openRejectsFile() says so when the file can't be written", () =>
  inFolder(async (folder) => {
    await assert.rejects(
      () => openRejectsFile(`${folder}/missing/rejects.csv`, ["qty"]),
      /^WorkflowError: Cannot write the rejects file .*missing\/rejects\.csv: /,
    );
  }));
