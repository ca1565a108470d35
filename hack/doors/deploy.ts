// Puts the system onto a cluster that is up: images, kinds, operators, gateway. Used by `npm start`
// and by the end-to-end tests, so that both run the very same manifests.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { archivesOf, buildImages } from "#hack/images/index.ts";
import type { BuiltImage } from "#hack/images/index.ts";
import type { Cluster } from "#hack/cluster/index.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const OVERLAY = join(ROOT, "config", "overlays", "local");
const FIELD_MANAGER = "oaas-doors";
const ROLLOUT_TIMEOUT = "180s";

/** Told about progress, one line at a time. */
export type Say = (line: string) => void;

/** What {@link substituteImages} needs to know of an image. */
export type ImageTag = Pick<BuiltImage, "repository" | "tag">;

/**
 * The text with every `repository:dev` of a built image replaced by the tag of its content, so that
 * a changed program changes the object that names it. With `registry`, also the repository's host.
 */
export function substituteImages(
  text: string,
  images: readonly ImageTag[],
  registry?: string,
): string {
  let result = text;
  for (const { repository, tag } of images) {
    const name = repository.slice(repository.lastIndexOf("/") + 1);
    const target = registry === undefined ? repository : `${registry.replace(/\/$/, "")}/${name}`;
    // The name ends where a tag begins; nothing else can follow in these manifests.
    result = result.replaceAll(`${repository}:dev`, `${target}:${tag}`);
  }
  return result;
}

/** Namespaced names of the Deployments in a stream of YAML documents. */
export function deploymentsIn(text: string): readonly { namespace: string; name: string }[] {
  return parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as {
      readonly kind?: string;
      readonly metadata?: { readonly name?: string; readonly namespace?: string };
    } | null;
    if (object?.kind !== "Deployment" || object.metadata?.name === undefined) return [];
    const { name, namespace } = object.metadata;
    return [{ name, namespace: namespace ?? "default" }];
  });
}

/** Builds all images and loads them on the nodes; cheap when nothing changed. */
export async function shipImages(cluster: Cluster, say: Say): Promise<readonly BuiltImage[]> {
  const images = await buildImages(undefined, { say });
  await cluster.loadImages(archivesOf(images));
  return images;
}

/** The local overlay with the tags of these images. */
export async function renderSystem(cluster: Cluster, images: readonly ImageTag[]): Promise<string> {
  const rendered = await cluster.kubectl(["kustomize", OVERLAY]);
  return substituteImages(rendered.stdout, images, cluster.imageRegistry);
}

/** Installs the kinds and waits until the API server serves them. */
export async function installKinds(cluster: Cluster): Promise<void> {
  // Server-side: a CRD is larger than the annotation that client-side apply needs.
  const folder = join(ROOT, "crds");
  await cluster.kubectl([...applyServerSide(), "-k", folder]);
  const kinds = (await readdir(folder)).filter((name) => name !== "kustomization.yaml");
  const names = kinds.map((file) => file.replace(/^([^.]+)\.(.+)\.yaml$/, "crd/$1.$2"));
  await cluster.kubectl(["wait", "--for=condition=Established", "--timeout=60s", ...names]);
}

/** Installs kinds, operators and gateway and waits until all their pods are up to date. */
export async function deploySystem(
  cluster: Cluster,
  images: readonly ImageTag[],
  say: Say,
): Promise<void> {
  await installKinds(cluster);
  const manifests = await renderSystem(cluster, images);
  await cluster.kubectl([...applyServerSide(), "-f", "-"], { input: manifests });
  for (const { namespace, name } of deploymentsIn(manifests)) {
    await cluster.kubectl([
      "rollout",
      "status",
      `deployment/${name}`,
      `--namespace=${namespace}`,
      `--timeout=${ROLLOUT_TIMEOUT}`,
    ]);
    say(`${namespace}/${name} is up`);
  }
}

/** Applies a manifest of the repository with the tags of these images. */
export async function applyManifest(
  cluster: Cluster,
  text: string,
  images: readonly ImageTag[],
): Promise<void> {
  const input = substituteImages(text, images, cluster.imageRegistry);
  await cluster.kubectl([...applyServerSide(), "-f", "-"], { input });
}

function applyServerSide(): readonly string[] {
  return ["apply", "--server-side", "--force-conflicts", `--field-manager=${FIELD_MANAGER}`];
}
