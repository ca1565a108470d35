// Public face: pure builders of Kubernetes objects, shared by all kinds.
export { networkPolicy, service } from "./network.ts";
export type { NetworkPolicyInput, PeerInput, PortInput, ServiceInput } from "./network.ts";
export { container, mergeEnv, podTemplate, pullPolicyOf } from "./pods.ts";
export type { ContainerInput, PodInput } from "./pods.ts";
export {
  configMap,
  horizontalPodAutoscaler,
  podDisruptionBudget,
  serviceAccount,
} from "./policy.ts";
export type { AutoscalerInput, DisruptionInput } from "./policy.ts";
export { compareText, nonEmpty, nonEmptyMap, present } from "./present.ts";
export type { Present } from "./present.ts";
export { probe } from "./probes.ts";
export type { ProbePace, ProbeTarget } from "./probes.ts";
export {
  counted,
  invalid,
  KNATIVE_UNSUPPORTED,
  persistentMessage,
  refusalOf,
  unsupported,
  unsupportedFunctionValues,
  unsupportedKeyValues,
} from "./problems.ts";
export type { Problem } from "./problems.ts";
export { canonicalQuantity, parseQuantity, sumQuantities } from "./quantity.ts";
export type { ParsedQuantity } from "./quantity.ts";
export { metadataOf, sortObjects } from "./rendered.ts";
export type { MetadataInput, Rendered } from "./rendered.ts";
export { NONROOT_ID, restrictedContainerSecurity, restrictedPodSecurity } from "./security.ts";
export { spreadOverNodes } from "./spread.ts";
export type { SpreadInput } from "./spread.ts";
export { deployment, statefulSet } from "./workloads.ts";
export type { DeploymentInput, StatefulSetInput } from "./workloads.ts";
