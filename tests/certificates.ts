import { join } from "node:path";
import { dataDir } from "../tools/engines/data_dir.ts";
import { findInPath, install } from "../tools/engines/programs.ts";

/** Certificates that were made for a test, each the path of a PEM file. */
export interface Certificates {
  /** Of the authority that signed the others. */
  ca: string;
  /** Of an authority that signed none. */
  otherCa: string;
  /** Made for `localhost`, and for no address. */
  server: Certificate;
  /** Made for another host. */
  elsewhere: Certificate;
  /** Made for a client. */
  client: Certificate;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Certificate {
  cert: string;
  key: string;
}

const opensslPackage = { program: "openssl", apt: "openssl", brew: "openssl" };

/**
 * Makes an authority, another one, and what the first signs, in a folder that goes with them. Installs openssl where it
 * is missing.
 */
export async function makeCertificates(): Promise<Certificates> {
  if ((await findInPath("openssl")).length === 0) await install([opensslPackage], console.error);
  // Where the tasks may read.
  const folder = join(dataDir, "tmp");
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const dir = await Deno.makeTempDir({ dir: folder, prefix: "certificates_" });
  const path = (name: string) => join(dir, name);
  const authority = async (name: string) => {
    await openssl(
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
      ],
      ["-keyout", path(`${name}.key`), "-out", path(`${name}.pem`), "-subj", `/CN=${name}`],
    );
    return path(`${name}.pem`);
  };
  const signed = async (name: string, host: string): Promise<Certificate> => {
    const [cert, key, request, extensions] = ["pem", "key", "csr", "ext"].map((end) =>
      path(`${name}.${end}`)
    ) as [string, string, string, string];
    await Deno.writeTextFile(extensions, `subjectAltName=DNS:${host}\nbasicConstraints=CA:FALSE\n`);
    await openssl(
      ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ["-keyout", key, "-out", request, "-subj", `/CN=${name}`],
    );
    await openssl(
      ["x509", "-req", "-in", request, "-CA", path("ca.pem"), "-CAkey", path("ca.key")],
      ["-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", cert],
    );
    return { cert, key };
  };
  return {
    ca: await authority("ca"),
    otherCa: await authority("other"),
    server: await signed("server", "localhost"),
    elsewhere: await signed("elsewhere", "db.elsewhere.example"),
    client: await signed("client", "client.example"),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

async function openssl(...args: string[][]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: args.flat(),
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`openssl failed: ${new TextDecoder().decode(stderr)}`);
}
