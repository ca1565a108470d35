// What a manifest of ours must have that kubectl does not ask for: those rules of kube-linter and
// polaris that matter here, over plain objects.
// Source: kubernetes Pod Security Standards (restricted); design 1, "Security from the first day".

/** A manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [key: string]: unknown;
}

/** Everything that is wrong with a set of manifests, as `Kind name: problem`. */
export function configProblems(manifests: readonly Manifest[]): readonly string[] {
  return manifests.flatMap((manifest) => {
    const problems = [
      ...versionProblems(manifest),
      ...workloadProblems(manifest),
      ...roleProblems(manifest),
      ...bindingProblems(manifest),
      ...selectorProblems(manifest, manifests),
    ];
    return problems.map((problem) => `${manifest.kind} ${manifest.metadata.name}: ${problem}`);
  });
}

/** Groups that Kubernetes serves in a stable version only. */
const STABLE = new Set([
  "apps",
  "autoscaling",
  "batch",
  "coordination.k8s.io",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
]);

function versionProblems({ apiVersion }: Manifest): readonly string[] {
  const [group = "", version = ""] = apiVersion.split("/");
  const isOld = STABLE.has(group) && !/^v[12]$/.test(version);
  return isOld ? [`${apiVersion} is not served any more`] : [];
}

const WORKLOADS = new Set(["DaemonSet", "Deployment", "Job", "StatefulSet"]);

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly securityContext?: Security;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly affinity?: object;
  readonly topologySpreadConstraints?: readonly object[];
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: object }[];
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly securityContext?: Security;
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly livenessProbe?: object;
  readonly readinessProbe?: object;
}

interface Security {
  readonly runAsNonRoot?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  readonly seccompProfile?: { readonly type?: string };
}

interface Workload {
  readonly replicas?: number;
  readonly template?: {
    readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
    readonly spec?: PodSpec;
  };
}

function workloadOf(manifest: Manifest): Workload | undefined {
  return WORKLOADS.has(manifest.kind) ? (manifest["spec"] as Workload) : undefined;
}

function workloadProblems(manifest: Manifest): readonly string[] {
  const workload = workloadOf(manifest);
  const pod = workload?.template?.spec;
  if (workload === undefined) return [];
  if (pod === undefined) return ["has no pod"];
  const several = (workload.replicas ?? 1) > 1;
  const spread = pod.affinity !== undefined || pod.topologySpreadConstraints !== undefined;
  const account = pod.serviceAccountName ?? "default";
  return [
    ...(pod.hostNetwork === true || pod.hostPID === true || pod.hostIPC === true
      ? ["shares a namespace of the host"]
      : []),
    ...(pod.volumes ?? [])
      .filter((volume) => volume.hostPath !== undefined)
      .map((volume) => `volume ${volume.name} is a path of the host`),
    ...(account === "default" ? ["runs as the default service account"] : []),
    ...(several && !spread ? ["several replicas and no rule that spreads them"] : []),
    ...[...(pod.initContainers ?? []), ...(pod.containers ?? [])].flatMap((container) =>
      containerProblems(container, pod.securityContext ?? {}).map(
        (problem) => `container ${container.name}: ${problem}`,
      ),
    ),
    ...(pod.containers ?? []).flatMap(({ name, livenessProbe, readinessProbe }) =>
      livenessProbe === undefined || readinessProbe === undefined
        ? [`container ${name}: has no liveness or readiness probe`]
        : [],
    ),
  ];
}

