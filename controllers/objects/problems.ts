// Faults in what a user wrote, found all at once and told with their paths.

import type { FunctionSpec, KeySpec, ShardType } from "#api/oaas/v1alpha1/index.ts";
import { effectiveFunction } from "#api/oaas/v1alpha1/index.ts";
import { REASONS } from "#api/meta/index.ts";

/** A field at fault: its path in the user's document, and what is wrong in one sentence. */
export interface Problem {
  /** Invalid: contradicts itself or what it refers to. Unsupported: legal, not served yet. */
  readonly reason: typeof REASONS.Invalid | typeof REASONS.Unsupported;
  readonly path: string;
  readonly message: string;
}

/** An {@link REASONS.Invalid} problem. */
export function invalid(path: string, message: string): Problem {
  return { reason: REASONS.Invalid, path, message };
}

/** An {@link REASONS.Unsupported} problem. */
export function unsupported(path: string, message: string): Problem {
  return { reason: REASONS.Unsupported, path, message };
}

/** "1 replica", "2 replicas": for messages. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const TOLD_MAX = 20;

/**
 * One refusal out of all problems; undefined if there are none. Invalid wins over Unsupported: a
 * document that contradicts itself stays wrong when more is served. Nothing is left out silently.
 */
export function refusalOf(
  problems: readonly Problem[],
): { readonly reason: string; readonly message: string } | undefined {
  if (problems.length === 0) return undefined;
  const invalidOnes = problems.filter((problem) => problem.reason === REASONS.Invalid);
  const ordered = [...invalidOnes, ...problems.filter((p) => p.reason !== REASONS.Invalid)];
  const told = ordered.slice(0, TOLD_MAX).map((p) => `${p.path}: ${p.message}`);
  const rest = ordered.length - told.length;
  return {
    reason: invalidOnes.length > 0 ? REASONS.Invalid : REASONS.Unsupported,
    message: told.join("; ") + (rest > 0 ? `; and ${rest} more` : ""),
  };
}

/** Why Knative is refused. */
export const KNATIVE_UNSUPPORTED =
  "the template Knative is not served: it needs the API group serving.knative.dev";

/** Values of the function at `path` that are legal and not served yet. */
export function unsupportedFunctionValues(fn: FunctionSpec, path: string): readonly Problem[] {
  const found: Problem[] = [];
  const { type, state } = effectiveFunction(fn);
  if (type === "Builtin" || type === "Macro") {
    found.push(unsupported(`${path}.type`, `functions of type ${type} are not served yet`));
  }
  if (state === "Frozen") {
    found.push(unsupported(`${path}.state`, "Frozen is not served yet; use Enabled or Disabled"));
  }
  if (fn.scale?.min === 0) {
    found.push(unsupported(`${path}.scale.min`, "scaling to zero needs Knative; use at least 1"));
  }
  if (fn.provision?.deployment?.protocol === "Http") {
    const field = `${path}.provision.deployment.protocol`;
    found.push(unsupported(field, "protocol Http is not served yet; use Grpc"));
  }
  return found;
}

/** Entry types that replicas merge. */
const MERGING: ReadonlySet<string> = new Set(["Counter", "Map", "CrdtMap"]);

/**
 * Why `persistent: false` is refused; `owner` is what can never have it, empty if nothing here is.
 */
export function persistentMessage(owner: string): string {
  if (owner === "") return "false is not served yet; every write is durable";
  return `${owner} keeps term, vote and log on disk; leave it out or set true`;
}

/**
 * Entry types below `path` that are legal and not served: all but Bytes and, where `shardType` is
 * Mst or not known yet, those that merge.
 */
export function unsupportedKeyValues(
  keys: readonly KeySpec[],
  path: string,
  shardType: ShardType | undefined,
): readonly Problem[] {
  return keys.flatMap(({ type = "Bytes" }, index): readonly Problem[] => {
    if (type === "Bytes") return [];
    const field = `${path}.keys[${index}].type`;
    if (!MERGING.has(type)) {
      return [unsupported(field, `type ${type} is not checked yet; use Bytes`)];
    }
    if (shardType === undefined || shardType === "Mst") return [];
    return [unsupported(field, `type ${type} merges on Mst shards only; here use Bytes`)];
  });
}
