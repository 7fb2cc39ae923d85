/**
 * What operators do, as the audit log keeps it: who, what, on what, when, from where, and what came of it.
 *
 * It holds no personal data and no secrets: of what somebody typed nothing but the name of a file, of customers nothing,
 * of orders the id that they have here.
 *
 * @module
 */

/** By which door somebody came in. */
export type OperatorDoor =
  /** A bearer token over HTTP. */
  | "token"
  /** A browser that is signed in. */
  | "session"
  /** HTTP where nobody is asked who they are, or where nobody could show it. */
  | "open"
  /** The command line. */
  | "command";

/** All doors, for schemas. */
export const operatorDoors = [
  "token",
  "session",
  "open",
  "command",
] as const satisfies readonly OperatorDoor[];

/** Whoever does something that is to stand in the audit log. */
export interface Operator {
  /** As timelines name them: `api:NAME`, `cli:USER@HOST`, `dashboard`. */
  actor: string;
  /** By which door they came. */
  via: OperatorDoor;
  /** Where the request came from, proxies that are trusted passed over; of a command the machine's name. */
  address: string | null;
}

/** Every action, and what it is called where somebody reads of it. */
export const auditActions = {
  "session.begin": "Sign in",
  "session.end": "Sign out",
  "order.edit": "Change orders",
  "order.cancel": "Cancel an order",
  "order.capture": "Take the money that is held for an order",
  "order.retry": "Take an order up again",
  "order.archive": "Archive orders",
  "order.restore": "Bring archived orders back",
  "payment.accept": "Accept a payment",
  "payment.give_back": "Give a payment back",
  "payment.dismiss": "Dismiss a payment",
  "payment.returned": "Say that a payment was returned by hand",
  "refund.request": "Request a refund",
  "refund.complete": "Say that a refund was given back by hand",
  "refund.refuse": "Refuse a refund by hand",
  "chargeback.acknowledge": "Say that a chargeback is known",
  "chargeback.decide": "Say how a chargeback ended",
  "given_twice.dismiss": "Dismiss money given back twice",
  "reconciliation.start": "Hold a provider's books against ours",
  "reconciliation.withdraw": "Take a provider's report back",
  "reconciliation.approve": "Approve the fees of a provider's report",
  "discrepancy.propose": "Propose how a discrepancy is mended",
  "discrepancy.approve": "Approve how a discrepancy is mended",
  "product.add": "Add a product",
  "stock.change": "Change the stock of a product",
  "stock.file": "Apply a file of stock",
  "import.start": "Start an import",
  "import.cancel": "Cancel an import",
  "dead_letter.retry": "Retry dead letters",
  "dead_letter.discard": "Discard dead letters",
  "group.pause": "Pause a group",
  "group.resume": "Resume a group",
  "notification.replay": "Send a notification again",
  "webhook.enable": "Switch the webhook on again",
  "webhook_endpoint.add": "Add a webhook endpoint",
  "webhook_endpoint.change": "Change a webhook endpoint",
  "webhook_endpoint.remove": "Remove a webhook endpoint",
  "webhook_endpoint.rotate": "Replace the secret of a webhook endpoint",
  "webhook_endpoint.test": "Send a test to a webhook endpoint",
  "webhook_endpoint.retry": "Post to a webhook endpoint again",
  "verification.run": "Verify now",
  "verification.repair": "Repair what differs",
  "loss.reconcile": "Say that a loss of the database is reconciled",
  "database.accept": "Say that another database counts",
  "seals.begin_anew": "Seal all anew",
  "customer.export": "Export a customer's data",
  "customer.erase": "Erase a customer's data",
  "kpis.rebuild": "Rebuild the KPIs",
  "work.recover": "Recover unfinished work",
} as const;

/** What was done. */
export type AuditAction = keyof typeof auditActions;

/** All actions, for schemas and filters. */
export const auditActionNames = Object.keys(auditActions) as [AuditAction, ...AuditAction[]];

/** What an action can be about; `all` is everything of its kind. */
export const auditSubjectKinds = [
  "order",
  "refund",
  "product",
  "stock_file",
  "discrepancy",
  "import",
  "dead_letter",
  "group",
  "notification",
  "channel",
  "webhook_endpoint",
  "session",
  "customer",
  "system",
] as const;

/** See {@linkcode auditSubjectKinds}. */
export type AuditSubjectKind = typeof auditSubjectKinds[number];

/** What an action was about. */
export interface AuditSubject {
  /** What kind of thing it is. */
  kind: AuditSubjectKind;
  /** An id of ours, a SKU, the name of a group or of a token; at most 64 characters. */
  id: string;
}

/** What came of an action. */
export type AuditOutcome =
  /** It happens outside the database and is about to: what came of it is an entry of its own, or nobody knows. */
  | "begun"
  /** It was done. */
  | "done"
  /** It was so before. */
  | "unchanged"
  /** It may not be done, or makes no sense; the detail is the error's code. */
  | "refused"
  /** An engine was away or something went wrong: it may or may not have been done. */
  | "failed";

/** All outcomes, for schemas. */
export const auditOutcomes = [
  "begun",
  "done",
  "unchanged",
  "refused",
  "failed",
] as const satisfies readonly AuditOutcome[];

/** One line of the audit log, before it is written. */
export interface AuditEntry {
  /** Who did it. */
  operator: Operator;
  /** What was done. */
  action: AuditAction;
  /** On what. */
  subject: AuditSubject;
  /** What came of it. */
  outcome: AuditOutcome;
  /** What there is to say besides, in our own words: an amount, a number; null for nothing. */
  detail: string | null;
}

/** Characters of a detail that are kept. */
export const maxAuditDetail = 255;

/**
 * What an action was about, as addresses and filters say it: `order:42`.
 *
 * @returns undefined for what names no subject
 */
export function parseAuditSubject(text: string): AuditSubject | undefined {
  const at = text.indexOf(":");
  const kind = auditSubjectKinds.find((kind) => kind === text.slice(0, at));
  const id = text.slice(at + 1);
  if (at < 1 || kind === undefined || id === "" || [...id].length > 64) return undefined;
  return { kind, id };
}

/** What {@linkcode parseAuditSubject} reads. */
export function auditSubjectText({ kind, id }: AuditSubject): string {
  return `${kind}:${id}`;
}
