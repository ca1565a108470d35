// Public face of the kinds of rawstor.io/v1alpha1: types, identities, and what unset fields mean.
export type * from "./ost-target.ts";
export type * from "./policy.ts";
export type * from "./rawstor-volume.ts";
export * from "./ost-target.funcs.ts";
export * from "./rawstor-volume.funcs.ts";
