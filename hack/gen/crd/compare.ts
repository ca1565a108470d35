// What a change of a CRD does to those who use it: objects that are stored, manifests in
// repositories, programs that read and write them. Two documents in, findings with path and mend
// out. A change that only widens says nothing. Descriptions, columns and messages are not compared.

import { schemaFindings } from "./compare-schema.ts";
import type { Finding } from "./finding.ts";
import type { Schema } from "./schema.ts";
import { asList, asSchema } from "./schema.ts";

/** Everything in `now` that could break a user of `old`, in the order of the document. */
export function compareCrds(old: Schema, now: Schema): readonly Finding[] {
  const [oldSpec, nowSpec] = [asSchema(old["spec"]), asSchema(now["spec"])];
  const nowVersions = versionsOf(nowSpec);
  return [
    ...nameFindings(oldSpec, nowSpec),
    ...storageFindings(oldSpec, nowSpec),
    ...versionsOf(oldSpec).flatMap((version) => {
      const name = String(version["name"]);
      const after = nowVersions.find((one) => one["name"] === name);
      if (after === undefined) return [removedVersion(name, "is removed")];
      if (version["served"] === false) return [];
      if (after["served"] === false) return [removedVersion(name, "is no longer served")];
      return compareVersions(version, after);
    }),
  ];
}

/** The same for one version of a CRD, or between two of them. */
export function compareVersions(old: Schema, now: Schema): readonly Finding[] {
  const name = String(old["name"]);
  const rootOf = (version: Schema): Schema =>
    asSchema(asSchema(version["schema"])["openAPIV3Schema"]);
  return [
    ...subresourceFindings(old, now, name),
    ...selectableFindings(old, now, name),
    ...schemaFindings(rootOf(old), rootOf(now), name),
  ];
}

/** The finding for a CRD that is not there any more. */
export function removedCrd(name: string): Finding {
  return {
    path: name,
    change: "CrdRemoved",
    severity: "Breaking",
    problem: "the CRD is removed, and with it every object of the kind",
    mend: "keep it until a release has told users how to move",
  };
}

function removedVersion(name: string, problem: string): Finding {
  return {
    path: name,
    change: "VersionRemoved",
    severity: "Breaking",
    problem: `the version ${problem}`,
    mend: "serve it on, marked as deprecated, until no stored object and no manifest uses it",
  };
}

const NAMES = ["kind", "plural", "singular", "listKind"] as const;

function nameFindings(old: Schema, now: Schema): readonly Finding[] {
  const findings: Finding[] = [];
  const [names, after] = [asSchema(old["names"]), asSchema(now["names"])];
  const add = (
    path: string,
    severity: Finding["severity"],
    before: unknown,
    next: unknown,
  ): void => {
    findings.push({
      path,
      change: "NamesChanged",
      severity,
      problem: `was ${String(before)} and is ${String(next)}`,
      mend: "a kind keeps its names; make a new kind, or keep the old name beside the new one",
    });
  };
  if (old["group"] !== now["group"]) add("group", "Breaking", old["group"], now["group"]);
  for (const key of NAMES) {
    if (names[key] !== after[key]) add(`names.${key}`, "Breaking", names[key], after[key]);
  }
  for (const key of ["shortNames", "categories"]) {
    const gone = asList(names[key]).filter((name) => !asList(after[key]).includes(name));
    if (gone.length > 0) add(`names.${key}`, "Possible", gone.join(", "), "gone");
  }
  if (old["scope"] !== now["scope"]) {
    findings.push({
      path: "scope",
      change: "ScopeChanged",
      severity: "Breaking",
      problem: `was ${String(old["scope"])} and is ${String(now["scope"])}`,
      mend: "the scope of a kind can never change; make a new kind",
    });
  }
  return findings;
}

function storageFindings(old: Schema, now: Schema): readonly Finding[] {
  const storedOf = (spec: Schema): unknown =>
    versionsOf(spec).find((version) => version["storage"] === true)?.["name"];
  const strategyOf = (spec: Schema): unknown => asSchema(spec["conversion"])["strategy"] ?? "None";
  const findings: Finding[] = [];
  if (storedOf(old) !== storedOf(now)) {
    findings.push({
      path: "versions",
      change: "StorageChanged",
      severity: "Possible",
      problem: `${String(storedOf(old))} was stored and ${String(storedOf(now))} is`,
      mend: "serve both for a release, migrate the stored objects, then drop the old one",
    });
  }
  if (strategyOf(old) !== strategyOf(now)) {
    findings.push({
      path: "conversion",
      change: "ConversionChanged",
      severity: "Possible",
      problem: `was ${String(strategyOf(old))} and is ${String(strategyOf(now))}`,
      mend: "make sure that every stored object can be read in every served version",
    });
  }
  return findings;
}

function subresourceFindings(old: Schema, now: Schema, name: string): readonly Finding[] {
  const [before, after] = [asSchema(old["subresources"]), asSchema(now["subresources"])];
  return ["status", "scale"]
    .filter((key) => before[key] !== undefined)
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => ({
      path: `${name}.subresources.${key}`,
      change: "SubresourceRemoved",
      severity: "Breaking",
      problem: after[key] === undefined ? "is removed" : "reads other fields than before",
      mend: "keep it: clients, autoscalers and the controller use its path",
    }));
}

function selectableFindings(old: Schema, now: Schema, name: string): readonly Finding[] {
  const pathsOf = (version: Schema): readonly unknown[] =>
    asList(version["selectableFields"]).map((field) => asSchema(field)["jsonPath"]);
  const after = pathsOf(now);
  return pathsOf(old)
    .filter((path) => !after.includes(path))
    .map((path) => ({
      path: `${name}.selectableFields`,
      change: "SelectableFieldRemoved",
      severity: "Breaking",
      problem: `${String(path)} cannot be selected any more`,
      mend: "keep it: a watch with this selector is refused without it",
    }));
}

function versionsOf(spec: Schema): readonly Schema[] {
  return asList(spec["versions"]).map(asSchema);
}
