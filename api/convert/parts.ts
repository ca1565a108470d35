// Pieces that occur in several of upstream's documents.

import type { NamedValue, Quantity } from "../meta/index.ts";
import type {
  Constraints,
  ContainerParts,
  LogLevel,
  Requirements,
  Telemetry,
} from "../oaas/v1alpha1/index.ts";

import type { Field, Fields } from "./reader.ts";
import { LOG_LEVELS } from "./words.ts";

/** Non-negative 32-bit integers. */
export const INT32 = { min: 0, max: 2_147_483_647 } as const;
/** Non-negative integers that JavaScript holds exactly. */
export const INT64 = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
/** Ports. */
export const PORT = { min: 1, max: 65_535 } as const;

/** The same object without members that are undefined: absent and undefined differ here. */
export function present<T extends object>(object: {
  readonly [Key in keyof T]: T[Key] | undefined;
}): T {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as unknown as T;
}

/** The list, or undefined if it is empty. */
export function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** A name that must be a DNS label, because it is one here too; anything else is refused. */
export function dnsLabel(field: Field | undefined, what: string): string | undefined {
  const text = field?.text();
  if (field === undefined || text === undefined) return undefined;
  if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text) && text.length <= 63) return text;
  return field.refuse(
    `${JSON.stringify(text)} cannot be ${what} here: lower-case letters, digits and -, at most 63`,
  );
}

/** A map of strings as a list by name, in its order. */
export function namedValues(field: Field | undefined): readonly NamedValue[] | undefined {
  if (field === undefined) return undefined;
  return nonEmpty(
    field.entries().flatMap(([name, entry]) => {
      const value = entry.text();
      return value === undefined ? [] : [{ name, value }];
    }),
  );
}

/** CPU and memory under upstream's names. */
export function resources(names: {
  readonly requestCpu: Field | undefined;
  readonly requestMemory: Field | undefined;
  readonly limitCpu: Field | undefined;
  readonly limitMemory: Field | undefined;
}): ContainerParts["resources"] | undefined {
  const requests = quantities(names.requestCpu, names.requestMemory);
  const limits = quantities(names.limitCpu, names.limitMemory);
  if (requests === undefined && limits === undefined) return undefined;
  return present<NonNullable<ContainerParts["resources"]>>({ requests, limits });
}

function quantities(
  cpu: Field | undefined,
  memory: Field | undefined,
): { readonly [resource: string]: Quantity } | undefined {
  const found = Object.entries({ cpu: quantity(cpu), memory: quantity(memory) }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function quantity(field: Field | undefined): string | undefined {
  const text = field?.text();
  if (field === undefined || text === undefined || text === "") return undefined;
  if (/^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE])?$/.test(text)) return text;
  return field.refuse(`${JSON.stringify(text)} is not a quantity, such as 500m or 128Mi`);
}

/** Requirements of a function or deployment, in Java's and in oaas-rs' spelling. */
export function requirements(field: Field | undefined): Requirements | undefined {
  const fields = field?.fields();
  if (fields === undefined) return undefined;
  const percent = fields.get("availability_pct");
  const result = present<Requirements>({
    throughputRps: fields.get("min_throughput_rps", "throughput")?.integer(INT32),
    latencyMs: fields.get("max_latency_ms", "latency")?.integer(INT32),
    availability:
      percent === undefined ? fields.get("availability")?.ratio() : percentToRatio(percent),
  });
  fields.leave("consistency belongs to the class here", "consistency");
  const cpu = fields.get("cpu_utilization_target");
  cpu?.warn("left out: here it belongs to a function, scale.targetCpuUtilization");
  fields.done();
  return Object.keys(result).length === 0 ? undefined : result;
}

/** 99.95 as 0.9995, digit for digit. */
function percentToRatio(field: Field): string | undefined {
  const text = field.text();
  const match = /^([0-9]{1,2})(?:\.([0-9]{1,7}))?$/.exec(text ?? "");
  if (text !== undefined && /^100(\.0*)?$/.test(text)) return "1";
  if (match === null) return field.refuse(`${text ?? ""} is not a percentage from 0 to 100`);
  const digits = `${(match[1] ?? "").padStart(2, "0")}${match[2] ?? ""}`.replace(/0+$/, "");
  return digits === "" ? "0" : `0.${digits}`;
}

/** Constraints of a function or deployment. */
export function constraints(field: Field | undefined): Constraints | undefined {
  const fields = field?.fields();
  if (fields === undefined) return undefined;
  const result = present<Constraints>({
    hardLatencyMs: fields.get("hardLatency", "hard_latency")?.integer(INT32),
    maxConcurrency: fields.get("maxConcurrency", "max_concurrency")?.integer(INT32),
  });
  fields.done();
  return Object.keys(result).length === 0 ? undefined : result;
}

/** Telemetry of oaas-rs, and the level of its `log` filter. */
export function telemetry(field: Field | undefined, log: Field | undefined): Telemetry | undefined {
  const fields = field?.fields();
  const logLevel = logLevelOf(log);
  if (fields === undefined) return logLevel === undefined ? undefined : { logLevel };
  const result = present<Telemetry>({
    enabled: fields.get("enabled")?.boolean(),
    traces: fields.get("traces")?.boolean(),
    metrics: fields.get("metrics")?.boolean(),
    logs: fields.get("logs")?.boolean(),
    samplingRatio: fields.get("sampling_rate", "samplingRate")?.ratio(),
    serviceName: fields.get("service_name", "serviceName")?.text(),
    resourceAttributes: namedValues(fields.get("resource_attributes", "resourceAttributes")),
    logLevel,
  });
  fields.done();
  return Object.keys(result).length === 0 ? undefined : result;
}

/** The overall level of an env filter such as "debug,h2=info". */
function logLevelOf(field: Field | undefined): LogLevel | undefined {
  const text = field?.text();
  if (field === undefined || text === undefined || text === "") return undefined;
  const parts = text.split(",").map((part) => part.trim());
  const levels = parts.filter((part) => !part.includes("="));
  const level = levels.at(-1);
  if (parts.length > levels.length) field.warn("left out: levels of single modules");
  if (level === undefined) return undefined;
  const found = LOG_LEVELS[level.toUpperCase()];
  if (found === undefined) return field.refuse(`${JSON.stringify(level)} is not a level`);
  if (level.toUpperCase() === "TRACE") field.warn("trace becomes Debug, the finest level here");
  return found;
}

/** Fields that upstream's services write; they are observed here, not declared. */
export function leaveObserved(fields: Fields, ...names: readonly string[]): void {
  fields.leave("it is observed, not declared", ...names);
}