function containerProblems(container: Container, pod: Security): readonly string[] {
  const own = container.securityContext ?? {};
  const { requests = {}, limits = {} } = container.resources ?? {};
  const [, tag] = /:([^:/@]+)(?:@.*)?$/.exec(container.image ?? "") ?? [];
  const must: readonly (readonly [boolean, string])[] = [
    [(own.runAsNonRoot ?? pod.runAsNonRoot) === true, "may run as root"],
    [own.readOnlyRootFilesystem === true, "may write to its root file system"],
    [own.allowPrivilegeEscalation === false, "may gain privileges"],
    [own.privileged !== true, "is privileged"],
    [own.capabilities?.drop?.includes("ALL") === true, "keeps capabilities"],
    [(own.capabilities?.add ?? []).length === 0, "adds capabilities"],
    [
      (own.seccompProfile ?? pod.seccompProfile)?.type === "RuntimeDefault",
      "has no seccomp profile",
    ],
    [requests["cpu"] !== undefined, "requests no cpu"],
    [requests["memory"] !== undefined, "requests no memory"],
    [limits["memory"] !== undefined, "has no limit of memory"],
    [tag !== undefined && tag !== "latest", "has an image without a tag of its own"],
  ];
  return must.filter(([holds]) => !holds).map(([, problem]) => problem);
}

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resourceNames?: readonly string[];
}

function roleProblems(manifest: Manifest): readonly string[] {
  if (manifest.kind !== "Role" && manifest.kind !== "ClusterRole") return [];
  return ((manifest["rules"] ?? []) as readonly Rule[]).flatMap((rule) => {
    const { apiGroups = [], resources = [], verbs = [] } = rule;
    const has = (verb: string): boolean => verbs.includes(verb);
    const on = (resource: string): boolean => resources.includes(resource);
    const of = resources.join(", ");
    return [
      ...([...apiGroups, ...resources, ...verbs].some((word) => word.includes("*"))
        ? [`a wildcard on ${of}`]
        : []),
      ...(on("secrets") && (has("get") || has("update") || has("delete"))
        ? ["reads or changes Secrets by name"]
        : []),
      ...(["bind", "escalate", "impersonate"].some(has)
        ? [`could raise its own rights by ${of}`]
        : []),
      ...(["pods/exec", "pods/attach", "pods/portforward", "nodes/proxy"].some(on)
        ? [`reaches into running pods by ${of}`]
        : []),
      ...(on("pods") && has("create") ? ["makes pods without a workload"] : []),
    ];
  });
}

function bindingProblems(manifest: Manifest): readonly string[] {
  if (!manifest.kind.endsWith("Binding")) return [];
  const { name } = manifest["roleRef"] as { readonly name: string };
  const subjects = (manifest["subjects"] ?? []) as readonly {
    readonly kind: string;
    readonly name: string;
  }[];
  const wide = subjects.filter(
    (subject) => subject.kind === "Group" && /^system:(un)?authenticated$/.test(subject.name),
  );
  return [
    ...(["admin", "cluster-admin", "edit"].includes(name) ? [`grants the role ${name}`] : []),
    ...wide.map((subject) => `grants rights to ${subject.name}`),
  ];
}

/** Services and disruption budgets must meet a workload; several replicas must have a budget. */
function selectorProblems(manifest: Manifest, manifests: readonly Manifest[]): readonly string[] {
  const podsOf = (workload: Manifest): Readonly<Record<string, string>> =>
    workloadOf(workload)?.template?.metadata?.labels ?? {};
  const covers = (selector: Readonly<Record<string, string>>, workload: Manifest): boolean =>
    Object.entries(selector).every(([label, value]) => podsOf(workload)[label] === value) &&
    workloadOf(workload) !== undefined;
  const spec = manifest["spec"] as
    | { readonly selector?: Readonly<Record<string, string>> & { readonly matchLabels?: object } }
    | undefined;
  if (manifest.kind === "Service" && spec?.selector !== undefined) {
    const { selector } = spec;
    return manifests.some((one) => covers(selector, one)) ? [] : ["selects no pods of ours"];
  }
  if ((workloadOf(manifest)?.replicas ?? 1) <= 1) return [];
  const budgets = manifests.filter((one) => one.kind === "PodDisruptionBudget");
  const isHeld = budgets.some((budget) => {
    const { selector } = budget["spec"] as {
      readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> };
    };
    return covers(selector.matchLabels ?? {}, manifest);
  });
  return isHeld ? [] : ["several replicas and no disruption budget"];
}
