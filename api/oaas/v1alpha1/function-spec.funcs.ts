// What unset fields of a function mean, and how references to classes and functions are read.

import type { ContainerParts, FunctionProtocol } from "./pod-parts.ts";
import type { FunctionSpec, FunctionState, FunctionType } from "./function-spec.ts";

/** Port of a function that names none. */
export const DEFAULT_FUNCTION_PORT = 8080;
/** Time for one call of a function that names none. */
export const DEFAULT_FUNCTION_TIMEOUT_MS = 30_000;

/** A function with its defaults filled in. Numbers of pods depend on the template, not on this. */
export interface EffectiveFunction {
  readonly type: FunctionType;
  readonly immutable: boolean;
  readonly timeoutMs: number;
  readonly asyncResultTtlSeconds: number;
  readonly state: FunctionState;
}

/** `spec` with its defaults. */
export function effectiveFunction(spec: FunctionSpec): EffectiveFunction {
  return {
    type: spec.type ?? "Task",
    immutable: spec.immutable ?? false,
    timeoutMs: spec.timeoutMs ?? DEFAULT_FUNCTION_TIMEOUT_MS,
    asyncResultTtlSeconds: spec.asyncResultTtlSeconds ?? 3600,
    state: spec.state ?? "Enabled",
  };
}

/** Port of a function's container. */
export function effectivePort(parts: ContainerParts): number {
  return parts.port ?? DEFAULT_FUNCTION_PORT;
}

/** What a function's container speaks. */
export function effectiveProtocol(parts: ContainerParts): FunctionProtocol {
  return parts.protocol ?? "Grpc";
}

/** A reference to something of a package. */
export interface PackageMember {
  readonly package: string;
  readonly name: string;
}

/** Wire id of a class: "<package>.<Class>". */
export function wireClassId(member: PackageMember): string {
  return `${member.package}.${member.name}`;
}

/** "Class" or "package.Class", seen from `ownPackage`: the last dot separates. */
export function parseClassRef(ref: string, ownPackage: string): PackageMember {
  const dot = ref.lastIndexOf(".");
  if (dot < 0) return { package: ownPackage, name: ref };
  return { package: ref.slice(0, dot), name: ref.slice(dot + 1) };
}

/** "function" or "package/function", seen from `ownPackage`; function names may contain dots. */
export function parseFunctionRef(ref: string, ownPackage: string): PackageMember {
  const slash = ref.indexOf("/");
  if (slash < 0) return { package: ownPackage, name: ref };
  return { package: ref.slice(0, slash), name: ref.slice(slash + 1) };
}
