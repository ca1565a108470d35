// What the running operators were told, as far as a cluster shows it: so that a dry-run renders
// what they would render, and no difference of images is made up.

import type { Deployment } from "kubernetes-types/apps/v1.js";

import { OAAS_SYSTEM_NAMESPACE, RAWSTOR_SYSTEM_NAMESPACE } from "#api/meta/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import type { LiveState } from "#controllers/runtime/plan/live-state.ts";

import type { PlanSettings } from "./controllers.ts";

const DEFAULT_ODGM_IMAGE = "oaas-operator.local/odgm:dev";
const DEFAULT_OST_IMAGE = "oaas-operator.local/ost:dev";
const DEFAULT_PREFIX = "/var/lib/rawstor/disks";

/** Settings by flag, else by the flags of the operators' Deployments, else those of development. */
export async function readSettings(
  live: LiveState,
  flags: { readonly odgmImage?: string; readonly ostImage?: string },
): Promise<PlanSettings> {
  const cluster = await live.get(KINDS.Namespace, { namespace: "", name: "kube-system" });
  const system = new Set([OAAS_SYSTEM_NAMESPACE, RAWSTOR_SYSTEM_NAMESPACE]);
  const args = (await live.list(KINDS.Deployment, ""))
    .filter(({ metadata }) => system.has(metadata.namespace ?? ""))
    .flatMap((one) => (one as Deployment).spec?.template.spec?.containers ?? [])
    .flatMap((container) => container.args ?? []);
  const told = (flag: string): string | undefined =>
    args.find((arg) => arg.startsWith(`--${flag}=`))?.slice(flag.length + 3);
  return {
    clusterUid: cluster?.metadata.uid ?? "",
    odgmImage: flags.odgmImage ?? told("odgm-image") ?? DEFAULT_ODGM_IMAGE,
    ostImage: flags.ostImage ?? told("ost-image") ?? DEFAULT_OST_IMAGE,
    allowedPathPrefixes: (told("allowed-path-prefixes") ?? DEFAULT_PREFIX).split(","),
  };
}
