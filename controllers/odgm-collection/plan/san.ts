// SPIFFE ids of the programs that talk to members: the only names by which peers are authorised.
import { OAAS_SYSTEM_NAMESPACE } from "#api/meta/index.ts";

/** URI SAN of a collection's members. */
export function collectionIdentity(
  clusterUid: string,
  key: { readonly namespace: string; readonly name: string },
): string {
  return `spiffe://${clusterUid}/ns/${key.namespace}/odgm/${key.name}`;
}

/** URI SAN of every gateway. */
export function gatewayIdentity(clusterUid: string, namespace = OAAS_SYSTEM_NAMESPACE): string {
  return `spiffe://${clusterUid}/ns/${namespace}/gateway`;
}

/** URI SAN of every replica of the oaas operator. */
export function operatorIdentity(clusterUid: string, namespace = OAAS_SYSTEM_NAMESPACE): string {
  return `spiffe://${clusterUid}/ns/${namespace}/operator`;
}
