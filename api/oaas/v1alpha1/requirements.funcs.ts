// What unset fields of enforcement and telemetry mean.

import type { Ratio } from "../../meta/index.ts";

import type {
  DeletionPolicy,
  Enforcement,
  EnforcementDimension,
  EnforcementMode,
  LogLevel,
  Telemetry,
} from "./requirements.ts";

/** What becomes of data where nothing is said: it stays. */
export const DEFAULT_DELETION_POLICY: DeletionPolicy = "Retain";

/** Enforcement with its defaults filled in. */
export interface EffectiveEnforcement {
  readonly mode: EnforcementMode;
  readonly dimensions: readonly EnforcementDimension[];
  readonly stabilitySeconds: number;
  readonly cooldownSeconds: number;
  readonly maxDeltaPercent: number;
}

/** `spec` with its defaults. */
export function effectiveEnforcement(spec: Enforcement | undefined): EffectiveEnforcement {
  return {
    mode: spec?.mode ?? "Observe",
    dimensions: spec?.dimensions ?? ["FunctionReplicas"],
    stabilitySeconds: spec?.stabilitySeconds ?? 180,
    cooldownSeconds: spec?.cooldownSeconds ?? 120,
    maxDeltaPercent: spec?.maxDeltaPercent ?? 30,
  };
}

/** Telemetry with its defaults filled in. */
export interface EffectiveTelemetry {
  readonly enabled: boolean;
  readonly traces: boolean;
  readonly metrics: boolean;
  readonly logs: boolean;
  readonly samplingRatio: Ratio;
  /** Undefined: class and function. */
  readonly serviceName: string | undefined;
  readonly logLevel: LogLevel;
}

/** `spec` with its defaults; `enabledByDefault` is the operator's flag. */
export function effectiveTelemetry(
  spec: Telemetry | undefined,
  enabledByDefault: boolean,
): EffectiveTelemetry {
  return {
    enabled: spec?.enabled ?? enabledByDefault,
    traces: spec?.traces ?? true,
    metrics: spec?.metrics ?? true,
    logs: spec?.logs ?? false,
    samplingRatio: spec?.samplingRatio ?? "0.1",
    serviceName: spec?.serviceName,
    logLevel: spec?.logLevel ?? "Info",
  };
}
