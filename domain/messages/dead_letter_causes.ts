/**
 * Why messages end as dead letters, and then what: one table, which the dashboard, the command and the API ask.
 *
 * A dead letter keeps its error in words. Which cause that is, the words tell, from their first to their last: an error may
 * repeat what a provider said, and that must not pass for words of ours. What no line of the table knows is `unexpected`.
 *
 * @module
 */

import { messageOfEntry } from "./messages.ts";

/** What is right for a dead letter. */
export type DeadLetterAction =
  /** Publish it again, once what is to be checked is in order. */
  | "retry"
  /** Give it up: what is left to do is published anew by itself, or there is nothing to do. */
  | "discard"
  /** Look at the order and at the provider first: a person has to decide about money. */
  | "look";

/** A cause, as people are told of it. */
export interface DeadLetterCause {
  /** By which the API and the dashboard tell it. */
  name: DeadLetterCauseName;
  /** What happened, in a few words. */
  title: string;
  /** What that means, in a sentence. */
  says: string;
  /** What is to be checked. */
  check: string;
  /** What is right then. */
  action: DeadLetterAction;
  /** False where the same message can only end in the same way. */
  canSucceed: boolean;
}

/** See {@linkcode DeadLetterCause}, by name; the first whose words the error has counts. */
export const causes = {
  unreadable: {
    words: null,
    title: "Nobody understands it",
    says:
      "The entry is no message of this workflow: another program wrote to the stream, or a newer version did.",
    check: "Who else may write to this Redis; its payload says what it was meant to be.",
    action: "discard",
    canSucceed: false,
  },
  unknown_type: {
    words: /^no handler takes messages of the type /,
    title: "No handler for its type",
    says: "The process that took it has no handler for this type of message.",
    check: "That all processes run the same version, and the newest.",
    action: "retry",
    canSucceed: true,
  },
  poison: {
    words: /^\d{1,16} consumers stopped while handling it, without an error$/,
    title: "It stopped its consumers",
    says: "Processes ended while they handled it, one after the other, and left no error behind.",
    check: "The logs and the memory of the processes at that time; then retry it alone.",
    action: "look",
    canSucceed: true,
  },
  vanished: {
    words: /^(order|refund|payment of order) \d{1,16} does not exist$/,
    title: "What it is about is gone",
    says:
      "There is no such order or refund in the database: it was restored from an older backup, or the row was deleted.",
    check:
      "Whether the database was restored; orders that it lost have to be sent again by the shop.",
    action: "discard",
    canSucceed: false,
  },
  wrong_amount: {
    words: /^the provider says that it took /,
    title: "Another amount than was counted",
    says: "The provider reports another amount for a payment that is counted already.",
    check: "The payment at the provider: what it really took, and give the difference back there.",
    action: "look",
    canSucceed: false,
  },
  taken_back: {
    words: /^the provider says that it declined /,
    title: "A counted payment was declined",
    says: "The provider says that it declined a payment by which the order is paid.",
    check:
      "The payment at the provider: if the money never came, refund or write off the order by hand.",
    action: "look",
    canSucceed: false,
  },
  paid_for_another: {
    words:
      /^the provider says that [^]{1,256} is the payment of order \d{1,16}, but it is that of order \d{1,16}$/,
    title: "One payment for two orders",
    says: "The provider names one payment for two orders, so one of them is not paid by it.",
    check: "At the provider, whose payment it is; charge the other order again or cancel it.",
    action: "look",
    canSucceed: false,
  },
  answer_of_another: {
    words: /^the answer to charge \S{1,128} is not about order /,
    title: "An answer to another charge",
    says: "The provider's answer names a charge that was never made for this order.",
    check:
      "Who sends to the callback, and whether two installations share one account at the provider.",
    action: "discard",
    canSucceed: false,
  },
  mixed_up: {
    words: /^the provider answered about (another order|a refund of)/,
    title: "The provider mixed something up",
    says:
      "The provider answered about something else than it was asked, and does so under the same key each time.",
    check: "Whether two installations use one account at the provider, and its records of the key.",
    action: "look",
    canSucceed: false,
  },
  payment_kept: {
    words: /^the provider keeps the payment/,
    title: "The provider refuses to give back",
    says: "Money has to go back to the customer, and the provider refuses to return it.",
    check: "At the provider why it refuses; give the money back there, then discard.",
    action: "look",
    canSucceed: true,
  },
  unknown_provider: {
    words:
      /^the money of order "[^]{1,512} which is not configured here: only it can give it back$/,
    title: "Its provider is not configured",
    says:
      "Only the provider that took the money can give it back, and this process does not know it.",
    check: "GATEWAY and the provider's settings; retry once they are there.",
    action: "retry",
    canSucceed: true,
  },
  provider_refuses: {
    words:
      /^the provider (refused to charge|answered \d{1,3} to a refund|does not tell of the (charge|refund))/,
    title: "The provider refuses",
    says:
      "The provider refused this request itself, with a status that is no decision about the money.",
    check: "The provider's status and its log of the request.",
    action: "retry",
    canSucceed: true,
  },
  provider_unclear: {
    words:
      /^the provider('s name for the charge| does not say| answered "| says that less than nothing)/,
    title: "The provider's answer is not clear",
    says: "The provider answered in a way that says nothing which could be counted on.",
    check:
      "Whether GATEWAY_URL is the right API and version; then retry, nothing is charged twice.",
    action: "retry",
    canSucceed: true,
  },
  no_answer: {
    words:
      /^the (payment )?provider (gave no answer|answered|is left alone|was not asked|refuses everything)/,
    title: "The provider gave no answer",
    says: "The provider could not be reached, or gave no answer in time, as often as is allowed.",
    check: "Whether the provider answers again; the same key is used, so nothing is charged twice.",
    action: "retry",
    canSucceed: true,
  },
  no_stock_held: {
    words: /^order \d{1,16} is to be charged but holds no stock$/,
    title: "Nothing is reserved for it",
    says: "A charge came for an order that holds no units, so it was not made.",
    check:
      "The order's timeline; its reservation is published anew by itself, and the charge with it.",
    action: "discard",
    canSucceed: true,
  },
  out_of_order: {
    words:
      /^(order|refund) \d{1,16} (was paid before it was reserved|is (\w{1,16}|not finished): nothing to tell yet|is paid at its source, and this is other money)$/,
    title: "It came too early",
    says: "It waited for another step of the order, which did not come in time.",
    check: "Where the order stands; retry it once that step is done.",
    action: "retry",
    canSucceed: true,
  },
  unexpected: {
    words: null,
    title: "An unexpected error",
    says: "Its handler failed as often as is allowed, with an error that nobody foresaw.",
    check: "The log of the consumers for this error; retry once its reason is gone.",
    action: "retry",
    canSucceed: true,
  },
} as const satisfies Record<
  string,
  Omit<DeadLetterCause, "name"> & { words: RegExp | null }
>;

/** What a cause is called. */
export type DeadLetterCauseName = keyof typeof causes;

/** All causes, for schemas. */
export const deadLetterCauseNames = Object.keys(causes) as [
  DeadLetterCauseName,
  ...DeadLetterCauseName[],
];

/** All actions, for schemas. */
export const deadLetterActions = [
  "retry",
  "discard",
  "look",
] as const satisfies readonly DeadLetterAction[];

/**
 * The cause of a dead letter.
 *
 * @param letter.payload the flat fields of its entry in JSON
 */
export function causeOf({ error, payload }: { error: string; payload: string }): DeadLetterCause {
  return causeNamed(nameOf(error, payload));
}

function nameOf(error: string, payload: string): DeadLetterCauseName {
  for (const name of deadLetterCauseNames) {
    if (causes[name].words?.test(error)) return name;
  }
  return isReadable(payload) ? "unexpected" : "unreadable";
}

function causeNamed(name: DeadLetterCauseName): DeadLetterCause {
  const { title, says, check, action, canSucceed } = causes[name];
  return { name, title, says, check, action, canSucceed };
}

function isReadable(payload: string): boolean {
  try {
    const fields: unknown = JSON.parse(payload);
    return Array.isArray(fields) && typeof messageOfEntry(fields.map(String)) !== "string";
  } catch {
    return false;
  }
}
