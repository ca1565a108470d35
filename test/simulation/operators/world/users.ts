// What people do: packages come, change, break, are mended and go; children are edited and deleted
// by hand; pods die and disks are replaced. At the end they do what messages tell them to do.
import type { Condition, KindId } from "#api/meta/index.ts";
import type { OPackage } from "#api/oaas/v1alpha1/index.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "#controllers/runtime/index.ts";
import { keyOf, KINDS } from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";

import type { SimCluster } from "./cluster.ts";
import type { Dice } from "../../world/dice.ts";
import type { Fleet } from "./fleet.ts";
import { COLLECTIONS, NAMESPACE, PACKAGES, RUNTIMES } from "./kinds.ts";
import { all, one } from "./look.ts";

type Spec = OPackage["spec"];

/** Shape per package: what cannot be changed while there is data. */
const SHAPES = [
  { name: "p0", template: "Dev", partitions: 2 },
  { name: "p1", template: "Edge", partitions: 4 },
] as const;

type Shape = (typeof SHAPES)[number];

/** Kinds whose objects people spoil by hand. */
const CHILD_KINDS: readonly Kind[] = [
  KINDS.ConfigMap,
  KINDS.Deployment,
  KINDS.PodDisruptionBudget,
  KINDS.Service,
  KINDS.ServiceAccount,
  KINDS.StatefulSet,
  RUNTIMES,
  COLLECTIONS,
];
const FOREIGN = "example.com/mine";
const FUNCTIONS = ["echo", "random", "counter"] as const;

/** See the head of this file. */
export class Users {
  readonly #server: FakeApiServer;
  readonly #cluster: SimCluster;
  readonly #fleet: Fleet;
  readonly #dice: Dice;
  /** Objects by uid that carry a label of ours. */
  readonly labelled = new Map<string, KindId>();
  /** True while a person writes. */
  acting = false;

  constructor(server: FakeApiServer, cluster: SimCluster, fleet: Fleet, dice: Dice) {
    this.#server = server;
    this.#cluster = cluster;
    this.#fleet = fleet;
    this.#dice = dice;
  }

