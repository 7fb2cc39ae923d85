import { parseAllDocuments } from "yaml";

const folder = new URL("../../ops/kubernetes/", import.meta.url);

/** A Kubernetes object, as far as tests look into it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  // deno-lint-ignore no-explicit-any
  spec?: any;
  // deno-lint-ignore no-explicit-any
  [other: string]: any;
}

/** The documents of a file in `ops/kubernetes`. */
export async function readManifests(path: string): Promise<Manifest[]> {
  const text = await Deno.readTextFile(new URL(path, folder));
  return parseAllDocuments(text, { version: "1.1" }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}

/** Every file in `ops/kubernetes`, by its path. */
export async function manifestFiles(): Promise<string[]> {
  const paths: string[] = [];
  const walk = async (at: string) => {
    for await (const entry of Deno.readDir(new URL(at, folder))) {
      if (entry.isDirectory) await walk(`${at}${entry.name}/`);
      else paths.push(`${at}${entry.name}`);
    }
  };
  await walk("./");
  return paths.map((path) => path.slice(2)).sort();
}

/**
 * A view of an object that notes which of its fields somebody has read. The published schemas allow fields that they do not
 * know; a validator that was made from one reads all that it knows, so what was not read is unknown.
 *
 * @param unread gets the path of every field; those that are read leave it
 */
export function watched<T>(value: T, path: string, unread: Set<string>): T {
  if (value === null || typeof value !== "object") return value;
  const views = new Map<PropertyKey, unknown>();
  for (const [key, inner] of Object.entries(value)) {
    const at = `${path}/${key}`;
    unread.add(at);
    views.set(key, watched(inner, at, unread));
  }
  return new Proxy(value as object, {
    get(target, key) {
      if (typeof key === "string") unread.delete(`${path}/${key}`);
      return views.has(key) ? views.get(key) : Reflect.get(target, key);
    },
  }) as T;
}
