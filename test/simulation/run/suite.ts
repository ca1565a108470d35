// What the doors need to know of a simulation: its name and how to run one seed of it.

/** How a seed went. */
export interface SeedReport {
  readonly seed: number;
  /** `<invariant>: <what>`; empty if all is well. */
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  /** How often each fault was injected. */
  readonly faults: Readonly<Record<string, number>>;
  readonly writes: number;
  /** Equal for equal runs. */
  readonly digest: string;
}

/** Settings of a seed that the command line can give. */
export interface SeedOptions {
  readonly seed: number;
  readonly steps?: number;
  /** Name of a deliberate bug. */
  readonly bug?: string;
  readonly traceAll?: boolean;
}

/** A simulation under `test/simulation/<name>`. Its file exports it as `suite`. */
export interface Suite {
  runSeed(options: SeedOptions): Promise<SeedReport>;
}

/** Where the suite of this name is; relative to this file. */
export const SUITES: Readonly<Record<string, string>> = {
  odgm: "../odgm/suite.ts",
  operators: "../operators/suite.ts",
};

/** Loads a suite by its name. Throws for an unknown one. */
export async function loadSuite(name: string): Promise<Suite> {
  const path = SUITES[name];
  if (path === undefined) {
    throw new Error(`no such simulation; there are: ${Object.keys(SUITES).join(", ")}`);
  }
  const { suite } = (await import(path)) as { readonly suite: Suite };
  return suite;
}
