// What people do: packages come, change, break, are mended and go; children are edited and deleted
// by hand; pods die and disks are replaced. At the end they do what messages tell them to do.
import type { KindId } from "#api/meta/index.ts";
import type { OPackage } from "#api/oaas/v1alpha1/index.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "#controllers/runtime/index.ts";
import { keyOf, KINDS } from "#controllers/runtime/index.ts";
import type { Dice, FakeApiServer } from "#controllers/runtime/testing/index.ts";
import { conditionsOf } from "#controllers/runtime/testing/index.ts";

import type { SimCluster } from "./cluster.ts";
import type { Fleet } from "./fleet.ts";
import { COLLECTIONS, NAMESPACE, PACKAGES, RUNTIMES } from "./kinds.ts";
import { all, one } from "./look.ts";
import type { Shape, Spec } from "./specs.ts";
import { badSpec, goodSpec, SHAPES } from "./specs.ts";

/** Kinds that stand for nothing but themselves. */
export const PLAIN_KINDS: readonly Kind[] = [
  KINDS.ConfigMap,
  KINDS.Deployment,
  KINDS.PodDisruptionBudget,
  KINDS.Service,
  KINDS.ServiceAccount,
];
/** Kinds whose objects people spoil by hand. */
const CHILD_KINDS: readonly Kind[] = [...PLAIN_KINDS, KINDS.StatefulSet, RUNTIMES, COLLECTIONS];
/** The label that people put on children; nobody but they may take it away. */
export const FOREIGN_LABEL = "example.com/mine";
const PACKAGE_TYPE = { apiVersion: "oaas.io/v1alpha1", kind: "OPackage" } as const;

/** What people act on. */
export interface UsersOptions {
  readonly server: FakeApiServer;
  readonly cluster: SimCluster;
  readonly fleet: Fleet;
  readonly dice: Dice;
  /** The packages that there are; of both shapes if not given. */
  readonly packages?: readonly Shape["name"][];
}

/** See the head of this file. Every method says what it did. */
export class Users {
  /** Objects by uid that carry a label of ours. */
  readonly labelled = new Map<string, KindId>();
  /**
   * True once an identity record was deleted by hand. Records are rebuilt from formatted stores:
   * whoever loses the record and all stores has lost the data, and nothing settles any more.
   */
  #recordGone = false;
  /** Packages whose last spec cannot become Ready: refused, suspended or disabled. */
  readonly #spoilt = new Set<Shape["name"]>();
  /** What messages asked for the last time. */
  readonly #advised = new Set<string>();
  readonly #wanted = new Map<Shape, Spec | undefined>();
  readonly #server: FakeApiServer;
  readonly #cluster: SimCluster;
  readonly #fleet: Fleet;
  readonly #dice: Dice;
  readonly #shapes: readonly Shape[];

  constructor({ server, cluster, fleet, dice, packages }: UsersOptions) {
    this.#server = server;
    this.#cluster = cluster;
    this.#fleet = fleet;
    this.#dice = dice;
    this.#shapes = SHAPES.filter(({ name }) => packages?.includes(name) ?? true);
    server.storage.subscribe(({ kind, stored, actor }) => {
      if (actor !== "restore" || kind.plural !== PACKAGES.plural) return;
      const shape = SHAPES.find(({ name }) => name === stored.object.metadata.name);
      if (shape !== undefined) this.#spoilt.add(shape.name);
    });
  }

  /** True once somebody has deleted an identity record by hand. */
  get recordGone(): boolean {
    return this.#recordGone;
  }

  /** A package comes, or is changed to something valid. */
  edit(): string {
    const shape = this.#dice.pick(this.#shapes);
    return this.#apply(shape, goodSpec(shape, this.#dice), "put");
  }

  /** A package is changed to something that is refused. */
  spoil(): string {
    const shape = this.#dice.pick(this.#shapes);
    return this.#apply(shape, badSpec(shape, this.#dice), "spoil");
  }

