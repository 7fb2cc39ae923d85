/**
 * Endpoints of webhooks: what may be one, and what it gets.
 *
 * @module
 */

import { isEventChoice } from "../feed/event_types.ts";
import { isPublicAddress } from "../operation/network.ts";

/** Limits of endpoints. */
export const endpointLimits = {
  /** Endpoints at once: each is posted to beside all others. */
  most: 100,
  urlLength: 1_024,
  descriptionLength: 255,
  /** Choices of events of one. */
  choices: 50,
  /** Longest time for which a secret that was replaced signs as well, in seconds. */
  overlapSeconds: 604_800,
} as const;

/** How long a secret that was replaced signs as well where nobody says, in seconds. */
export const usualOverlapSeconds = 86_400;

/** What becomes of something that is to be posted. */
export const deliveryStatuses = ["WAITING", "SENT", "GIVEN_UP"] as const;

/** One of {@linkcode deliveryStatuses}. */
export type DeliveryStatus = typeof deliveryStatuses[number];

/** What the ids of test events begin with: nothing happened. */
export const testEventPrefix = "evt_test-";

/** Why these can't be the events that an endpoint is posted, see `isChosen`; undefined where they can. */
export function choicesProblem(types: readonly string[]): string | undefined {
  if (types.length === 0) return "must name at least one type of event";
  if (types.length > endpointLimits.choices) {
    return `must name at most ${endpointLimits.choices} types`;
  }
  const unknown = types.find((type) => !isEventChoice(type));
  return unknown === undefined
    ? undefined
    : `must be types such as order.paid, or order.*, or *, not ${JSON.stringify(unknown)}`;
}

/** Why this can't describe an endpoint; undefined where it can. */
export function descriptionProblem(text: string): string | undefined {
  if (!text.isWellFormed()) return "must be well-formed Unicode";
  return text.length <= endpointLimits.descriptionLength
    ? undefined
    : `must have at most ${endpointLimits.descriptionLength} characters`;
}

/**
 * Why a URL can't be that of an endpoint; undefined where it can. Whoever may name endpoints must not reach by them what only this
 * machine can reach, so without leave an address has to be everybody's, and what is said on the way nobody's.
 *
 * @param options.allowPrivate the settings give leave: plain HTTP, and addresses of one's own network
 */
export function endpointUrlProblem(
  text: string,
  { allowPrivate }: { allowPrivate: boolean },
): string | undefined {
  const url = URL.parse(text);
  if (url === null) return "must be a URL such as https://shop.example/hooks";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https://";
  if (url.href.length > endpointLimits.urlLength) {
    return `must have at most ${endpointLimits.urlLength} characters`;
  }
  if (url.username !== "" || url.password !== "") {
    return "must hold no user name; webhooks are known by their signature";
  }
  if (url.hash !== "") return "must hold no #";
  if (allowPrivate) return undefined;
  if (url.protocol !== "https:") {
    return "must begin with https://; WEBHOOK_PRIVATE_ADDRESSES=1 allows plain HTTP";
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isOwnName = /(^|\.)(localhost|local|internal)\.?$/.test(host) ||
    (!host.includes(".") && !host.includes(":"));
  if (isOwnName || isPublicAddress(host) === false) {
    return "must not lead into a private network; WEBHOOK_PRIVATE_ADDRESSES allows it";
  }
  return undefined;
}
