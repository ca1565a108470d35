// Where an API server is and how to authenticate there, as plain data. Three origins: a pod's
// service account (files that the kubelet rotates), a kubeconfig file, and inline data from a
// Secret.

/** How to reach a cluster. */
export type ClusterConfig = InClusterConfig | KubeconfigFile | InlineConfig;

/** In a pod. Token and CA are read again when the files change. */
export interface InClusterConfig {
  readonly kind: "in-cluster";
  /** `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`. */
  readonly host: string;
  readonly port: number;
  readonly tokenFile: string;
  readonly caFile: string;
}

/** A kubeconfig: certificates, tokens, exec plugins, and what else client-node understands. */
export interface KubeconfigFile {
  readonly kind: "kubeconfig";
  readonly path: string;
  /** The file's current context if not given. */
  readonly context?: string;
}

/** Credentials in hand; nothing is read from disk and nothing is executed. */
export interface InlineConfig {
  readonly kind: "inline";
  /** `https://host:port`, optionally with a path prefix. */
  readonly server: string;
  /** PEM. The system's roots if not given. */
  readonly ca?: string;
  readonly token?: string;
  /** PEM. */
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly tlsServerName?: string;
}

/** Where the kubelet puts a pod's credentials. */
export const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";
