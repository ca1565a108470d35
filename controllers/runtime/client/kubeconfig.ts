// Reads a kubeconfig as far as operators need it: certificates, tokens, passwords and credential
// plugins. client-node reads the rest (the retired auth providers); it is loaded only then, because
// importing it takes a second and 87 MB, and its plugin cache survives a refusal by the server.

import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";

import { parse } from "yaml";

import type { ExecConfig } from "./exec-plugin.ts";

/** The parts of one context that say how to connect. Files are read, plugins are not run. */
export interface KubeconfigAccess {
  readonly server: string;
  /** PEM. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly tlsServerName?: string;
  readonly insecure: boolean;
  /** Value of the Authorization header. */
  readonly authorization?: string;
  readonly exec?: ExecConfig;
  /** True if only client-node knows this kind of user. */
  readonly authProvider: boolean;
}

/** The file is no kubeconfig, or what it says cannot be followed. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads `path`; `context` is the file's current one if not given. */
export async function readKubeconfigFile(
  path: string,
  context: string | undefined,
): Promise<KubeconfigAccess> {
  const document = fieldsOf(parse(await readFile(path, "utf8")), "the kubeconfig");
  const name = context ?? text(document, "current-context") ?? "";
  const chosen = entry(document, "contexts", name, "context");
  const cluster = entry(document, "clusters", text(chosen, "cluster") ?? "", "cluster");
  const user = entry(document, "users", text(chosen, "user") ?? "", "user");
  for (const [fields, field] of [
    [cluster, "proxy-url"],
    [user, "as"],
  ] as const) {
    if (fields[field] !== undefined) throw new KubeconfigError(`${field} is not supported`);
  }
  const server = text(cluster, "server");
  if (server === undefined) throw new KubeconfigError(`no server for context "${name}"`);
  const directory = dirname(path);
  const [ca, certificate, key, authorization] = await Promise.all([
    pem(cluster, "certificate-authority", directory),
    pem(user, "client-certificate", directory),
    pem(user, "client-key", directory),
    authorizationOf(user, directory),
  ]);
  const exec = execOf(user, cluster, directory, ca);
  const tlsServerName = text(cluster, "tls-server-name");
  return {
    server,
    insecure: cluster["insecure-skip-tls-verify"] === true,
    authProvider: user["auth-provider"] !== undefined,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(exec === undefined ? {} : { exec }),
  };
}

/** Token, token file (which wins, as it is newer) or password. */
async function authorizationOf(user: Fields, directory: string): Promise<string | undefined> {
  const file = text(user, "tokenFile");
  const token =
    file === undefined
      ? text(user, "token")
      : (await readFile(resolve(directory, file), "utf8")).trim();
  if (token !== undefined) return `Bearer ${token}`;
  const name = text(user, "username");
  if (name === undefined) return undefined;
  const password = text(user, "password") ?? "";
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

function execOf(
  user: Fields,
  cluster: Fields,
  directory: string,
  ca: string | undefined,
): ExecConfig | undefined {
  if (user["exec"] === undefined || user["exec"] === null) return undefined;
  const exec = fieldsOf(user["exec"], "exec");
  const command = text(exec, "command");
  const apiVersion = text(exec, "apiVersion");
  if (command === undefined || apiVersion === undefined) {
    throw new KubeconfigError("exec needs command and apiVersion");
  }
  const info = {
    server: text(cluster, "server"),
    ...(ca === undefined
      ? {}
      : { "certificate-authority-data": Buffer.from(ca).toString("base64") }),
    ...(text(cluster, "tls-server-name") === undefined
      ? {}
      : { "tls-server-name": text(cluster, "tls-server-name") }),
  };
  return {
    apiVersion,
    command,
    args: list(exec, "args").map(String),
    env: list(exec, "env").map((one) => {
      const fields = fieldsOf(one, "env");
      return { name: text(fields, "name") ?? "", value: text(fields, "value") ?? "" };
    }),
    directory,
    ...(exec["provideClusterInfo"] === true ? { cluster: info } : {}),
  };
}

/** `<field>-data` in base64, which wins, or the file that `<field>` names. */
async function pem(fields: Fields, field: string, directory: string): Promise<string | undefined> {
  const data = text(fields, `${field}-data`);
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  const file = text(fields, field);
  return file === undefined ? undefined : readFile(resolve(directory, file), "utf8");
}

/** The named entry of a list of `{name, <what>: {...}}`. */
function entry(document: Fields, plural: string, name: string, what: string): Fields {
  for (const one of list(document, plural)) {
    const fields = fieldsOf(one, plural);
    if (fields["name"] === name) return fieldsOf(fields[what] ?? {}, what);
  }
  throw new KubeconfigError(`no ${what} "${name}" in the kubeconfig`);
}

function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw new KubeconfigError(`${name} is no list`);
  return value;
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new KubeconfigError(`${what} is no mapping`);
  }
  return value as Fields;
}

/** Empty texts count as absent, as kubectl writes them. */
function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw new KubeconfigError(`${name} is no text`);
  return value;
}

function resolve(directory: string, file: string): string {
  return isAbsolute(file) ? file : join(directory, file);
}
