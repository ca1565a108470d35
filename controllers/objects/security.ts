// The restricted profile of the Pod Security Standards (kubernetes.io/docs/concepts/security/
// pod-security-standards), plus a read-only root file system, for every pod that we render.
import type { PodSecurityContext, SecurityContext } from "kubernetes-types/core/v1.js";

/** User and group of every container: "nonroot" of the distroless images. */
export const NONROOT_ID = 65532;

/** Pod level: never root, default seccomp. With `ownsVolumes` the group owns the volumes. */
export function restrictedPodSecurity(
  options: { readonly ownsVolumes?: boolean } = {},
): PodSecurityContext {
  return {
    ...(options.ownsVolumes === true
      ? { fsGroup: NONROOT_ID, fsGroupChangePolicy: "OnRootMismatch" }
      : {}),
    runAsGroup: NONROOT_ID,
    runAsNonRoot: true,
    runAsUser: NONROOT_ID,
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** Container level: no capability, no escalation, nothing writable but mounted volumes. */
export function restrictedContainerSecurity(): SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    readOnlyRootFilesystem: true,
  };
}
