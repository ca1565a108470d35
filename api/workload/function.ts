// What a function container is promised: its port, and how it reaches the objects of its class. The
// contract is upstream's (gRPC `oprc.OprcFunction` on HTTP_PORT, ODGM_SERVICE, ODGM_ENABLED); the
// address in ODGM_SERVICE names a port that really listens, which upstream's did not.

/** Port that a function serves when nothing else is said, and port of its Service. */
export const FUNCTION_PORTS = { container: 8080, service: 80 } as const;

/** Environment names that every function container gets. */
export const FUNCTION_ENV = {
  port: "HTTP_PORT",
  odgmService: "ODGM_SERVICE",
  odgmEnabled: "ODGM_ENABLED",
  class: "OAAS_CLASS",
} as const;

/** What a function is told. */
export interface FunctionConfig {
  /** TCP port on all addresses. */
  readonly port: number;
  /** host:port of the data service of the class (gRPC, plaintext inside of the cluster). */
  readonly odgmService?: string;
  /** Wire id "package.Class" of the class that the function was deployed for. */
  readonly class?: string;
}

/** Result of {@link parseFunctionEnv}. */
export type FunctionEnvResult =
  | { readonly kind: "ok"; readonly config: FunctionConfig }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** The environment for a function container, sorted by name. */
export function renderFunctionEnv(config: FunctionConfig): Readonly<Record<string, string>> {
  return {
    [FUNCTION_ENV.port]: String(config.port),
    ...(config.class === undefined ? {} : { [FUNCTION_ENV.class]: config.class }),
    [FUNCTION_ENV.odgmEnabled]: config.odgmService === undefined ? "false" : "true",
    ...(config.odgmService === undefined ? {} : { [FUNCTION_ENV.odgmService]: config.odgmService }),
  };
}

/** Reads what {@link renderFunctionEnv} wrote; a missing port is the default. */
export function parseFunctionEnv(
  env: Readonly<Record<string, string | undefined>>,
): FunctionEnvResult {
  const problems: string[] = [];
  const portText = env[FUNCTION_ENV.port] ?? String(FUNCTION_PORTS.container);
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port >= 0 && port <= 65535)) {
    problems.push(`${FUNCTION_ENV.port}: "${portText}" is not a port`);
  }
  const enabled = env[FUNCTION_ENV.odgmEnabled] !== "false";
  const service = env[FUNCTION_ENV.odgmService];
  if (enabled && service !== undefined && !/^\S+:\d{1,5}$/.test(service)) {
    problems.push(`${FUNCTION_ENV.odgmService}: "${service}" is not HOST:PORT`);
  }
  if (problems.length > 0) return { kind: "invalid", problems };
  const cls = env[FUNCTION_ENV.class];
  return {
    kind: "ok",
    config: {
      port,
      ...(enabled && service !== undefined && service !== "" ? { odgmService: service } : {}),
      ...(cls === undefined || cls === "" ? {} : { class: cls }),
    },
  };
}
