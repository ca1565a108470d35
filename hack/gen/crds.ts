// `api/{oaas,rawstor}` -> `crds/`: one CustomResourceDefinition per kind and the kustomization that
// applies them.

import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { compileCrds } from "./crd/compile.ts";
import { repositoryRoot, settle } from "./generator.ts";
import type { GeneratedFile, Generator } from "./generator.ts";
import { yamlText } from "./yaml-text.ts";

const SOURCE_FOLDERS = ["api/oaas/v1alpha1", "api/rawstor/v1alpha1"];

/** Deleting a CRD deletes every object of the kind, and with it data. */
const METADATA = {
  annotations: { "argocd.argoproj.io/sync-options": "Prune=false,Delete=false" },
  labels: { "app.kubernetes.io/part-of": "oaas-operator" },
};

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
  const compiled = compileCrds({
    programs: [
      { files: await sourceFiles(), tsconfig: join(repositoryRoot, "hack/gen/tsconfig.json") },
    ],
    metadata: METADATA,
    requireDescriptions: true,
  });
  const files = compiled.map(({ name, document }) => ({
    path: `crds/${name}.yaml`,
    content: HEADER + yamlText(document),
  }));
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: files.map((file) => file.path.slice("crds/".length)),
  };
  return [...files, { path: "crds/kustomization.yaml", content: HEADER + yamlText(kustomization) }];
}

async function sourceFiles(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of SOURCE_FOLDERS) {
    const names = await readdir(join(repositoryRoot, folder));
    for (const name of names.sort()) {
      if (/^[a-z-]+\.ts$/.test(name) && name !== "index.ts") found.push(join(folder, name));
    }
  }
  return found.map((path) => join(repositoryRoot, path));
}
