// Probes. A probe of ours judges the process, never a quorum or a dependency: a restart heals
// neither. Every field is written, because the API server would fill it in and a field that we do
// not write is one that we do not guard.
import type { Probe } from "kubernetes-types/core/v1.js";

/** How to ask: an HTTP path, the gRPC health service, or whether the port accepts. */
export type ProbeTarget =
  | { readonly kind: "http"; readonly path: string; readonly port: number | string }
  | { readonly kind: "grpc"; readonly port: number; readonly service?: string | undefined }
  | { readonly kind: "tcp"; readonly port: number | string };

/** Pace of a probe; what is not said is Kubernetes' own default. */
export interface ProbePace {
  readonly initialDelaySeconds?: number | undefined;
  readonly periodSeconds?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly failureThreshold?: number | undefined;
}

/** A complete probe. */
export function probe(target: ProbeTarget, pace: ProbePace = {}): Probe {
  return {
    ...action(target),
    ...(pace.initialDelaySeconds === undefined
      ? {}
      : { initialDelaySeconds: pace.initialDelaySeconds }),
    failureThreshold: pace.failureThreshold ?? 3,
    periodSeconds: pace.periodSeconds ?? 10,
    successThreshold: 1,
    timeoutSeconds: pace.timeoutSeconds ?? 1,
  };
}

function action(target: ProbeTarget): Probe {
  switch (target.kind) {
    case "http":
      return { httpGet: { path: target.path, port: target.port, scheme: "HTTP" } };
    case "grpc":
      return { grpc: { port: target.port, service: target.service ?? "" } };
    case "tcp":
      return { tcpSocket: { port: target.port } };
  }
}
