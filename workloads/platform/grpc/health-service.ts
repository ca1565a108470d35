// grpc.health.v1.Health: is the server, or one of its services, ready to be called?
import { create } from "@bufbuild/protobuf";
import type { Server } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";

import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "#api/gen/grpc-health_pb.ts";

import { GrpcFailure } from "./failure.ts";
import { addService } from "./server.ts";

const WATCH_MS = 1000;

/** What is served, and whether it is ready; asked at every check. */
export interface HealthServiceOptions {
  /** Full names of services; the empty name (the whole server) is always known. */
  readonly services: readonly string[];
  readonly isServing: () => boolean;
}

/** Adds the service. Check of an unknown name is NOT_FOUND, Watch of one SERVICE_UNKNOWN. */
export function addHealthService(server: Server, options: HealthServiceOptions): void {
  const known = new Set(["", ...options.services]);
  const now = (): Serving => (options.isServing() ? Serving.SERVING : Serving.NOT_SERVING);
  addService(server, Health, {
    check: ({ service }) => {
      if (known.has(service)) {
        return Promise.resolve(create(HealthCheckResponseSchema, { status: now() }));
      }
      return Promise.reject(
        new GrpcFailure(status.NOT_FOUND, "NO_SERVICE", `no service "${service}" here`),
      );
    },
    watch: async function* ({ service }, { signal }) {
      let told: Serving | undefined;
      while (!signal.aborted) {
        const state = known.has(service) ? now() : Serving.SERVICE_UNKNOWN;
        if (state !== told) yield create(HealthCheckResponseSchema, { status: state });
        told = state;
        await pause(signal);
      }
    },
  });
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, WATCH_MS);
    signal.addEventListener("abort", end, { once: true });
  });
}
