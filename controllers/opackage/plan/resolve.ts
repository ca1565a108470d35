// Inheritance. A class with everything inherited in it: members (bindings, keys, references,
// triggers, timers) merge by name, settings one by one, the nearest class that says something wins.
// What refers to other things by short names is rewritten to full ones, because the result is read
// outside of the package that declared it.

import { utf8Encode } from "#api/base/index.ts";
import { sha256Hex } from "#api/meta/index.ts";
import type {
  ClassBody,
  FunctionBinding,
  InheritedMember,
  PackageMember,
  ResolvedClass,
} from "#api/oaas/v1alpha1/index.ts";
import { parseClassRef, parseFunctionRef, wireClassId } from "#api/oaas/v1alpha1/index.ts";
import { nonEmpty, present } from "#controllers/objects/index.ts";

import type { DeclaredClass } from "./lineage.ts";

/** A resolved class, where each part of it is from, and the functions that it binds. */
export interface Resolution {
  readonly member: PackageMember;
  readonly resolved: ResolvedClass;
  readonly inherited: readonly InheritedMember[];
  /** Functions bound, each once, in the order of first use. Binding `function` is its `alias`. */
  readonly functions: readonly BoundFunction[];
  /** For a path below `resolvedClass`, the path in the user's document. */
  readonly paths: readonly (readonly [string, string])[];
  /** Changes whenever the resolved class does. */
  readonly hash: string;
}

/** A function of some package under the name that the runtime knows it by. */
export interface BoundFunction extends PackageMember {
  readonly alias: string;
}

const settings = [
  "stateType",
  "persistent",
  "ttlSeconds",
  "storage",
  "partitioning",
  "events",
] as const;

/** From whose point of view paths are told. */
export interface Viewpoint {
  readonly ownPackage: string;
  /** Path for what was declared in another package: the field that brought it in. */
  readonly elsewhere: string;
}

/** Resolves the first class of a lineage; the rest are what it inherits from, nearest first. */
export function resolveClass(
  lineage: readonly [DeclaredClass, ...DeclaredClass[]],
  view: Viewpoint,
): Resolution {
  const [self, ...ancestors] = lineage;
  const aliases = new Aliases(view.ownPackage);
  const merge = new Merge(lineage, view);
  const plain = Object.fromEntries(
    settings.flatMap((name) => {
      const cls = merge.setting(name);
      return cls === undefined ? [] : [[name, cls.body[name]]];
    }),
  ) as Pick<ClassBody, (typeof settings)[number]>; // each value came from the field of that name
  // The bound belongs to the consistency: both come from the same class.
  const consistent = merge.setting("consistency") ?? self;
  const resolved: ResolvedClass = present({
    ancestors: nonEmpty(ancestors.map(wireClassId)),
    description: self.body.description,
    ...plain,
    consistency: consistent.body.consistency,
    stalenessBoundSeconds: merge.of(consistent, "stalenessBoundSeconds"),
    functions: merge.list(
      "functions",
      "Function",
      (body) => body.functions,
      (binding, cls) => qualifyBinding(binding, cls, aliases),
    ),
    keys: merge.list(
      "keys",
      "Key",
      (body) => body.keys,
      (key) => key,
    ),
    references: merge.list(
      "references",
      "Reference",
      (body) => body.references,
      (ref, cls) => ({
        ...ref,
        class: wireClassId(parseClassRef(ref.class, cls.package)),
      }),
    ),
    triggers: merge.list(
      "triggers",
      "Trigger",
      (body) => body.triggers,
      (trigger, cls) => ({
        ...trigger,
        target: qualifyTarget(trigger.target, cls),
      }),
    ),
    timers: merge.list(
      "timers",
      "Timer",
      (body) => body.timers,
      (timer, cls) => ({
        ...timer,
        target: qualifyTarget(timer.target, cls),
      }),
    ),
  });
  return {
    member: { package: self.package, name: self.name },
    resolved,
    inherited: merge.inherited,
    functions: aliases.all(),
    paths: merge.paths,
    hash: hashOf(resolved),
  };
}

