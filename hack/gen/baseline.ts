// The CRDs of the last release, and what has been accepted to break since. A test compares `crds/`
// with them, so that a breaking change is a decision that somebody wrote down.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { parse, parseAllDocuments } from "yaml";

import type { CrdFinding } from "./crd-main.ts";
import { compareAll, crdsOf } from "./crd-main.ts";
import type { ChangeKind } from "./crd/finding.ts";
import type { Schema } from "./crd/schema.ts";
import { repositoryRoot } from "./generator.ts";
import { yamlText } from "./yaml-text.ts";

/** A change since the last release that is meant. */
export interface AcceptedChange {
  readonly crd: string;
  readonly path: string;
  readonly change: ChangeKind;
  /** Why, for those who read the release notes. */
  readonly reason: string;
}

const BASELINE = join(import.meta.dirname, "testdata", "baseline", "crds.yaml");
const ACCEPTED = join(import.meta.dirname, "testdata", "baseline", "accepted.yaml");

/** What has changed since the last release, against what has been accepted. */
export interface Verdict {
  /** Names of the CRDs of the last release. */
  readonly released: readonly string[];
  /** Findings without an entry. */
  readonly unaccepted: readonly CrdFinding[];
  /** Entries that no finding answers to. */
  readonly stale: readonly AcceptedChange[];
}

/** Compares `crds/` with the last release. */
export async function compareWithRelease(): Promise<Verdict> {
  const old = crdsOf(await readFile(BASELINE, "utf8"));
  const accepted = (parse(await readFile(ACCEPTED, "utf8")) ?? []) as readonly AcceptedChange[];
  const findings = compareAll(old, crdsOf(await presentCrds()));
  return { released: [...old.keys()], ...judge(findings, accepted) };
}

/** Matches findings with entries. */
export function judge(
  findings: readonly CrdFinding[],
  accepted: readonly AcceptedChange[],
): Omit<Verdict, "released"> {
  const keyOf = ({ crd, path, change }: CrdFinding | AcceptedChange): string =>
    `${change} ${crd} ${path}`;
  const entries = new Set(accepted.map(keyOf));
  const found = new Set(findings.map(keyOf));
  return {
    unaccepted: findings.filter((finding) => !entries.has(keyOf(finding))),
    stale: accepted.filter((entry) => !found.has(keyOf(entry))),
  };
}

/** Makes the present CRDs the baseline, and forgets what was accepted. */
export async function recordRelease(): Promise<void> {
  const documents = parseAllDocuments(await presentCrds()).map((one) => one.toJS() as Schema);
  const bare = documents
    .filter((document) => document["kind"] === "CustomResourceDefinition")
    .map((document) => yamlText(withoutDescriptions(document)));
  const { version } = JSON.parse(await readFile(join(repositoryRoot, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const head =
    `# The CRDs of release ${version}, without descriptions. ` +
    "`npm run gen -- --release` writes it.\n";
  await writeFile(BASELINE, head + bare.join("---\n"));
  await writeFile(ACCEPTED, ACCEPTED_HEAD + "[]\n");
}

const ACCEPTED_HEAD =
  "# Changes of crds/ since the last release that break somebody and are meant: a list of\n" +
  "# {crd, path, change, reason}. `npm run unit -- hack/gen/baseline` prints what is missing.\n";

async function presentCrds(): Promise<string> {
  const folder = join(repositoryRoot, "crds");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
  return texts.join("---\n");
}

function withoutDescriptions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, below]) => {
      // A field may be called description; then its value is a schema and no text.
      if (key === "description" && typeof below === "string") return [];
      return [[key, withoutDescriptions(below)]];
    }),
  );
}
