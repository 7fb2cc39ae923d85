import assert from "node:assert/strict";
import { parseArgs } from "@std/cli/parse-args";

// What the real package answers in each case; the links in deno.json may be taken away at any time.

Deno.test("parseArgs() tells flags, values and other arguments apart", () => {
  assert.deepEqual({ ...parseArgs(["--foo", "--bar=baz", "./quux.txt"]) }, {
    foo: true,
    bar: "baz",
    _: ["./quux.txt"],
  });
  assert.deepEqual({ ...parseArgs(["-a", "-n5", "-xyz", "--num", "7", "--hex=0x10", "8"]) }, {
    a: true,
    n: 5,
    x: true,
    y: true,
    z: true,
    num: 7,
    hex: 16,
    _: [8],
  });
  assert.deepEqual({ ...parseArgs(["-f", "-", "-"]) }, { f: "-", _: ["-"] });
});

Deno.test("parseArgs() sets declared booleans to false and leaves their neighbours alone", () => {
  const args = parseArgs(["--dry", "file", "--other=false", "--third", "true"], {
    boolean: ["dry", "other", "third", "fourth"],
  });
  assert.deepEqual({ ...args }, {
    dry: true,
    other: false,
    third: true,
    fourth: false,
    _: ["file"],
  });
});

Deno.test("parseArgs() gives strings as they were typed, and an empty one without a value", () => {
  const args = parseArgs(["--id", "007", "--name", "--no", "--last"], {
    string: ["id", "name", "last", "absent"],
  });
  assert.deepEqual({ ...args }, { id: "007", name: "", no: true, last: "", _: [] });
  assert.deepEqual({ ...parseArgs(["1", "x"], { string: "_" }) }, { _: ["1", "x"] });
  assert.deepEqual({ ...parseArgs(["--from=-"], { string: "from" }) }, { from: "-", _: [] });
  assert.deepEqual({ ...parseArgs(["--from", "-"], { string: "from" }) }, { from: "", _: ["-"] });
});

Deno.test("parseArgs() collects only what is to be collected, always in an array", () => {
  const args = parseArgs(["--tag=a", "--tag=b", "--name=x", "--name=y"], {
    string: ["tag", "name", "none"],
    collect: ["tag", "none"],
  });
  assert.deepEqual({ ...args }, { tag: ["a", "b"], name: "y", none: [], _: [] });
  assert.deepEqual({ ...parseArgs(["--a=1", "--a=2"]) }, { a: 2, _: [] });
  assert.deepEqual({ ...parseArgs(["--a=1"], { collect: ["a"] }) }, { a: [1], _: [] });
});

Deno.test("parseArgs() negates only what is negatable", () => {
  assert.deepEqual({ ...parseArgs(["--no-color"]) }, { "no-color": true, _: [] });
  assert.deepEqual(
    { ...parseArgs(["--no-color"], { boolean: ["color"], negatable: ["color"] }) },
    { color: false, _: [] },
  );
  assert.deepEqual(
    { ...parseArgs(["--no-color", "x"], { string: ["no-color"] }) },
    { "no-color": "x", _: [] },
  );
});

Deno.test("parseArgs() tells unknown() the argument, key and value, and drops what it refuses", () => {
  const told: unknown[][] = [];
  const args = parseArgs(["--known=1", "--what=2", "-q", "here", "--flag"], {
    string: ["known"],
    boolean: ["flag"],
    unknown: (...call) => {
      told.push(call);
      return call[0] === "here" ? undefined : false;
    },
  });
  assert.deepEqual(told, [["--what=2", "what", "2"], ["-q", "q", "here"]]);
  assert.deepEqual({ ...args }, { known: "1", flag: true, _: [] });
  const kept = parseArgs(["a", "b"], { unknown: (arg) => arg !== "a" });
  assert.deepEqual(kept._, ["b"]);
});

Deno.test("parseArgs() ends at -- and can stop at the first argument", () => {
  assert.deepEqual({ ...parseArgs(["-a", "--", "-b", "5"]) }, { a: true, _: ["-b", "5"] });
  assert.deepEqual({ ...parseArgs(["-a", "--", "-b"], { "--": true }) }, {
    a: true,
    _: [],
    "--": ["-b"],
  });
  assert.deepEqual({ ...parseArgs(["--a=1", "run", "--b"], { stopEarly: true }) }, {
    a: 1,
    _: ["run", "--b"],
  });
});

Deno.test("parseArgs() knows aliases, defaults and dotted names", () => {
  assert.deepEqual(
    { ...parseArgs(["-h"], { boolean: ["help"], alias: { help: "h" } }) },
    { help: true, h: true, _: [] },
  );
  assert.deepEqual(
    { ...parseArgs([], { default: { port: 80, "a.b": 1 } }) },
    { port: 80, a: { b: 1 }, _: [] },
  );
  assert.deepEqual({ ...parseArgs(["--db.host=x", "--db.port=1"]) }, {
    db: { host: "x", port: 1 },
    _: [],
  });
});

Deno.test("parseArgs() never writes to a prototype", () => {
  parseArgs(["--__proto__.polluted=yes", "--constructor.prototype.polluted=yes"]);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});
