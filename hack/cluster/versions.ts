// Every version that the cluster harness builds or expects, in one place. A change here makes a new
// folder in the caches, so the old programs stay usable for a checkout of the older commit.

/** Kubernetes; the staging modules `k8s.io/X` follow as v0.MINOR.PATCH. */
export const KUBERNETES_VERSION = "v1.34.4";

/** etcd server; the 3.6 line is the first with everything "consistent list from cache" needs. */
export const ETCD_VERSION = "v3.6.16";

/** CoreDNS, built with only the plugins that a cluster's DNS uses. */
export const COREDNS_VERSION = "v1.14.7";

/** The node image of engine `kind`; same minor version as {@link KUBERNETES_VERSION}. */
export const KIND_NODE_IMAGE = "kindest/node:v1.34.3";

/** Oldest Go that compiles all of the above. */
export const GO_VERSION_MIN = "1.24.0";
