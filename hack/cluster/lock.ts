// Mutual exclusion between processes of one machine. A lock is a listening socket: the kernel drops
// it with its owner, so a killed process never leaves one behind and nothing has to be cleaned up.
import { mkdirSync, rmSync } from "node:fs";
import { createServer, connect } from "node:net";
import type { Server } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { waitFor } from "./wait.ts";

const ABSTRACT = process.platform === "linux";

/** Runs `body` while no other process of this machine holds the lock `name`. */
export async function withLock<T>(
  name: string,
  options: { readonly deadlineMs: number; readonly onWait?: () => void },
  body: () => Promise<T>,
): Promise<T> {
  let told = false;
  const server = await waitFor(
    async () => {
      const mine = await tryListen(name);
      if (mine !== undefined) return { done: true, value: mine };
      if (!told) options.onWait?.();
      told = true;
      return { done: false, why: "another process holds it" };
    },
    { what: `the lock "${name}"`, deadlineMs: options.deadlineMs },
  );
  try {
    return await body();
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function address(name: string): string {
  if (ABSTRACT) return `\0oaas-operator/${name}`;
  const folder = join(tmpdir(), `oaas-operator-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name.replaceAll("/", "_")}.lock`);
}

async function tryListen(name: string): Promise<Server | undefined> {
  const path = address(name);
  const server = createServer((socket) => socket.destroy());
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once("error", resolve);
    server.listen(path, () => resolve(undefined));
  });
  if (error === undefined) return server;
  if (error.code !== "EADDRINUSE") throw error;
  // A socket file outlives its owner where there are no abstract sockets; one that refuses is
  // stale.
  if (!ABSTRACT && (await refuses(path))) rmSync(path, { force: true });
  return undefined;
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}
