/**
 * `deno task sbom`: what the product is made of, as CycloneDX 1.6, from deno.lock. It has neither a time nor a random number,
 * so the same lock gives the same file.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = new URL("../../", import.meta.url);

/** Where the list is kept, and goes into the image. */
export const sbomPath = new URL("docs/sbom.cdx.json", root);

/** A part of a product, as CycloneDX has it. */
export interface Component {
  type: "application" | "library" | "platform" | "container";
  "bom-ref": string;
  group?: string;
  name: string;
  version: string;
  description?: string;
  scope?: "required" | "excluded";
  hashes?: { alg: "SHA-512" | "SHA-256"; content: string }[];
  licenses?: ({ license: { id: string } } | { expression: string })[];
  purl?: string;
}

/** A list of parts, as CycloneDX has it. */
export interface Sbom {
  $schema: string;
  bomFormat: "CycloneDX";
  specVersion: "1.6";
  version: 1;
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

interface Lock {
  specifiers: Record<string, string>;
  npm: Record<string, { integrity: string; dependencies?: string[] }>;
  workspace: { dependencies: string[] };
}

/** The licence of a package, as SPDX writes it; undefined where it is not known here. */
export type LicenceOf = (name: string, version: string) => Promise<string | undefined>;

/** Folders whose code runs in the product; what nothing there reaches is for tests and tools. */
const productFolders = [
  "commands",
  "config",
  "db",
  "domain",
  "routes",
  "runtime",
  "services",
  "std",
  "streams",
];

/**
 * What the product is made of: every package of deno.lock with its digest, what stands in for packages of JSR, the runtime
 * and the base of the image.
 */
export async function makeSbom(licenceOf: LicenceOf): Promise<Sbom> {
  const lock: Lock = JSON.parse(await read("deno.lock"));
  const project = JSON.parse(await read("deno.json"));
  const parts = Object.keys(lock.npm).map((key) => ({ key, ...nameAndVersion(key) }));
  const refOf = resolver(parts.map(({ key }) => key));
  const direct = lock.workspace.dependencies.filter((one) => one.startsWith("npm:"))
    .map((one) => refOf(`${nameAndVersion(one.slice(4)).name}@${lock.specifiers[one]}`));
  const dependencies = parts.map(({ key }) => ({
    ref: key,
    dependsOn: (lock.npm[key]!.dependencies ?? []).map(refOf).sort(),
  }));
  const inProduct = reachable(await importedBy(direct), dependencies);
  const packages = await Promise.all(
    parts.map(async ({ key, name, version }): Promise<Component> => ({
      type: "library",
      "bom-ref": key,
      ...groupAndName(name),
      version,
      scope: inProduct.has(key) ? "required" : "excluded",
      hashes: [digestOf(lock.npm[key]!.integrity)],
      ...licences(await licenceOf(name, version)),
      purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    })),
  );
  const own = await Promise.all((await readdir(new URL("std/", root))).sort().map(standIn));
  const image = await imageParts();
  const component: Component = {
    type: "application",
    "bom-ref": project.name,
    ...groupAndName(project.name),
    version: project.version,
    ...licences(project.license),
  };
  const parents = [...direct, ...[...own, ...image].map((one) => one["bom-ref"])].sort();
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component },
    components: [...image, ...own, ...packages],
    dependencies: [{ ref: project.name, dependsOn: parents }, ...dependencies],
  };
}

function read(path: string): Promise<string> {
  return readFile(new URL(path, root), "utf8");
}

/** What a key of deno.lock names: `@hono/prometheus@1.0.3_hono@4.13.19` is `@hono/prometheus` in `1.0.3`. */
function nameAndVersion(key: string): { name: string; version: string } {
  const at = key.indexOf("@", 1);
  return { name: key.slice(0, at), version: key.slice(at + 1).split("_")[0]! };
}

function groupAndName(name: string): { group?: string; name: string } {
  const [, group, rest] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  return group === undefined ? { name } : { group, name: rest! };
}

/** Finds the key of a dependency, which deno.lock shortens to the name where that says enough. */
function resolver(keys: string[]): (dependency: string) => string {
  return (dependency) => {
    const named = keys.filter((key) =>
      key === dependency || key.startsWith(`${dependency}_`) ||
      nameAndVersion(key).name === dependency
    );
    const key = named.find((key) => key === dependency) ?? named[0];
    if (key === undefined) throw new Error(`deno.lock names no ${dependency}`);
    return key;
  };
}

