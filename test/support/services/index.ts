// Public face of the test services: an etcd, a Prometheus or a Zenoh router, wherever this machine
// can get one from.
import { chooseSource } from "./choice.ts";
import { observeHost, provideProgram } from "./host.ts";
import { ServiceError, type RunningService, type ServiceName } from "./model.ts";
import { startProgram } from "./program.ts";

export { ServiceError } from "./model.ts";
export type { RunningService, ServiceName } from "./model.ts";

/** How to start a service. */
export interface ServiceOptions {
  /** Text of the configuration file; for prometheus its YAML, with the jobs to scrape. */
  readonly config?: string;
  /** Agrees to a build of many minutes when there is no other way; default false. */
  readonly allowLongBuild?: boolean;
  /** Hears of downloads and builds; stderr by default. */
  readonly say?: (line: string) => void;
}

/**
 * A fresh, empty service on loopback that answers already. Programs are fetched or built once into
 * the caches folder. Throws {@link ServiceError} that says what to install, or why it did not start.
 */
export async function startService(
  name: ServiceName,
  options: ServiceOptions = {},
): Promise<RunningService> {
  const say =
    options.say ?? ((line: string): void => void process.stderr.write(`${name}: ${line}\n`));
  const source = chooseSource(name, await observeHost(options.allowLongBuild ?? false));
  switch (source.kind) {
    case "unavailable":
      throw new ServiceError(source.message);
    case "container": {
      // Loaded late: it is large, and not needed where Docker does not run.
      const { startContainer } = await import("./container.ts");
      return startContainer(name, options.config);
    }
    default:
      return startProgram(name, await provideProgram(name, source, say), options.config);
  }
}
