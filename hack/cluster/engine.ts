// The one interface behind which a cluster is a cluster, whatever made it.
import type { CommandResult } from "./run.ts";

/** What can make a cluster. `local` needs Linux, root and Go; `kind` needs Docker. */
export type EngineName = "local" | "kind" | "kubeconfig";

/** What to bring up. */
export interface ClusterSpec {
  /** 1 to 20 of a-z, 0-9, "-". Two names never collide. */
  readonly name: string;
  /** Worker nodes; 2 by default. */
  readonly nodes?: number;
  /** Only etcd and the API server, no nodes, no root needed; up in a few seconds. */
  readonly controlPlaneOnly?: boolean;
  /** With `controlPlaneOnly`: also kube-controller-manager (garbage collection, namespaces). */
  readonly controllerManager?: boolean;
  /** Take nothing over: a cluster of that name that is up is removed first. */
  readonly fresh?: boolean;
  /** Audit log of level Metadata; on by default. Engine `local` only. */
  readonly audit?: boolean;
  /** Disks that every node offers. Engine `local` and `kind`. */
  readonly disks?: DiskSpec;
  /** Engine `kubeconfig`: which context of the user's kubeconfig. Required there. */
  readonly context?: string;
  /** Engine `kubeconfig`: registry and path prefix that nodes can pull from. */
  readonly registry?: string;
}

/** Size-limited file systems per node; a full one never harms the host. */
export interface DiskSpec {
  /** Local PVs per node; 8 by default. */
  readonly volumes?: number;
  /** Size of each PV in MiB; 256 by default. */
  readonly volumeMib?: number;
  /** Folders for OstTarget per node, `/var/lib/rawstor/disks/disk-1` and so on; 2 by default. */
  readonly raw?: number;
  /** Size of each of them in MiB; 512 by default. */
  readonly rawMib?: number;
}

/** What can be done to one node. All of it is idempotent and returns when it is done. */
export interface NodeControl {
  readonly name: string;
  /** Power off: kubelet, containerd, all pods and mounts gone, link down. */
  stop(): Promise<void>;
  /** Power on again with the same disks; returns when the node is Ready. */
  start(): Promise<void>;
  /** Pull the network cable; everything on the node goes on. */
  cut(): Promise<void>;
  /** Plug it in again; returns when the node is Ready. */
  heal(): Promise<void>;
  /** Runs a program on the node, in its namespaces, as root. Never rejects for an exit code. */
  exec(argv: readonly string[], options?: { readonly input?: string }): Promise<CommandResult>;
}

/** What `npm run cluster -- node VERB NODE` accepts. */
export const NODE_VERBS = ["stop", "start", "cut", "heal", "exec"] as const;

/** Whether a word is one of {@link NODE_VERBS}. */
export function isNodeVerb(word: string): word is (typeof NODE_VERBS)[number] {
  return NODE_VERBS.some((verb) => verb === word);
}

/** State of one part of a cluster, for `status`. */
export interface PartStatus {
  readonly part: string;
  readonly state: "running" | "stopped" | "cut" | "dead" | "ready" | "not ready";
  readonly detail: string;
}

/** How to call kubectl. */
export interface KubectlOptions {
  /** Becomes stdin, for `apply -f -`. */
  readonly input?: string;
  /** `false`: a failing command is a result, not an error. */
  readonly check?: boolean;
  /** Killed after this long. */
  readonly timeoutMs?: number;
}

/** A cluster that is up. */
export interface Cluster {
  readonly name: string;
  readonly engine: EngineName;
  readonly kubeconfigPath: string;
  /** JSON lines of audit.k8s.io/v1 Events, if there is an audit log. */
  readonly auditLogPath?: string;
  /** What stands in for the repository prefix `oaas-operator.local` in image names, if anything. */
  readonly imageRegistry?: string;
  /** Names of the nodes that `node` accepts. */
  readonly nodes: readonly string[];
  /**
   * Runs kubectl against this cluster. Throws {@link ClusterError} with its last words on failure.
   */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<CommandResult>;
  /** Program and leading arguments of this cluster's kubectl; it needs KUBECONFIG. */
  readonly kubectlCommand: readonly string[];
  /** kubectl on the terminal of this process; the exit code. */
  kubectlInteractive(args: readonly string[]): Promise<number>;
  /**
   * Makes the images of docker archives (files) usable on every running node. Cheap when repeated;
   * an archive that is named twice is loaded once.
   */
  loadImages(archives: readonly string[]): Promise<void>;
  node(name: string): NodeControl;
  /** Writes everything that explains a failure into a folder: objects, events, logs. */
  logs(folder: string): Promise<void>;
  /** Removes everything that `up` made and nothing else. */
  down(): Promise<void>;
}

/** A way to make clusters. */
export interface ClusterEngine {
  readonly name: EngineName;
  /** Brings the cluster up or finds it up. Leftovers of a killed one are cleared first. */
  up(spec: ClusterSpec): Promise<Cluster>;
  /** Attaches to a cluster that is up; nothing if there is none of that name. */
  find(spec: ClusterSpec): Promise<Cluster | undefined>;
  /** Removes whatever is there under that name; fine if nothing is. */
  down(spec: ClusterSpec): Promise<void>;
  status(spec: ClusterSpec): Promise<readonly PartStatus[]>;
}
