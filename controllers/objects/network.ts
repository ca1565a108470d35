// Services and NetworkPolicies.
import type { Service, ServicePort } from "kubernetes-types/core/v1.js";
import type {
  NetworkPolicy,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
} from "kubernetes-types/networking/v1.js";

import { compareText, nonEmptyMap, present } from "./present.ts";
import { metadataOf } from "./rendered.ts";
import type { MetadataInput, Rendered } from "./rendered.ts";

/** One port of a Service, always TCP and always named. */
export interface PortInput {
  readonly name: string;
  readonly port: number;
  /** Number or name of the container's port; default `port`. */
  readonly targetPort?: number | string | undefined;
  readonly appProtocol?: string | undefined;
}

/** Input of {@link service}. */
export interface ServiceInput extends MetadataInput {
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly PortInput[];
  /** Headless: DNS answers with the pods' addresses. */
  readonly headless?: boolean | undefined;
  /** DNS names pods that are not ready too (peers must find each other to become ready). */
  readonly publishNotReadyAddresses?: boolean | undefined;
}

/** A ClusterIP Service. */
export function service(input: ServiceInput): Rendered<Service> {
  const ports: ServicePort[] = input.ports
    .toSorted((a, b) => compareText(a.name, b.name))
    .map((port) =>
      present({
        appProtocol: port.appProtocol,
        name: port.name,
        port: port.port,
        protocol: "TCP",
        targetPort: port.targetPort ?? port.port,
      }),
    );
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(input),
    spec: present({
      clusterIP: input.headless === true ? "None" : undefined,
      ports,
      publishNotReadyAddresses: input.publishNotReadyAddresses === true ? true : undefined,
      selector: nonEmptyMap(input.selector) ?? {},
      type: "ClusterIP",
    }),
  };
}

/** Who may connect: pods of these labels in the policy's own namespace, or in the named one. */
export interface PeerInput {
  readonly podLabels: Readonly<Record<string, string>>;
  readonly namespace?: string | undefined;
}

/** Input of {@link networkPolicy}: everything that is not listed is refused at ingress. */
export interface NetworkPolicyInput extends MetadataInput {
  readonly podSelector: Readonly<Record<string, string>>;
  readonly ingress: readonly {
    /** Empty: from anywhere. */
    readonly from: readonly PeerInput[];
    readonly ports: readonly (number | string)[];
  }[];
}

/** An ingress-only NetworkPolicy; egress stays open, because functions call what they like. */
export function networkPolicy(input: NetworkPolicyInput): Rendered<NetworkPolicy> {
  const ingress = input.ingress.map((rule): NetworkPolicyIngressRule => {
    const ports = rule.ports.map((port) => ({ port, protocol: "TCP" }));
    return rule.from.length === 0 ? { ports } : { from: rule.from.map(peer), ports };
  });
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadataOf(input),
    spec: {
      ingress,
      podSelector: { matchLabels: nonEmptyMap(input.podSelector) ?? {} },
      policyTypes: ["Ingress"],
    },
  };
}

function peer(input: PeerInput): NetworkPolicyPeer {
  return present({
    namespaceSelector:
      input.namespace === undefined
        ? undefined
        : { matchLabels: { "kubernetes.io/metadata.name": input.namespace } },
    podSelector: { matchLabels: nonEmptyMap(input.podLabels) ?? {} },
  });
}
