// Public face of the kinds of oaas.io/v1alpha1: types, identities, and what unset fields mean.
export type * from "./class-runtime.ts";
export type * from "./class-spec.ts";
export type * from "./collection-spec.ts";
export type * from "./environment.ts";
export type * from "./function-spec.ts";
export type * from "./odgm-collection.ts";
export type * from "./opackage.ts";
export type * from "./pod-parts.ts";
export type * from "./requirements.ts";
export * from "./class-runtime.funcs.ts";
export * from "./class-spec.funcs.ts";
export * from "./collection-spec.funcs.ts";
export * from "./environment.funcs.ts";
export * from "./function-spec.funcs.ts";
export * from "./odgm-collection.funcs.ts";
export * from "./opackage.funcs.ts";
export * from "./requirements.funcs.ts";