  delete(): string {
    const shape = this.#dice.pick(this.#shapes);
    if (this.#live(shape) === undefined) return "nothing";
    const how = this.#dice.pick(["Background", "Foreground", "Background", "Orphan"] as const);
    this.#server.userDelete(PACKAGES, { namespace: NAMESPACE, name: shape.name }, how);
    return `${shape.name} ${how}`;
  }

  /** A package is deleted and at once made anew. */
  recreate(): string {
    const shape = this.#dice.pick(this.#shapes);
    if (this.#live(shape) !== undefined) {
      this.#server.userDelete(PACKAGES, { namespace: NAMESPACE, name: shape.name });
    }
    return this.#apply(shape, goodSpec(shape, this.#dice), "again");
  }

  /** Creates or changes package `p0` (one member) or `p1` (two), for scripts. */
  put(
    name: Shape["name"],
    change: Partial<Spec> & { readonly policy?: "Retain" | "Delete" } = {},
  ): void {
    const shape = SHAPES.find((one) => one.name === name) ?? SHAPES[0];
    const { state: _state, suspend: _suspend, ...good } = goodSpec(shape, this.#dice);
    const { policy = "Retain", ...rest } = change;
    const deployments = (good.deployments ?? []).map((one) => ({ ...one, deletionPolicy: policy }));
    this.#apply(shape, { ...good, deployments, ...rest }, "put");
    // A script may have meant it to be refused.
    this.#spoilt.add(shape.name);
  }

  /** Deletes a package, for scripts. */
  remove(name: Shape["name"]): void {
    this.#server.userDelete(PACKAGES, { namespace: NAMESPACE, name });
  }

  /** From now on people want this package so, or not at all; they do what is to be done for it. */
  want(shape: Shape, spec: Spec | undefined): void {
    this.#wanted.set(shape, spec);
    this.insist();
  }

  /** Once more what people want, as a program that syncs a repository does it. */
  insist(): void {
    for (const [shape, spec] of this.#wanted) {
      const live = this.#live(shape);
      if (spec !== undefined) this.#apply(shape, spec, "want");
      else if (live !== undefined && live.metadata.deletionTimestamp === undefined) {
        this.remove(shape.name);
      }
    }
  }

  /** Mends every package that is there and needs it: valid, enabled, not suspended. */
  mend(): void {
    for (const shape of SHAPES) {
      if (!this.#spoilt.has(shape.name) || this.#live(shape) === undefined) continue;
      const { state: _state, suspend: _suspend, ...spec } = goodSpec(shape, this.#dice);
      this.#apply(shape, spec, "mend");
    }
  }

  /**
   * Sets the annotations that Stalled or Ready messages of collections ask for, and have asked for
   * when this was called before: while caches are late, a message may be over in a moment. Says
   * which.
   */
  followAdvice(): readonly string[] {
    const before = new Set(this.#advised);
    this.#advised.clear();
    return all(this.#server, COLLECTIONS).flatMap((collection) => {
      const said = conditionsOf(collection).map((condition) => condition.message ?? "");
      const asked = adviceIn(said.join("\n"));
      if (asked === undefined) return [];
      const { name, value } = asked;
      if (collection.metadata.annotations?.[name] === value) return [];
      const advice = `${collection.metadata.uid} ${name}=${value}`;
      this.#advised.add(advice);
      if (!before.has(advice)) return [];
      const patch = { metadata: { annotations: { [name]: value } } };
      this.#server.userPatch(COLLECTIONS, keyOf(collection), patch);
      return [`advice: ${collection.metadata.name}: ${name}=${value}`];
    });
  }

  spoilChild(kinds = CHILD_KINDS): string {
    const found = this.#child(kinds);
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
    return `${kind.kind} ${live.metadata.name}`;
  }

  deleteChild(): string {
    const found = this.#child();
    if (found === undefined) return "nothing";
    const { kind, live } = found;
    // Claims, and with them stores, may go along.
    if (this.#recordGone && (kind === KINDS.StatefulSet || kind === COLLECTIONS)) return "nothing";
    const how = this.#dice.pick(["Background", "Foreground", "Orphan"] as const);
    this.#server.userDelete(kind, keyOf(live), how);
    return `${kind.kind} ${live.metadata.name} ${how}`;
  }

  /** Deletes a child that holds no data. */
  deletePlainChild(): string {
    const found = this.#child(PLAIN_KINDS);
    if (found === undefined) return "nothing";
    const { kind, live } = found;
    this.#server.userDelete(kind, keyOf(live));
    return `${kind.kind} ${live.metadata.name}`;
  }

  labelChild(): string {
    const found = this.#child();
    if (found === undefined) return "nothing";
    this.label(found.kind, found.live);
    return `${found.kind.kind} ${found.live.metadata.name}`;
  }

  /** Takes our inventory label off a child: it falls out of every cache. */
  unlabelChild(): string {
    const found = this.#child();
    if (found === undefined) return "nothing";
    const patch = { metadata: { labels: { "oaas.io/owner-uid": null } } };
    this.#server.userPatch(found.kind, keyOf(found.live), patch);
    return `${found.kind.kind} ${found.live.metadata.name}`;
  }

  /** Puts a label of somebody else on an object. */
  label(kind: Kind, live: Live): void {
    const metadata = { ...keyOf(live), labels: { [FOREIGN_LABEL]: "yes" } };
    const { apiVersion, kind: name } = live as unknown as KubeObject;
    this.#server.userApply(kind, { apiVersion, kind: name, metadata }, "someone");
    this.labelled.set(live.metadata.uid, kind);
  }

  /** Deletes an identity record: the operator's only memory of which disks are the right ones. */
  deleteIdentity(): string {
    const stores = [...this.#fleet.stores.values()];
    const records = all(this.#server, KINDS.ConfigMap).filter(
      (live) =>
        live.metadata.name.endsWith("-identity") &&
        stores.some(({ format }) => format?.identity === live.data?.["identity"]),
    );
    if (records.length === 0 || this.#fleet.hasLost) return "nothing";
    this.#recordGone = true;
    const record = this.#dice.pick(records);
    this.#server.userDelete(KINDS.ConfigMap, keyOf(record));
    return record.metadata.name;
  }

  killPod(): string {
    const pods = all(this.#server, KINDS.Pod);
    if (pods.length === 0) return "nothing";
    const key = keyOf(this.#dice.pick(pods));
    this.#cluster.killPod(key);
    return key.name;
  }

  /** The disk under a member is replaced by an empty one, and its pod starts anew. */
  replaceAnyDisk(): string {
    const pods = all(this.#server, KINDS.Pod).filter((pod) => pod.status?.phase === "Running");
    if (pods.length === 0 || this.#recordGone) return "nothing";
    return this.replaceDisk(keyOf(this.#dice.pick(pods)));
  }

  /** Replaces the disk of this pod. */
  replaceDisk(key: ObjectKey): string {
    const claim = { ...key, name: `data-${key.name}` };
    const volume = one(this.#server, KINDS.PersistentVolumeClaim, claim)?.spec?.volumeName;
    if (volume === undefined) return "nothing";
    this.#fleet.lose(volume);
    this.#fleet.storeOf(volume).wipe();
    this.#cluster.killPod(key);
    return key.name;
  }

  /** Members of a pod answer no more for some seconds. */
  cutOff(later: (delayMs: number, run: () => void) => void): string {
    const ips = all(this.#server, KINDS.Pod).flatMap((pod) => pod.status?.podIP ?? []);
    if (ips.length === 0) return "nothing";
    const address = `${this.#dice.pick(ips)}:8082`;
    this.#fleet.unreachable.add(address);
    later(this.#dice.int(500, 20_000), () => {
      this.#fleet.unreachable.delete(address);
      this.#fleet.changed(address);
    });
    return address;
  }

  #live(shape: Shape): Live<OPackage> | undefined {
    return one(this.#server, PACKAGES, { namespace: NAMESPACE, name: shape.name });
  }

  #apply(shape: Shape, spec: Spec, what: string): string {
    const { apiVersion, kind } = PACKAGE_TYPE;
    const metadata = { namespace: NAMESPACE, name: shape.name };
    this.#server.userApply(PACKAGES, { apiVersion, kind, metadata, spec } as KubeObject);
    const isGood = what !== "spoil" && spec.suspend !== true && spec.state !== "Disabled";
    if (isGood) this.#spoilt.delete(shape.name);
    else this.#spoilt.add(shape.name);
    return `${what} ${shape.name}`;
  }

  /** A child of one of our objects, but never an identity record, which is data. */
  #child(kinds = CHILD_KINDS): { readonly kind: Kind; readonly live: Live } | undefined {
    const found = kinds.flatMap((kind) =>
      all(this.#server, kind)
        .filter((live) => live.metadata.annotations?.["oaas.io/owner"] !== undefined)
        .filter((live) => !live.metadata.name.endsWith("-identity"))
        .map((live) => ({ kind, live })),
    );
    return found.length === 0 ? undefined : this.#dice.pick(found);
  }
}

/** What a message asks a person to annotate. */
function adviceIn(text: string): { readonly name: string; readonly value: string } | undefined {
  const [, name, value] = /annotation (\S+)=([\w-]+)/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { name, value };
  const [, incarnation, annotation] =
    /incarnation ([\w-]+) [^\n]*\(annotation ([\w./-]+)\)/.exec(text) ?? [];
  if (incarnation === undefined || annotation === undefined) return undefined;
  return { name: annotation, value: incarnation };
}
