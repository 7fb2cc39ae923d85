/**
 * Looks at what is around a process besides its engines: who takes payments and e-mails, how many files may be open, and
 * how much memory there is.
 *
 * @module
 */

import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { Config } from "../config/config.ts";
import { messageOf } from "../domain/errors.ts";
import { type Finding, fine, problem, warning } from "../domain/operation/diagnosis.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { isSingleExecutable } from "../runtime/carried.ts";
import { believedMb } from "../runtime/memory.ts";
import { unrealMoneyWarning } from "../domain/payment/unreal_money.ts";
import { configuredProviders } from "../streams/payments/gateways.ts";

/** Files and connections that a busy process has open: those of the database, of Redis, and of its clients. */
const wantedFiles = 1_024;

/** A file that is always there, opened over and over. */
const probe = isSingleExecutable ? process.execPath : new URL("../deno.json", import.meta.url);

/** Sees how many more files can be open at once, by opening as many as are wanted, and closes them again. */
export function judgeFileLimit(): Finding {
  const what = "open files";
  const files: number[] = [];
  try {
    while (files.length < wantedFiles) files.push(openSync(probe, "r"));
    return fine(what, `${formatCount(wantedFiles)} more can be open at once`);
  } catch (error) {
    if (!/EMFILE|Too many open files|os error 24/.test(messageOf(error))) throw error;
    return warning(
      what,
      `only ${files.length} more can be open at once, connections included`,
      "type ulimit -n 65536 before the start, or set LimitNOFILE=65536 in its systemd unit",
    );
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Where `commands/flags.sh` has found how much memory there is. */
const memorySources: Readonly<Record<string, string>> = {
  setting: "by MEMORY_MB",
  limit: "the limit of this container or unit",
  machine: "half of this machine's",
};

/**
 * Says how much memory processes plan with here.
 *
 * @param told what the task has found out, megabytes and where they are from: `512,limit`; undefined where no task was typed
 */
export function judgeMemory(told: string | undefined): Finding {
  const what = "memory";
  const believed = believedMb();
  if (believed !== undefined) {
    return fine(
      what,
      `Bun collects garbage as in ${formatCount(believed)} MB; MEMORY_MB is Deno's`,
    );
  }
  if (told === undefined) {
    return fine(what, "only tasks look for it: without one, V8 goes by its own bounds");
  }
  const [, mb = "", from = ""] = /^(\d+),(\w+)$/.exec(told) ?? [];
  const source = memorySources[from];
  return source === undefined
    ? warning(
      what,
      "nothing tells how much there is, so start and serve are held to the least",
      "set MEMORY_MB to what one process may have",
    )
    : fine(what, `a process may plan with ${formatCount(Number(mb))} MB, ${source}`);
}

/** Asks the payment providers for a sign of life; any answer of HTTP is one. No money is asked for. */
export async function judgeProviders(config: Config): Promise<Finding[]> {
  const unreal = unrealMoneyWarning(config);
  const asked = configuredProviders(config).filter((name) => name !== "simulated");
  return [
    ...(unreal === null
      ? []
      : [warning("payment provider", unreal, "set GATEWAY and its settings for real money")]),
    ...await Promise.all(asked.map((name) => judgeProvider(config, name))),
  ];
}

async function judgeProvider(config: Config, gateway: string): Promise<Finding> {
  const what = "payment provider";
  const [url, setting] = gateway === "stripe"
    ? [config.stripeUrl, "STRIPE_URL"]
    : [config.gatewayUrl, "GATEWAY_URL"];
  const { origin } = new URL(url);
  try {
    const signal = AbortSignal.timeout(config.gatewayTimeoutMs);
    const response = await fetch(origin, { method: "HEAD", redirect: "manual", signal });
    await response.body?.cancel();
    return fine(what, `${gateway}, asked at ${origin}, which answers`);
  } catch (error) {
    return problem(
      what,
      `${origin} cannot be reached: ${messageOf(error)}`,
      `correct ${setting}, or let this machine reach it`,
    );
  }
}

/** Connects to the mail server and signs in, where e-mails are sent; sends nothing. */
export async function judgeMailServer(config: Config): Promise<Finding[]> {
  if (!config.notifyChannels.includes("email")) return [];
  const what = "mail server";
  const { protocol, host } = new URL(config.smtpUrl);
  const where = `${protocol}//${host}`;
  const { verifyMailServer } = await import("../streams/notifications/email_sender.ts");
  try {
    const { smtpUrl, notifyTimeoutMs: timeoutMs } = config;
    await verifyMailServer({ smtpUrl, timeoutMs });
    return [fine(what, `${where} answers and lets us in`)];
  } catch (error) {
    return [problem(
      what,
      `${where} takes no e-mails from here: ${messageOf(error).split("\n")[0]}`,
      "correct SMTP_URL, or let this machine reach it",
    )];
  }
}
