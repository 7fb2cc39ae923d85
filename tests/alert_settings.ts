/**
 * Settings of looking for alerts, for tests.
 *
 * @module
 */

import type { AlertDeps } from "../streams/alerts/alerts.ts";

/** Nobody is told, nothing is sent, and payments are real. */
export const alertSettings: AlertDeps["config"] = {
  reservationTtlSeconds: 900,
  alertWebhookUrl: "",
  notifyWebhookUrl: "",
  gateway: "http",
  furtherGateways: [],
  stripeSecretKey: "",
  host: "127.0.0.1",
  reconciliationAlertHours: 48,
};
