// Public face: the module @dot-i/k8s-operator, default export included.
export { Operator, Operator as default } from "./operator.ts";
export type { OperatorOptions } from "./operator.ts";
export { ResourceEventType, ResourceMetaImpl } from "./resource.ts";
export type { OperatorLogger, ResourceEvent, ResourceMeta } from "./resource.ts";
