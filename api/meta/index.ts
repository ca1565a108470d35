// Public face of what all kinds share: condition types and reasons, names, child names, and
// Kubernetes' own vocabulary.
export * as conditions from "./conditions.ts";
export {
  childName,
  LABEL_VALUE_MAX,
  labelValue,
  NAME_MAX,
  STATEFUL_SET_NAME_MAX,
} from "./child-name.ts";
export type { ChildIdentity } from "./child-name.ts";
export { apiVersionOf } from "./kube-types.ts";
export type {
  Condition,
  ConditionStatus,
  DecimalString,
  DnsLabel,
  DnsName,
  Int32,
  Int64,
  KindId,
  KubeResource,
  LabelSelector,
  LabelSelectorRequirement,
  LabelValue,
  LocalObjectReference,
  NamedValue,
  Quantity,
  Ratio,
  ResourceRequirements,
  StatusBase,
  Time,
} from "./kube-types.ts";
export {
  ANNOTATIONS,
  FIELD_MANAGERS,
  FINALIZERS,
  LABELS,
  MANAGED_BY,
  OAAS_GROUP,
  OAAS_SYSTEM_NAMESPACE,
  ownerUidLabel,
  RAWSTOR_GROUP,
  RAWSTOR_SYSTEM_NAMESPACE,
} from "./names.ts";
export { REASONS } from "./reasons.ts";
export type { Reason } from "./reasons.ts";
export { sha256, sha256Hex } from "./sha256.ts";