  /** One deed; says which. */
  step(): string {
    const shape = this.#dice.pick(SHAPES);
    const there = one(this.#server, PACKAGES, { namespace: NAMESPACE, name: shape.name });
    return this.#act(() => {
      if (there === undefined) return this.#apply(shape, this.#goodSpec(shape), "create");
      const draw = this.#dice.int(0, 99);
      if (draw < 25) return this.#apply(shape, this.#goodSpec(shape), "edit");
      if (draw < 35) return this.#apply(shape, this.#badSpec(shape), "spoil");
      if (draw < 45) return this.#delete(shape);
      if (draw < 58) return this.#spoilChild();
      if (draw < 68) return this.#deleteChild();
      if (draw < 78) return this.#labelChild();
      if (draw < 90) return this.#killPod();
      return this.#replaceDisk();
    });
  }

  /** Creates or changes package `p0` (one member) or `p1` (two), for scripts. */
  put(
    name: Shape["name"],
    change: Partial<Spec> & { readonly policy?: "Retain" | "Delete" },
  ): void {
    const shape = SHAPES.find((one) => one.name === name) ?? SHAPES[0];
    const { state: _state, suspend: _suspend, ...good } = this.#goodSpec(shape);
    const { policy = "Retain", ...rest } = change;
    const deployments = (good.deployments ?? []).map((one) => ({ ...one, deletionPolicy: policy }));
    this.#act(() => this.#apply(shape, { ...good, deployments, ...rest }, "put"));
  }

  /** Deletes a package, for scripts. */
  remove(name: Shape["name"]): void {
    this.#act(() => this.#server.userDelete(PACKAGES, { namespace: NAMESPACE, name }));
  }

  /** Mends every package that is there: valid, enabled, not suspended. */
  mend(): void {
    this.#act(() => {
      for (const shape of SHAPES) {
        const key = { namespace: NAMESPACE, name: shape.name };
        const live = one(this.#server, PACKAGES, key);
        if (live === undefined) continue;
        const { state: _state, suspend: _suspend, ...spec } = this.#goodSpec(shape);
        this.#apply(shape, spec, "mend");
      }
    });
  }

  /** Sets the annotations that Stalled or Ready messages of collections ask for; says which. */
  followAdvice(): readonly string[] {
    return this.#act(() =>
      all(this.#server, COLLECTIONS).flatMap((collection) => {
        const said = conditionsOf(collection).map((condition) => condition.message ?? "");
        const asked = adviceIn(said.join("\n"));
        if (asked === undefined) return [];
        const { name, value } = asked;
        if (collection.metadata.annotations?.[name] === value) return [];
        const patch = { metadata: { annotations: { [name]: value } } };
        this.#server.userPatch(COLLECTIONS, keyOf(collection), patch);
        return [`${collection.metadata.name}: ${name}=${value}`];
      }),
    );
  }

  #act<T>(deed: () => T): T {
    this.acting = true;
    try {
      return deed();
    } finally {
      this.acting = false;
    }
  }

  #goodSpec(shape: Shape): Spec {
    const names = FUNCTIONS.filter((_, index) => index === 0 || this.#dice.chance(0.6));
    const min = this.#dice.int(1, 3);
    return {
      version: `1.${this.#dice.int(0, 9)}`,
      classes: [{ name: "Counter", functions: names.map((name) => ({ name })) }],
      functions: names.map((name) => ({
        name,
        provision: { deployment: { image: `example.com/${name}:${this.#dice.int(1, 3)}` } },
        ...(this.#dice.chance(0.3) ? { scale: { min, max: min + 2 } } : {}),
      })),
      deployments: [
        {
          name: "counter",
          class: "Counter",
          members: [{ id: 1, environment: "default", template: shape.template }],
          partitions: shape.partitions,
          deletionPolicy: this.#dice.pick(["Retain", "Delete"] as const),
        },
      ],
      ...(this.#dice.chance(0.1) ? { suspend: true } : {}),
      ...(this.#dice.chance(0.1) ? { state: "Disabled" as const } : {}),
    };
  }

  /** Refused by the package itself, by something below it, or as not served. */
  #badSpec(shape: Shape): Spec {
    const spec = this.#goodSpec(shape);
    const [deployment] = spec.deployments ?? [];
    if (deployment === undefined) return spec;
    switch (this.#dice.int(0, 3)) {
      case 0:
        return { ...spec, functions: [] };
      case 1:
        return { ...spec, deployments: [{ ...deployment, class: "Nobody" }] };
      case 2:
        return { ...spec, deployments: [{ ...deployment, shardType: "Raft" }] };
      default:
        return {
          ...spec,
          classes: (spec.classes ?? []).map((one) => ({ ...one, ttlSeconds: 60 })),
        };
    }
  }

  #apply(shape: Shape, spec: Spec, what: string): string {
    const { apiVersion, kind } = PACKAGE_TYPE;
    const metadata = { namespace: NAMESPACE, name: shape.name };
    this.#server.userApply(PACKAGES, { apiVersion, kind, metadata, spec } as KubeObject);
    return `${what} ${shape.name}`;
  }

  #delete(shape: Shape): string {
    const how = this.#dice.pick(["Background", "Foreground"] as const);
    this.#server.userDelete(PACKAGES, { namespace: NAMESPACE, name: shape.name }, how);
    return `delete ${shape.name} ${how}`;
  }

  /** A child of one of our objects, but never an identity record, which is data. */
  #child(): { readonly kind: Kind; readonly live: Live } | undefined {
    const kind = this.#dice.pick(CHILD_KINDS);
    const found = all(this.#server, kind)
      .filter((live) => live.metadata.annotations?.["oaas.io/owner"] !== undefined)
      .filter((live) => !live.metadata.name.endsWith("-identity"));
    return found.length === 0 ? undefined : { kind, live: this.#dice.pick(found) };
  }

  #spoilChild(): string {
    const found = this.#child();
    if (found === undefined) return "nothing";
    const { kind, live } = found;
    const spec = (live as { readonly spec?: Record<string, unknown> }).spec ?? {};
    const patch =
      "replicas" in spec
        ? { spec: { replicas: this.#dice.int(1, 5) } }
        : "selector" in spec && kind.kind === "Service"
          ? { spec: { selector: { "example.com/wrong": "yes" } } }
          : { metadata: { labels: { "app.kubernetes.io/part-of": "wrong" } } };
    this.#server.userPatch(kind, keyOf(live), patch);
    return `spoil ${kind.kind} ${live.metadata.name}`;
  }

  /** Not a StatefulSet: its claims may go with it, and the disk of the only voter among them. */
  #deleteChild(): string {
    const found = this.#child();
    if (found === undefined || found.kind === KINDS.StatefulSet) return "nothing";
    const { kind, live } = found;
    this.#server.userDelete(kind, keyOf(live));
    return `delete ${kind.kind} ${live.metadata.name}`;
  }

  #labelChild(): string {
    const found = this.#child();
    if (found === undefined) return "nothing";
    this.label(found.kind, found.live);
    return `label ${found.kind.kind} ${found.live.metadata.name}`;
  }

  /** Puts a label of somebody else on an object. */
  label(kind: Kind, live: Live): void {
    const metadata = { ...keyOf(live), labels: { [FOREIGN]: "yes" } };
    const { apiVersion, kind: name } = live as unknown as KubeObject;
    this.#server.userApply(kind, { apiVersion, kind: name, metadata }, "someone");
    this.labelled.set(live.metadata.uid, kind);
  }

  #killPod(): string {
    const pods = all(this.#server, KINDS.Pod);
    if (pods.length === 0) return "nothing";
    const key = keyOf(this.#dice.pick(pods));
    this.#cluster.killPod(key);
    return `kill pod ${key.name}`;
  }

  /**
   * The disk under a member is replaced by an empty one, and its pod starts anew. The meta group's
   * only voter is spared: what is lost with it is shown by scenarios/voter-disk.test.ts.
   */
  #replaceDisk(): string {
    const pods = all(this.#server, KINDS.Pod)
      .filter((pod) => pod.status?.phase === "Running")
      .filter((pod) => !pod.metadata.name.endsWith("-0"));
    if (pods.length === 0) return "nothing";
    return this.replaceDisk(keyOf(this.#dice.pick(pods)));
  }

  /** Replaces the disk of this pod. */
  replaceDisk(key: ObjectKey): string {
    const claim = { ...key, name: `data-${key.name}` };
    const volume = one(this.#server, KINDS.PersistentVolumeClaim, claim)?.spec?.volumeName;
    if (volume === undefined) return "nothing";
    this.#fleet.storeOf(volume).wipe();
    this.#cluster.killPod(key);
    return `replace disk of ${key.name}`;
  }
}

const PACKAGE_TYPE = { apiVersion: "oaas.io/v1alpha1", kind: "OPackage" } as const;

/** What a message asks a person to annotate. */
function adviceIn(text: string): { readonly name: string; readonly value: string } | undefined {
  const [, name, value] = /annotation (\S+)=([\w-]+)/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { name, value };
  const [, incarnation, annotation] =
    /incarnation ([\w-]+) [^\n]*\(annotation ([\w./-]+)\)/.exec(text) ?? [];
  if (incarnation === undefined || annotation === undefined) return undefined;
  return { name: annotation, value: incarnation };
}

/** Conditions of any object, empty if it has none. */
export function conditionsOf(object: object): readonly Condition[] {
  const { status } = object as { readonly status?: { readonly conditions?: readonly Condition[] } };
  return status?.conditions ?? [];
}

/** The label that people put on children; nobody but they may take it away. */
export const FOREIGN_LABEL = FOREIGN;
