// Credentials from a program, as a kubeconfig's `exec` names it (client.authentication.k8s.io). The
// program is run when there is nothing yet, shortly before what it gave expires, and after the
// server has refused it; never twice at the same time.

import { execFile } from "node:child_process";
import { isAbsolute, join } from "node:path";

import { errorMessage } from "#api/base/index.ts";

/** `users[].user.exec` of a kubeconfig. */
export interface ExecConfig {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Told to the program if it wants to know; undefined if not. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  /** Where a command with a slash is looked for. */
  readonly directory: string;
}

/** What the program said. */
export interface ExecCredential {
  readonly token?: string;
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
}

/** The program did not run, failed, or printed something else. Holds none of its output. */
export class ExecPluginError extends Error {
  override readonly name = "ExecPluginError";
}

const TIMEOUT_MS = 60_000;
const OUTPUT_MAX = 1024 * 1024;
/** Renewed this long before the end. */
const EARLY_MS = 30_000;
/** A program whose credentials are refused is run at most this often. */
const REFUSED_PAUSE_MS = 10_000;

/** See the head of this file. One per program. */
export class ExecPlugin {
  readonly #config: ExecConfig;
  readonly #clock: { readonly nowMs: () => number; readonly monotonicMs: () => number };
  #known: { readonly credential: ExecCredential; readonly expiresAtMs: number } | undefined;
  #ranAtMs = Number.NEGATIVE_INFINITY;
  #running: Promise<ExecCredential> | undefined;

  /** The wall clock judges expiry, which the program states as a time. */
  constructor(
    config: ExecConfig,
    clock: { readonly nowMs: () => number; readonly monotonicMs: () => number },
  ) {
    this.#config = config;
    this.#clock = clock;
  }

  /** The credential now. Rejects with {@link ExecPluginError}. */
  current(): Promise<ExecCredential> {
    if (this.#known !== undefined && this.#clock.nowMs() < this.#known.expiresAtMs - EARLY_MS) {
      return Promise.resolve(this.#known.credential);
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The server refused what {@link current} gave. */
  invalidate(): void {
    if (this.#clock.monotonicMs() - this.#ranAtMs >= REFUSED_PAUSE_MS) this.#known = undefined;
  }

  async #run(): Promise<ExecCredential> {
    this.#ranAtMs = this.#clock.monotonicMs();
    const { credential, expiresAtMs } = parseCredential(await this.#print());
    this.#known = { credential, expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY };
    return credential;
  }

  #print(): Promise<string> {
    const { apiVersion, command, args, env, cluster, directory } = this.#config;
    const info = {
      apiVersion,
      kind: "ExecCredential",
      spec: { interactive: false, ...(cluster === undefined ? {} : { cluster }) },
    };
    const added = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    // As client-go: a path is relative to the kubeconfig, a bare name is looked up.
    const program =
      command.includes("/") && !isAbsolute(command) ? join(directory, command) : command;
    return new Promise((resolve, reject) => {
      execFile(
        program,
        args,
        {
          env: { ...process.env, ...added, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
          timeout: TIMEOUT_MS,
          maxBuffer: OUTPUT_MAX,
          encoding: "utf8",
        },
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else {
            const code = error.code ?? error.signal ?? "no start";
            const said = stderr.trim().slice(0, 500);
            reject(new ExecPluginError(`${command} failed (${String(code)}): ${said}`));
          }
        },
      );
    });
  }
}

function parseCredential(text: string): {
  readonly credential: ExecCredential;
  readonly expiresAtMs: number | undefined;
} {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    // The message of a syntax error quotes what it met.
    const kind = cause instanceof SyntaxError ? "no JSON" : errorMessage(cause);
    throw new ExecPluginError(`credential plugin printed ${kind}`);
  }
  const { kind, status } = (document ?? {}) as { kind?: unknown; status?: unknown };
  if (kind !== "ExecCredential" || typeof status !== "object" || status === null) {
    throw new ExecPluginError("credential plugin printed no ExecCredential with a status");
  }
  const field = (name: string): string | undefined => {
    const value = (status as Record<string, unknown>)[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const token = field("token");
  const certificate = field("clientCertificateData");
  const key = field("clientKeyData");
  if (token === undefined && (certificate === undefined || key === undefined)) {
    throw new ExecPluginError("credential plugin gave neither a token nor a certificate with key");
  }
  const expiry = Date.parse(field("expirationTimestamp") ?? "");
  return {
    credential: {
      ...(token === undefined ? {} : { token }),
      ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
    },
    expiresAtMs: Number.isNaN(expiry) ? undefined : expiry,
  };
}
