// All reads of one pass over an Environment, from caches only.

import type { Node } from "kubernetes-types/core/v1.js";

import type { ClassRuntime, Environment } from "#api/oaas/v1alpha1/index.ts";
import {
  CLASS_RUNTIME,
  DEFAULT_ENVIRONMENT,
  effectiveEnvironment,
  ENVIRONMENT,
} from "#api/oaas/v1alpha1/index.ts";
import type { Live, ObjectKey, Reader } from "#controllers/runtime/index.ts";
import { defineKind, KINDS } from "#controllers/runtime/index.ts";

import type { ObservedEnvironment } from "./plan.ts";

/** Environments. */
export const ENVIRONMENTS = defineKind<Environment>(ENVIRONMENT);
/** ClassRuntimes. */
export const RUNTIMES = defineKind<ClassRuntime>(CLASS_RUNTIME);

/** Reads an environment, its nodes and what is placed there; undefined if it is gone. */
export function observe(key: ObjectKey, reader: Reader): ObservedEnvironment | undefined {
  const environment = reader.get(ENVIRONMENTS, key);
  if (environment === undefined) return undefined;
  const { nodeSelector } = effectiveEnvironment(environment.spec);
  return {
    environment,
    nodes: reader.list(KINDS.Node, { labels: nodeSelector }),
    runtimes: reader
      .list(RUNTIMES)
      .filter((r) => (r.spec.environment ?? DEFAULT_ENVIRONMENT) === key.name).length,
  };
}

/** A node concerns every environment: its labels may have changed. */
export function allEnvironments(_changed: Live<Node>, reader: Reader): readonly ObjectKey[] {
  return reader.list(ENVIRONMENTS).map(({ metadata }) => ({ namespace: "", name: metadata.name }));
}

/** The environment in which a runtime is placed. */
export function environmentOf(runtime: Live<ClassRuntime>): readonly ObjectKey[] {
  return [{ namespace: "", name: runtime.spec.environment ?? DEFAULT_ENVIRONMENT }];
}
