// Command lines and configuration files of the programs of a local cluster. Pure: the layout in,
// text out. Choices that are not obvious carry their reason.
import { stringify } from "yaml";
import { API_PORT } from "./layout.ts";
import type { ClusterLayout } from "./layout.ts";

/** How the control plane of a cluster is set up. */
export interface ControlPlaneOptions {
  /** Whether kube-controller-manager runs; without it nothing makes service accounts. */
  readonly controllerManager: boolean;
  /** Whether requests are logged at level Metadata. */
  readonly audit: boolean;
}

/** Names of certificate files without folder and ending. */
type Pki = (file: string) => string;

/** etcd on loopback. A throw-away cluster need not survive a power failure of the host. */
export function etcdArgs(layout: ClusterLayout): readonly string[] {
  const client = `http://${layout.loopbackAddress}:2379`;
  const peer = `http://${layout.loopbackAddress}:2380`;
  return [
    "--name=etcd",
    `--data-dir=${layout.folder}/etcd`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=etcd=${peer}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

/** The flags of kube-apiserver. */
export function apiserverArgs(
  layout: ClusterLayout,
  options: ControlPlaneOptions,
): readonly string[] {
  const pki: Pki = (file) => `${layout.pkiFolder}/${file}`;
  const nodes = layout.nodes.length > 0;
  return [
    `--etcd-servers=http://${layout.loopbackAddress}:2379`,
    `--bind-address=${nodes ? layout.bridgeAddress : layout.loopbackAddress}`,
    `--secure-port=${API_PORT}`,
    // Without nodes nobody asks for the endpoint, and a loopback address may not be one.
    `--advertise-address=${layout.bridgeAddress}`,
    `--endpoint-reconciler-type=${nodes ? "lease" : "none"}`,
    `--service-cluster-ip-range=${layout.serviceCidr}`,
    `--client-ca-file=${pki("ca.crt")}`,
    `--tls-cert-file=${pki("apiserver.crt")}`,
    `--tls-private-key-file=${pki("apiserver.key")}`,
    `--kubelet-client-certificate=${pki("apiserver-kubelet-client.crt")}`,
    `--kubelet-client-key=${pki("apiserver-kubelet-client.key")}`,
    // Otherwise logs and exec look node names up in the host's DNS.
    "--kubelet-preferred-address-types=InternalIP",
    `--service-account-key-file=${pki("sa.pub")}`,
    `--service-account-signing-key-file=${pki("sa.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--requestheader-client-ca-file=${pki("ca.crt")}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${pki("front-proxy-client.crt")}`,
    `--proxy-client-key-file=${pki("front-proxy-client.key")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    ...(options.controllerManager ? [] : ["--disable-admission-plugins=ServiceAccount"]),
    "--allow-privileged=true",
    "--profiling=false",
    ...(options.audit
      ? [
          `--audit-policy-file=${layout.folder}/audit-policy.yaml`,
          `--audit-log-path=${layout.auditLogPath}`,
          "--audit-log-maxsize=500",
          "--audit-log-maxbackup=1",
        ]
      : []),
  ];
}

/** One line per finished request or watch, without bodies. */
export function auditPolicy(): string {
  return stringify({
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata" }],
  });
}

/** The flags of kube-controller-manager. */
export function controllerManagerArgs(layout: ClusterLayout): readonly string[] {
  const pki: Pki = (file) => `${layout.pkiFolder}/${file}`;
  return [
    `--kubeconfig=${pki("controller-manager.kubeconfig")}`,
    `--authentication-kubeconfig=${pki("controller-manager.kubeconfig")}`,
    `--authorization-kubeconfig=${pki("controller-manager.kubeconfig")}`,
    `--bind-address=${layout.loopbackAddress}`,
    `--service-account-private-key-file=${pki("sa.key")}`,
    `--root-ca-file=${pki("ca.crt")}`,
    `--cluster-signing-cert-file=${pki("ca.crt")}`,
    `--cluster-signing-key-file=${pki("ca.key")}`,
    "--use-service-account-credentials=true",
    "--leader-elect=false",
    // Tests that stop a node should not wait out the default of 50 s; kubelets renew every 2.5 s.
    "--node-monitor-period=2s",
    "--node-monitor-grace-period=16s",
    "--kube-api-qps=200",
    "--kube-api-burst=400",
    // The interval of retries on PVs; the default of 15 s would decide how fast a disk is
    // re-offered.
    "--pvclaimbinder-sync-period=5s",
  ];
}

/** The flags of kube-scheduler. */
export function schedulerArgs(layout: ClusterLayout): readonly string[] {
  const kubeconfig = `${layout.pkiFolder}/scheduler.kubeconfig`;
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    `--bind-address=${layout.loopbackAddress}`,
    "--leader-elect=false",
  ];
}

/** A kubeconfig with one context; certificates are embedded so that the file can be moved. */
export function kubeconfig(options: {
  readonly name: string;
  readonly server: string;
  readonly user: string;
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const { name, user } = options;
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [
      {
        name,
        cluster: {
          server: options.server,
          "certificate-authority-data": base64(options.caPem),
        },
      },
    ],
    users: [
      {
        name: user,
        user: {
          "client-certificate-data": base64(options.certPem),
          "client-key-data": base64(options.keyPem),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user } }],
  });
}
