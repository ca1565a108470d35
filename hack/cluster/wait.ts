// Waiting for conditions of the real world: poll, with a deadline, and with a message that says
// what was last seen. There are no fixed sleeps in the harness.
import { setTimeout as delay } from "node:timers/promises";
import { errorMessage } from "#api/base/index.ts";
import { ClusterError } from "./run.ts";

/** What a probe saw: done with a value, or not yet and why. */
export type Probe<T> =
  { readonly done: true; readonly value: T } | { readonly done: false; readonly why: string };

/** How long to wait for what. */
export interface WaitOptions {
  /** Completes "waited N s for ...". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Pause between two probes; 100 ms by default. */
  readonly intervalMs?: number;
  /** Called at the deadline; its text is appended to the message (log tails). */
  readonly details?: () => string | Promise<string>;
}

/** The value of the first probe that is done. A probe that throws counts as "not yet". */
export async function waitFor<T>(probe: () => Promise<Probe<T>>, options: WaitOptions): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    let why: string;
    try {
      const seen = await probe();
      if (seen.done) return seen.value;
      why = seen.why;
    } catch (cause) {
      if (cause instanceof ClusterError && cause.code === "CLUSTER_STATE") throw cause;
      why = errorMessage(cause);
    }
    if (performance.now() - startedAt > options.deadlineMs) {
      const details = options.details === undefined ? "" : `\n${await options.details()}`;
      const seconds = Math.round(options.deadlineMs / 1000);
      const message = `waited ${seconds} s for ${options.what}; last seen: ${why}${details}`;
      throw new ClusterError("CLUSTER_TIMEOUT", message);
    }
    await delay(options.intervalMs ?? 100);
  }
}

/**
 * Waits until all have ended, then throws the first failure if there was one. Unlike Promise.all
 * nothing is still at work afterwards, so that what was begun can be undone.
 */
export async function together(tasks: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(tasks);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
