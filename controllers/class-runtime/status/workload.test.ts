import { describe, expect, it } from "@jest/globals";
import type { Deployment, DeploymentCondition } from "kubernetes-types/apps/v1.js";
import type { ContainerStatus, Pod } from "kubernetes-types/core/v1.js";

import { judgeWorkload } from "./workload.ts";

function deployment(
  counts: { replicas?: number; ready?: number; updated?: number; generation?: number } = {},
  conditions: DeploymentCondition[] = [],
): Deployment {
  const ready = counts.ready ?? 0;
  return {
    metadata: { name: "d", generation: counts.generation ?? 1 },
    spec: { replicas: counts.replicas ?? 2, selector: {}, template: {} },
    status: {
      observedGeneration: 1,
      replicas: counts.replicas ?? 2,
      readyReplicas: ready,
      availableReplicas: ready,
      updatedReplicas: counts.updated ?? counts.replicas ?? 2,
      conditions,
    },
  };
}

function pod(status: Partial<ContainerStatus>, extra: Partial<Pod> = {}): Pod {
  return {
    metadata: { name: "p", creationTimestamp: "2026-01-01T00:00:00Z" },
    ...extra,
    status: {
      containerStatuses: [
        { name: "function", image: "i:1", imageID: "", ready: false, restartCount: 0, ...status },
      ],
      ...extra.status,
    },
  };
}

const pullBackOff = pod({
  state: { waiting: { reason: "ImagePullBackOff", message: 'Back-off pulling image "i:1"' } },
});

describe("judgeWorkload", () => {
  it("has nothing to say about pods of a Deployment that is as wanted", () => {
    const health = judgeWorkload(deployment({ ready: 2 }), [pullBackOff]);
    expect(health).toEqual({ ready: 2, replicas: 2, settled: true });
  });

  it("does not believe counts of an older generation", () => {
    const health = judgeWorkload(deployment({ ready: 2, generation: 2 }), []);
    expect(health.settled).toBe(false);
  });

  it("waits while the last old pod has not gone", () => {
    expect(judgeWorkload(deployment({ ready: 2, updated: 1 }), []).settled).toBe(false);
  });

  it("says Pending before the Deployment is there", () => {
    expect(judgeWorkload(undefined, []).trouble).toEqual({
      reason: "Pending",
      message: "not created yet",
      failing: false,
    });
  });

  it.each([
    {
      name: "an image that cannot be pulled",
      pods: [pullBackOff],
      want: { reason: "ImagePullFailed", message: 'image i:1: Back-off pulling image "i:1"' },
    },
    {
      name: "an image name that is none",
      pods: [pod({ state: { waiting: { reason: "InvalidImageName" } } })],
      want: { reason: "ImagePullFailed", message: "image i:1: InvalidImageName" },
    },
    {
      name: "a crash loop, with how it ended",
      pods: [
        pod({
          restartCount: 3,
          state: { waiting: { reason: "CrashLoopBackOff" } },
          lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
        }),
      ],
      want: {
        reason: "CrashLooping",
        message: "container function ended with code 137 (OOMKilled), 3 restarts",
      },
    },
    {
      name: "a container that has just died",
      pods: [pod({ state: { terminated: { exitCode: 1, reason: "Error", message: "no\nport" } } })],
      want: {
        reason: "CrashLooping",
        message: "container function ended with code 1 (Error), 0 restarts: no port",
      },
    },
    {
      name: "a missing Secret",
      pods: [
        pod({
          state: {
            waiting: { reason: "CreateContainerConfigError", message: 'secret "s" not found' },
          },
        }),
      ],
      want: {
        reason: "ConfigError",
        message: 'CreateContainerConfigError: secret "s" not found',
      },
    },
    {
      name: "no node for a hard spread",
      pods: [
        pod(
          {},
          {
            status: {
              conditions: [
                {
                  type: "PodScheduled",
                  status: "False",
                  reason: "Unschedulable",
                  message: "0/1 nodes are available",
                },
              ],
            },
          },
        ),
      ],
      want: { reason: "Unschedulable", message: "0/1 nodes are available" },
    },
    {
      name: "an evicted pod",
      pods: [pod({}, { status: { phase: "Failed", reason: "Evicted", message: "disk" } })],
      want: { reason: "PodsRejected", message: "Evicted: disk" },
    },
  ])("reports $name", ({ pods, want }) => {
    expect(judgeWorkload(deployment(), pods).trouble).toEqual({ ...want, failing: true });
  });

  it.each([
    {
      name: "a quota",
      message: 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0',
      reason: "QuotaExceeded",
    },
    {
      name: "Pod Security",
      message: 'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath',
      reason: "PodSecurityViolation",
    },
    { name: "an admission webhook", message: "denied by policy", reason: "PodsRejected" },
  ])("reports pods refused by $name", ({ message, reason }) => {
    const refused = deployment({}, [
      { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message },
    ]);
    expect(judgeWorkload(refused, []).trouble).toEqual({ reason, message, failing: true });
  });

  it("reports a rollout that makes no progress, unless a pod says why", () => {
    const late = deployment({}, [
      {
        type: "Progressing",
        status: "False",
        reason: "ProgressDeadlineExceeded",
        message: "timed out",
      },
    ]);
    expect(judgeWorkload(late, []).trouble?.reason).toBe("ProgressDeadlineExceeded");
    expect(judgeWorkload(late, [pullBackOff]).trouble?.reason).toBe("ImagePullFailed");
  });

  it("asks the newest pod first, and never one that is going", () => {
    const older = pod(
      { state: { terminated: { exitCode: 2 } } },
      { metadata: { name: "old", creationTimestamp: "2025-12-31T00:00:00Z" } },
    );
    const going = pod(
      { state: { waiting: { reason: "CreateContainerError" } } },
      {
        metadata: {
          name: "going",
          creationTimestamp: "2026-02-01T00:00:00Z",
          deletionTimestamp: "2026-02-01T00:00:01Z",
        },
      },
    );
    const health = judgeWorkload(deployment(), [older, going, pullBackOff]);
    expect(health.trouble?.reason).toBe("ImagePullFailed");
  });

  it("is patient with pods that are only starting", () => {
    const starting = pod({ state: { waiting: { reason: "ContainerCreating" } } });
    expect(judgeWorkload(deployment({ ready: 1 }), [starting]).trouble).toEqual({
      reason: "WaitingForPods",
      message: "1 of 2 pods are ready",
      failing: false,
    });
  });

  it("does not take a container that is up again after a crash for a crash loop", () => {
    const healed = pod({
      ready: true,
      restartCount: 1,
      state: { running: {} },
      lastState: { terminated: { exitCode: 1 } },
    });
    expect(judgeWorkload(deployment({ ready: 1 }), [healed]).trouble?.reason).toBe(
      "WaitingForPods",
    );
  });

  it("bounds what a registry may make it say", () => {
    const long = pod({
      state: { waiting: { reason: "ErrImagePull", message: "x".repeat(5000) } },
    });
    expect(judgeWorkload(deployment(), [long]).trouble?.message).toHaveLength(512);
  });
});
