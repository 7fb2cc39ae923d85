/**
 * `deno task gateway`: a simulated payment provider as a process of its own.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { isWebhookSecret } from "../config/webhook_secret.ts";
import { serve } from "../runtime/serve.ts";
import { type Command, type Options, readOptions, usage } from "./command.ts";
import { type PaymentProvider, paymentProvider } from "./payment_provider.ts";
import { lyingReport, reportCsv } from "./provider_report.ts";
import { print } from "./print.ts";
import { endSignals } from "./signals.ts";

const command: Command = {
  summary: "Runs a simulated payment provider, to try GATEWAY=http with.",
  help: `
Usage: deno task gateway [OPTIONS]

  --port=N          port on loopback (default 8100; 0: any free one)
  --callback=URL    where answers go (default http://127.0.0.1:8000/payments/callback)
  --secret=SECRET   signs them: whsec_ and base64 (default: GATEWAY_SECRETS, or a new one that is printed)
  --delay-ms=N      milliseconds until a charge is decided (default 500)
  --errors=N        percent of charges and refunds that are answered 503 at first
  --time-outs=N     percent of charges and refunds whose first try is never answered, although the money moves
  --duplicates=N    percent of charges whose answer comes twice
  --early=N         percent whose answer comes before the charge call returns
  --silent=N        percent whose answer never comes
  --lies=N          percent of which somebody without the secret claims the opposite first
  --wrong-amounts=N percent of which the provider itself claims first that it took a cent more
  --overcharges=N   percent of which it really takes a cent more
  --refusals=N      percent that are refused with 422
  --report=FILE     writes what moved to FILE when it ends, for reconcile; it is at /report.csv at any time
  --report-lies=N   has the report lie so many times, in ten ways; the lies are printed as JSON
  --seed=N          by which the lies are drawn (default 1)

Pays even amounts and declines odd ones. Wants GATEWAY_TOKEN as a bearer token if that is set. Everything is
kept in memory. SIGTERM or Ctrl-C stops it.`,
  async run(args, env) {
    const options = readOptions(args, {
      string: [
        "port",
        "callback",
        "secret",
        "delay-ms",
        "errors",
        "time-outs",
        "duplicates",
        "early",
        "silent",
        "lies",
        "wrong-amounts",
        "overcharges",
        "refusals",
        "report",
        "report-lies",
        "seed",
      ],
    });
    const percent = (name: string) => options.integer(name, 0, 100) ?? 0;
    const given = options.text("secret") ?? env.GATEWAY_SECRETS?.split(",")[0]?.trim();
    const secret = given || `whsec_${crypto.getRandomValues(new Uint8Array(32)).toBase64()}`;
    if (!isWebhookSecret(secret)) throw usage("--secret must be whsec_ followed by base64");
    const callbackUrl = options.text("callback") ?? "http://127.0.0.1:8000/payments/callback";
    if (URL.parse(callbackUrl) === null) throw usage("--callback must be a URL");
    const provider = paymentProvider({
      callbackUrl,
      secret,
      token: env.GATEWAY_TOKEN ?? "",
      delayMs: options.integer("delay-ms", 0, 3_600_000) ?? 500,
      resendMs: 500,
      errors: percent("errors"),
      timeOuts: percent("time-outs"),
      duplicates: percent("duplicates"),
      early: percent("early"),
      silent: percent("silent"),
      lies: percent("lies"),
      wrongAmounts: percent("wrong-amounts"),
      overcharges: percent("overcharges"),
      refusals: percent("refusals"),
    });
    const listens = Promise.withResolvers<number>();
    const server = serve({
      hostname: "127.0.0.1",
      port: options.integer("port", 0, 65_535) ?? 8_100,
      onListen: ({ port }) => listens.resolve(port),
    }, (request) => provider.app.fetch(request));
    const stop = () => {
      provider.stop();
      server.shutdown();
    };
    for (const signal of endSignals) process.on(signal, stop);
    // Not before: whoever reads where it listens may end it at once.
    print(`Provider on http://127.0.0.1:${await listens.promise}`);
    if (!given) print(`Secret, for GATEWAY_SECRETS: ${secret}`);
    await server.finished;
    await writeReport(options, env, provider);
    for (const signal of endSignals) process.off(signal, stop);
    return 0;
  },
};

export default command;

/** Writes the report, where one is asked for, with the lies that it is to tell. */
async function writeReport(
  options: Options,
  env: Record<string, string | undefined>,
  provider: PaymentProvider,
): Promise<void> {
  const path = options.text("report");
  if (path === undefined) return;
  const { lines, told } = lyingReport(provider.report(), {
    seed: options.integer("seed", 0, 2 ** 31) ?? 1,
    lies: options.integer("report-lies", 0, 1_000_000) ?? 0,
  });
  await writeFile(resolve(env.INIT_CWD ?? "", path), reportCsv(lines));
  for (const lie of told) print(JSON.stringify(lie));
  print(`Report of ${lines.length} lines: ${path}`);
}
