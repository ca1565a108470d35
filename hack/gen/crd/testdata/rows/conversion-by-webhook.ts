/**
 * A kind in v1beta1.
 *
 * @crd {group: "rows.example.com", kind: "ConversionByWebhook", version: "v1beta1", plural: "conversionbywebhooks", singular: "conversionbywebhook", scope: "Namespaced", storage: false, conversion: "Webhook"}
 */
export interface ConversionByWebhookV1beta1 {
  readonly spec: ConversionByWebhookV1beta1Spec;
}

/** What it is. */
export interface ConversionByWebhookV1beta1Spec {
  readonly a?: "A" | "B";
}

/**
 * A kind in v1.
 *
 * @crd {group: "rows.example.com", kind: "ConversionByWebhook", version: "v1", plural: "conversionbywebhooks", singular: "conversionbywebhook", scope: "Namespaced"}
 */
export interface ConversionByWebhookV1 {
  readonly spec: ConversionByWebhookV1Spec;
}

/** What it is. */
export interface ConversionByWebhookV1Spec {
  readonly a?: "A" | "B";
}
