// Where a service comes from on this machine: a container where Docker runs, else a program that is
// there, else one that can be made from a published package. Pure, so that every machine is a test.
import type { ServiceName } from "./model.ts";

/** Programs that decide the choice. */
export type Command = "go" | "cargo" | "apt-get" | "dpkg-deb" | "etcd" | "prometheus" | "zenohd";

/** What is known about this machine. */
export interface HostFacts {
  readonly dockerRuns: boolean;
  /** Those found in PATH. */
  readonly commands: ReadonlySet<Command>;
  /** Services whose program lies in the caches folder already. */
  readonly cached: ReadonlySet<ServiceName>;
  /** The caller agreed to a build of many minutes. */
  readonly allowLongBuild: boolean;
}

/** Where to take it from; `unavailable` says what to install. */
export type ServiceSource =
  | { readonly kind: "container" }
  | { readonly kind: "in-path"; readonly command: Command }
  | { readonly kind: "cached" }
  | { readonly kind: "go-module" }
  | { readonly kind: "debian-package" }
  | { readonly kind: "crate" }
  | { readonly kind: "unavailable"; readonly message: string };

/** The best source of this service. */
export function chooseSource(name: ServiceName, host: HostFacts): ServiceSource {
  if (host.dockerRuns) return { kind: "container" };
  if (host.cached.has(name)) return { kind: "cached" };
  switch (name) {
    case "etcd":
      // An etcd in PATH may be a distribution's 3.4, which lacks what the cluster relies on.
      if (host.commands.has("go")) return { kind: "go-module" };
      return unavailable("etcd needs Docker, or Go to build it");
    case "prometheus":
      if (host.commands.has("prometheus")) return { kind: "in-path", command: "prometheus" };
      if (host.commands.has("apt-get") && host.commands.has("dpkg-deb")) {
        return { kind: "debian-package" };
      }
      return unavailable("Prometheus needs Docker, a `prometheus` in PATH, or Debian's packages");
    case "zenoh":
      if (host.commands.has("zenohd")) return { kind: "in-path", command: "zenohd" };
      if (!host.commands.has("cargo")) {
        return unavailable("a Zenoh router needs Docker, a `zenohd` in PATH, or cargo to build it");
      }
      if (host.allowLongBuild) return { kind: "crate" };
      return unavailable(
        "a Zenoh router needs Docker or a `zenohd` in PATH; cargo can build one in many minutes, " +
          "which is done for startService(..., { allowLongBuild: true }) only",
      );
  }
}

function unavailable(message: string): ServiceSource {
  return { kind: "unavailable", message };
}
