// `api/{oaas,rawstor}` -> `crds/`: one CustomResourceDefinition per kind and the kustomization that
// applies them.

import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { stringify } from "yaml";

import { compileKinds } from "./crd/compile.ts";
import { repositoryRoot, settle } from "./generator.ts";
import type { GeneratedFile, Generator } from "./generator.ts";

/** The kinds, by name of their interface. */
export const KINDS = [
  "Environment",
  "OPackage",
  "ClassRuntime",
  "OdgmCollection",
  "OstTarget",
  "RawstorVolume",
] as const;

const SOURCE_FOLDERS = ["api/meta", "api/oaas/v1alpha1", "api/rawstor/v1alpha1"];

const HEADER = "# Generated from the types in api/ by `npm run gen`. Do not edit.\n";

/** The generator of `crds/`. */
export const crds: Generator = {
  name: "crds",
  describe: "api/{oaas,rawstor} -> crds/",
  async run({ check }) {
    const present = (await readdir(join(repositoryRoot, "crds")).catch(() => []))
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => `crds/${name}`);
    return settle(await crdFiles(), present, check);
  },
};

/** The files of `crds/`, sorted by name. */
export async function crdFiles(): Promise<readonly GeneratedFile[]> {
  const compiled = compileKinds({
    tsconfig: join(repositoryRoot, "hack/gen/tsconfig.json"),
    files: await sourceFiles(),
    kinds: KINDS,
  });
  const files = compiled
    .map(({ name, document }) => ({ path: `crds/${name}.yaml`, content: yamlText(document) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: files.map((file) => file.path.slice("crds/".length)),
  };
  return [...files, { path: "crds/kustomization.yaml", content: yamlText(kustomization) }];
}

async function sourceFiles(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of SOURCE_FOLDERS) {
    const names = await readdir(join(repositoryRoot, folder));
    for (const name of names.sort()) {
      const types = /^[a-z-]+\.ts$/.test(name) && name !== "index.ts";
      const holdsKinds = folder !== "api/meta" || name === "kube-types.ts";
      if (types && holdsKinds) found.push(join(folder, name));
    }
  }
  return found.map((path) => join(repositoryRoot, path));
}

function yamlText(document: unknown): string {
  return HEADER + stringify(document, { lineWidth: 100, aliasDuplicateObjects: false });
}
