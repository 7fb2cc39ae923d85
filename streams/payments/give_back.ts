/**
 * Gives money back through the provider that took it.
 *
 * @module
 */

import type { RefundMessage, ReversalMessage } from "../../domain/messages/messages.ts";
import type { Delivery, HandlerDeps, Outcome } from "../workflow/handler.ts";
import {
  gatewayNamed,
  type GatewayRequest,
  type RefundAnswer,
  type RefundPending,
  type StillOurs,
} from "./gateway.ts";
import { gatherTries } from "./note_tries.ts";
import { noteProviderAway } from "./provider_away.ts";

/** The money is with a provider that is not configured: nobody else may give it back. */
export interface Stranger {
  kind: "stranger";
  /** Its name. */
  provider: string;
  error: string;
}

/** What becomes of a message about money that its provider is still giving back: it asks again later. */
export function laterOutcome(
  message: RefundMessage | ReversalMessage,
  { delayMs }: RefundPending,
): Outcome {
  return { kind: "done", followUps: [{ message, delayMs, evenIfLost: true }], events: [] };
}

/** Money to give back, and who took it. */
export interface RequestThrough {
  provider: string;
  request: GatewayRequest;
  /** The refund that it is of; left out for a payment that goes back whole. */
  refundId?: number;
}

/**
 * Looks up what each provider has given back before, and has none of it given back now. What nobody knows of has no answer; nor has
 * what no provider can be asked of.
 */
export async function lookUpGivenBack(
  deps: HandlerDeps,
  requests: ReadonlyMap<number, RequestThrough>,
): Promise<Map<number, RefundAnswer>> {
  const answers = new Map<number, RefundAnswer>();
  for (const [provider, wanted] of Map.groupBy(requests, ([, { provider }]) => provider)) {
    const gateway = gatewayNamed(deps, provider);
    const said = await gateway?.refundStatus?.(wanted.map(([, { request }]) => request)) ?? [];
    said.forEach((answer, index) => {
      if (answer.kind !== "unknown") answers.set(wanted[index]![0], answer);
    });
  }
  await noteProviderAway(deps, [...answers.values()]);
  return answers;
}

/**
 * Asks each provider for what it took itself; what no gateway is configured for is asked for nowhere.
 *
 * @param behind the messages that want each of them
 */
export async function giveBackThrough(
  deps: HandlerDeps,
  requests: ReadonlyMap<number, RequestThrough>,
  behind: ReadonlyMap<number, readonly Delivery[]>,
): Promise<Map<number, RefundAnswer | Stranger>> {
  const messagesOf = new Map(
    [...requests].map(([id, { request }]) => [request, behind.get(id)!.map(({ id }) => id)]),
  );
  const stillOurs: StillOurs = (request) =>
    deps.stillOurs?.(messagesOf.get(request)!) ?? Promise.resolve(true);
  const answers = new Map<number, RefundAnswer | Stranger>();
  const refunds = new Map([...requests.values()].map((one) => [one.request, one.refundId]));
  const tries = gatherTries(deps, (request) => refunds.get(request) ?? null);
  const byProvider = Map.groupBy(requests, ([, { provider }]) => provider);
  await Promise.all([...byProvider].map(async ([provider, wanted]) => {
    const gateway = gatewayNamed(deps, provider);
    const given = await gateway?.refund(wanted.map(([, { request }]) => request), {
      stillOurs,
      tried: tries.of(provider),
    });
    wanted.forEach(([id, { request: { reference } }], index) => {
      answers.set(
        id,
        given?.[index] ?? {
          kind: "stranger",
          provider,
          error: `the money of order ${JSON.stringify(reference)} was taken by "${provider}", ` +
            "which is not configured here: only it can give it back",
        },
      );
    });
  }));
  await tries.write();
  await noteProviderAway(deps, [...answers.values()]);
  return answers;
}