/** Of the packages that are depended on, those that the product's own code imports. */
async function importedBy(direct: string[]): Promise<string[]> {
  const texts: string[] = [await read("main.ts")];
  for (const folder of productFolders) {
    for (const file of await readdir(new URL(`${folder}/`, root), { recursive: true })) {
      if (/\.tsx?$/.test(file)) texts.push(await read(`${folder}/${file}`));
    }
  }
  const code = texts.join("\n");
  const isImported = (name: string) =>
    new RegExp(`["'](npm:/?)?${name.replace(/[.+]/g, "\\$&")}(/[^"']*)?["']`).test(code);
  return direct.filter((key) => isImported(nameAndVersion(key).name));
}

function reachable(from: string[], dependencies: Sbom["dependencies"]): Set<string> {
  const dependsOn = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const seen = new Set(from);
  for (const ref of seen) for (const next of dependsOn.get(ref)!) seen.add(next);
  return seen;
}

function digestOf(integrity: string): { alg: "SHA-512"; content: string } {
  const [, base64] = /^sha512-([A-Za-z0-9+/=]+)$/.exec(integrity) ?? [];
  if (base64 === undefined) {
    throw new Error(`deno.lock has a digest that is no SHA-512: ${integrity}`);
  }
  return { alg: "SHA-512", content: Buffer.from(base64, "base64").toString("hex") };
}

function licences(licence: string | undefined): Pick<Component, "licenses"> {
  if (licence === undefined) return {};
  return {
    licenses: [/[ ()]/.test(licence) ? { expression: licence } : { license: { id: licence } }],
  };
}

/** Code of our own that has the interface of a package of JSR, and nothing else of it. */
async function standIn(folder: string): Promise<Component> {
  const { name, version } = JSON.parse(await read(`std/${folder}/deno.json`));
  return {
    type: "library",
    "bom-ref": `${name}@${version}`,
    ...groupAndName(name),
    version,
    description: `Stands in for jsr:${name}; written for this product, in std/${folder}`,
    scope: "required",
    ...licences(JSON.parse(await read("deno.json")).license),
  };
}

/** The runtime and the base of the image, as the Dockerfile names them. */
async function imageParts(): Promise<Component[]> {
  const named = /^ARG DENO_IMAGE=(denoland\/deno):([\d.]+)@sha256:([0-9a-f]{64})$/m;
  const [, name, version, digest] = named.exec(await read("Dockerfile")) ?? [];
  if (version === undefined) throw new Error("The Dockerfile does not name its base by a digest");
  return [
    {
      type: "container",
      "bom-ref": `${name}@${version}`,
      name: name!,
      version,
      description: "The base of the image; what is in it, its publisher lists",
      hashes: [{ alg: "SHA-256", content: digest! }],
      purl: `pkg:docker/${name}@sha256:${digest}?tag=${version}`,
    },
    {
      type: "platform",
      "bom-ref": `deno@${version}`,
      name: "deno",
      version,
      ...licences("MIT"),
      purl: `pkg:github/denoland/deno@v${version}`,
    },
  ];
}

/** Reads licences out of the packages that the runtime has at hand, and else out of the list that there is. */
export async function knownLicences(): Promise<LicenceOf> {
  const { stdout } = await promisify(execFile)(process.execPath, ["info", "--json"]);
  const { npmCache } = JSON.parse(stdout);
  const before = await readSbom();
  // A folder for each registry that packages came from.
  const registries = await readdir(npmCache).catch(() => []);
  return async (name, version) => {
    for (const registry of registries) {
      const path = join(npmCache, registry, name, version, "package.json");
      const text = await readFile(path, "utf8").catch(() => undefined);
      if (text === undefined) continue;
      const { license } = JSON.parse(text);
      return typeof license === "string" ? license : license?.type;
    }
    const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
    const [known] = before?.components.find((one) => one.purl === purl)?.licenses ?? [];
    return known === undefined
      ? undefined
      : "license" in known
      ? known.license.id
      : known.expression;
  };
}

async function readSbom(): Promise<Sbom | undefined> {
  try {
    return JSON.parse(await readFile(sbomPath, "utf8"));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The list as it is kept. */
export function sbomText(sbom: Sbom): string {
  return `${JSON.stringify(sbom, null, 2)}\n`;
}

if (import.meta.main) {
  await writeFile(sbomPath, sbomText(await makeSbom(await knownLicences())));
  console.log(`Written to ${fileURLToPath(sbomPath)}`);
}
