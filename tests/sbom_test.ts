import assert from "node:assert/strict";
import { knownLicences, makeSbom, type Sbom, sbomPath, sbomText } from "../tools/docs/sbom.ts";

const kept = async (): Promise<Sbom> => JSON.parse(await Deno.readTextFile(sbomPath));

Deno.test("docs/sbom.cdx.json lists what deno.lock has: else run deno task sbom", async () => {
  assert.equal(
    await Deno.readTextFile(sbomPath),
    sbomText(await makeSbom(await knownLicences())),
  );
});

Deno.test("the list names every package with version, digest and licence, and each part that it depends on", async () => {
  const { components, dependencies, metadata } = await kept();
  const lock = JSON.parse(await Deno.readTextFile(new URL("../deno.lock", import.meta.url)));
  const packages = components.filter(({ purl }) => purl?.startsWith("pkg:npm/"));
  assert.deepEqual(packages.map((one) => one["bom-ref"]), Object.keys(lock.npm));
  for (const { "bom-ref": ref, hashes, licenses, version } of packages) {
    const integrity = `sha512-${Uint8Array.fromHex(hashes![0]!.content).toBase64()}`;
    assert.equal(integrity, lock.npm[ref].integrity, ref);
    assert.match(version, /^\d+\.\d+\.\d+/, ref);
    assert.equal(licenses?.length, 1, `${ref}: nobody knows its licence`);
  }
  const refs = new Set([metadata.component, ...components].map((one) => one["bom-ref"]));
  assert.equal(refs.size, components.length + 1, "each has a name of its own");
  for (const { ref, dependsOn } of dependencies) {
    for (const one of [ref, ...dependsOn]) assert.ok(refs.has(one), `${ref} needs ${one}`);
  }
});

Deno.test("the list tells what runs from what tests, and names the runtime and the base of the image", async () => {
  const { components } = await kept();
  const scopeOf = (name: string) =>
    components.find((one) => `${one.group ? `${one.group}/` : ""}${one.name}` === name)?.scope;
  for (const name of ["hono", "mysql2", "ioredis", "zod", "@std/csv", "uplot", "sql-escaper"]) {
    assert.equal(scopeOf(name), "required", name);
  }
  for (const name of ["fast-check", "playwright-core", "ajv", "mailparser"]) {
    assert.equal(scopeOf(name), "excluded", name);
  }
  const dockerfile = await Deno.readTextFile(new URL("../Dockerfile", import.meta.url));
  const base = components.find(({ type }) => type === "container")!;
  assert.ok(dockerfile.includes(`${base.name}:${base.version}@sha256:${base.hashes![0]!.content}`));
  const ignored = await Deno.readTextFile(new URL("../.dockerignore", import.meta.url));
  assert.doesNotMatch(ignored, /^(docs\/?|\*\*\/\*\.json|docs\/sbom.*)$/m, "the image carries it");
});
