// Names of what an OdgmCollection consists of, for everybody who must find it: its controller, the
// ClassRuntime that points functions at its Service, the gateway's routes.
import { childName } from "../meta/index.ts";
import { ODGM_PORTS } from "./odgm.ts";

/** Names of the children of one OdgmCollection, all in its namespace. */
export interface CollectionNames {
  /** ClusterIP Service in front of all members. */
  readonly service: string;
  /** Headless Service that gives every member a DNS name. */
  readonly peers: string;
  readonly statefulSet: string;
  /** ServiceAccount of the members, without a token. */
  readonly serviceAccount: string;
  readonly disruptionBudget: string;
  /** Secret with the members' certificate. */
  readonly tlsSecret: string;
  /** ConfigMap with identity and incarnations; outlives the collection under Retain. */
  readonly identity: string;
}

/** Names of the children of OdgmCollection `name`. */
export function collectionNames(namespace: string, name: string): CollectionNames {
  const child = (childKind: string, childKey: string): string =>
    childName({ childKind, namespace, parentKind: "OdgmCollection", parentName: name, childKey });
  return {
    service: child("Service", ""),
    peers: child("Service", "peers"),
    statefulSet: child("StatefulSet", ""),
    serviceAccount: child("ServiceAccount", ""),
    disruptionBudget: child("PodDisruptionBudget", ""),
    tlsSecret: `${name}-tls`,
    identity: `${name}-identity`,
  };
}

/** Addresses of the member with this ordinal inside the cluster. */
export function memberAddresses(
  namespace: string,
  name: string,
  ordinal: number,
): { readonly link: string; readonly data: string } {
  const names = collectionNames(namespace, name);
  const host = `${names.statefulSet}-${ordinal}.${names.peers}.${namespace}.svc`;
  return { link: `${host}:${ODGM_PORTS.link}`, data: `http://${host}:${ODGM_PORTS.grpc}` };
}

/** host:port of the plaintext data service for functions: value of ODGM_SERVICE. */
export function dataServiceAddress(namespace: string, name: string): string {
  return `${collectionNames(namespace, name).service}.${namespace}.svc:${ODGM_PORTS.grpc}`;
}