/** Merges along a lineage and remembers where everything is from. */
class Merge {
  readonly inherited: InheritedMember[] = [];
  readonly paths: (readonly [string, string])[] = [];
  readonly #lineage: readonly DeclaredClass[];
  readonly #view: Viewpoint;

  constructor(lineage: readonly DeclaredClass[], view: Viewpoint) {
    this.#lineage = lineage;
    this.#view = view;
  }

  /** All items of a list, each name once; undefined if there are none. */
  list<T extends { readonly name: string }>(
    field: keyof ClassBody & string,
    member: InheritedMember["member"],
    pick: (body: ClassBody) => readonly T[] | undefined,
    qualify: (item: T, cls: DeclaredClass) => T,
  ): readonly T[] | undefined {
    const byName = new Map<string, T>();
    for (const cls of this.#lineage) {
      (pick(cls.body) ?? []).forEach((item, i) => {
        if (byName.has(item.name)) return;
        this.paths.push([`${field}[${byName.size}]`, this.#pathOf(cls, `${field}[${i}]`)]);
        byName.set(item.name, qualify(item, cls));
        this.#note(member, item.name, cls);
      });
    }
    return nonEmpty([...byName.values()]);
  }

  /** The nearest class that says something about this setting. */
  setting(name: keyof ClassBody & string): DeclaredClass | undefined {
    const cls = this.#lineage.find((candidate) => candidate.body[name] !== undefined);
    if (cls === undefined) return undefined;
    this.paths.push([name, this.#pathOf(cls, name)]);
    this.#note("Setting", name, cls);
    return cls;
  }

  /** What this class itself says. */
  of<Name extends keyof ClassBody & string>(cls: DeclaredClass, name: Name): ClassBody[Name] {
    if (cls.body[name] !== undefined) this.paths.push([name, this.#pathOf(cls, name)]);
    return cls.body[name];
  }

  #note(member: InheritedMember["member"], name: string, from: DeclaredClass): void {
    if (from === this.#lineage[0]) return;
    this.inherited.push({ member, name, from: wireClassId(from) });
  }

  #pathOf(cls: DeclaredClass, below: string): string {
    return cls.package === this.#view.ownPackage
      ? `spec.classes[${cls.index}].${below}`
      : this.#view.elsewhere;
  }
}

/** Names under which a runtime knows functions: those of other packages begin with theirs. */
class Aliases {
  readonly #ownPackage: string;
  readonly #byAlias = new Map<string, BoundFunction>();

  constructor(ownPackage: string) {
    this.#ownPackage = ownPackage;
  }

  of(member: PackageMember): string {
    // A function's name starts with a letter or underscore, a package's may start with a digit.
    const foreign = /^[a-z]/.test(member.package) ? member.package : `_${member.package}`;
    let alias = member.package === this.#ownPackage ? member.name : `${foreign}.${member.name}`;
    for (;;) {
      const taken = this.#byAlias.get(alias);
      if (taken?.package === member.package && taken.name === member.name) return alias;
      if (taken === undefined) break;
      alias = `${alias}_`;
    }
    this.#byAlias.set(alias, { package: member.package, name: member.name, alias });
    return alias;
  }

  all(): readonly BoundFunction[] {
    return [...this.#byAlias.values()];
  }
}

function qualifyBinding(
  binding: FunctionBinding,
  cls: DeclaredClass,
  aliases: Aliases,
): FunctionBinding {
  const target = parseFunctionRef(binding.function ?? binding.name, cls.package);
  return {
    ...binding,
    function: aliases.of(target),
    ...(binding.outputClass === undefined
      ? {}
      : { outputClass: wireClassId(parseClassRef(binding.outputClass, cls.package)) }),
  };
}

function qualifyTarget<T extends { readonly class?: string }>(target: T, cls: DeclaredClass): T {
  if (target.class === undefined) return target;
  return { ...target, class: wireClassId(parseClassRef(target.class, cls.package)) };
}

const HASH_DIGITS = 16;

function hashOf(value: unknown): string {
  return sha256Hex(utf8Encode(stableJson(value))).slice(0, HASH_DIGITS);
}

/** JSON with sorted keys: equal values give equal text. */
function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${stableJson(field)}`);
  return `{${fields.join(",")}}`;
}
