import { describe, expect, it } from "@jest/globals";

import type { Consistency } from "#api/oaas/v1alpha1/index.ts";

import { availabilityText, planData } from "./data.ts";
import type { DataInput } from "./data.ts";

interface Given {
  readonly deployment?: Partial<DataInput["deployment"]>;
  readonly consistency?: Consistency;
  readonly availability?: number;
  readonly memory?: DataInput["memory"];
}

function input(given: Given): DataInput {
  return {
    deployment: { name: "d", class: "A", ...given.deployment },
    path: "spec.deployments[0]",
    consistency: given.consistency ?? "None",
    consistencyPath: "spec.classes[0].consistency",
    availability: given.availability ?? 0.99,
    memory: given.memory,
  };
}

describe("planData", () => {
  it.each<{ readonly name: string; readonly given: Given; readonly want: object }>([
    {
      name: "nothing asks for anything",
      given: {},
      want: { partitions: 1, replicas: 1, shardType: "Basic", achieved: 0.99 },
    },
    {
      name: "an availability that one place has",
      given: { deployment: { requirements: { availability: "0.99" } } },
      want: { replicas: 1, shardType: "Basic" },
    },
    {
      name: "an availability that takes three",
      given: { deployment: { requirements: { availability: "0.999" } } },
      want: { replicas: 3, shardType: "Mst" },
    },
    {
      name: "ReadYourWrites with one replica",
      given: { consistency: "ReadYourWrites" },
      want: { replicas: 1, shardType: "Basic" },
    },
    {
      name: "ReadYourWrites with three",
      given: {
        consistency: "ReadYourWrites",
        deployment: { requirements: { availability: "0.999" } },
      },
      want: { replicas: 3, shardType: "Raft" },
    },
    {
      name: "ReadYourWrites with two: Raft, and an odd count",
      given: {
        consistency: "ReadYourWrites",
        availability: 0.99,
        deployment: { requirements: { availability: "0.995" } },
      },
      want: { replicas: 3, shardType: "Raft", problems: [] },
    },
    {
      name: "Raft by name: at least three",
      given: { deployment: { shardType: "Raft" } },
      want: { replicas: 3, shardType: "Raft", problems: [] },
    },
    {
      name: "BoundedStaleness with one replica",
      given: { consistency: "BoundedStaleness" },
      want: { replicas: 1, shardType: "Basic" },
    },
    {
      name: "Strong: at least three",
      given: { consistency: "Strong" },
      want: { replicas: 3, shardType: "Raft", problems: [] },
    },
    {
      name: "Strong: the next odd count",
      given: {
        consistency: "Strong",
        availability: 0.99,
        deployment: { requirements: { availability: "0.99998" } },
      },
      want: { replicas: 5, shardType: "Raft" },
    },
    {
      name: "an explicit Basic wins over Strong: one replica, every read sees the last write",
      given: { consistency: "Strong", deployment: { shardType: "Basic" } },
      want: { replicas: 1, shardType: "Basic", problems: [] },
    },
    {
      name: "an explicit Basic wins over an availability, which is told",
      given: { deployment: { shardType: "Basic", requirements: { availability: "0.999" } } },
      want: {
        replicas: 1,
        shardType: "Basic",
        problems: [],
        why: [
          "partitions 1: nothing asks for more",
          "replicas 1: shardType Basic has one, although replicas 3: requirements.availability " +
            "0.999 at 0.99 per place",
          "shardType Basic: the deployment says so",
          "requirements.availability 0.999 is not reached: 0.99 with 1 replica",
        ],
      },
    },
    {
      name: "explicit partitions, fewer than there are: the user's edit",
      given: { deployment: { partitions: 2 }, memory: { partitions: 8 } },
      want: { partitions: 2 },
    },
    {
      name: "planned partitions are remembered and never lowered",
      given: { memory: { partitions: 8 } },
      want: { partitions: 8 },
    },
    {
      name: "a throughput, as long as nothing is measured",
      given: { deployment: { requirements: { throughputRps: 5000 } } },
      want: {
        partitions: 1,
        why: expect.arrayContaining([
          "partitions 1: what one partition carries of 5000 calls/s is not measured yet",
        ]),
      },
    },
    {
      name: "planned replicas are remembered and never lowered",
      given: { memory: { replicas: 3, shardType: "Mst" } },
      want: { replicas: 3, shardType: "Mst" },
    },
    {
      name: "the shard type of data that is there stays",
      given: {
        deployment: { requirements: { availability: "0.999" } },
        memory: { replicas: 1, shardType: "Basic" },
      },
      want: { replicas: 1, shardType: "Basic", problems: [] },
    },
    {
      name: "maxReplicas limits a plan, which is told",
      given: {
        deployment: { requirements: { availability: "0.999" }, constraints: { maxReplicas: 1 } },
      },
      want: { replicas: 1, shardType: "Basic", problems: [] },
    },
  ])("$name", ({ given, want }) => {
    expect(planData(input(given))).toMatchObject(want);
  });

  it.each([
    {
      name: "several replicas of Basic",
      given: { deployment: { shardType: "Basic", replicas: 2 } },
      want: ["Invalid spec.deployments[0].replicas"],
    },
    {
      name: "Mst for a class that is Strong",
      given: { consistency: "Strong", deployment: { shardType: "Mst" } },
      want: ["Invalid spec.deployments[0].shardType"],
    },
    {
      name: "an even count of Raft",
      given: { deployment: { shardType: "Raft", replicas: 4 } },
      want: ["Invalid spec.deployments[0].replicas"],
    },
    {
      name: "more replicas than the limit",
      given: { deployment: { replicas: 3, constraints: { maxReplicas: 2 } } },
      want: ["Invalid spec.deployments[0].replicas"],
    },
  ] as const)("refuses $name", ({ given, want }) => {
    const { problems } = planData(input(given));
    expect(problems.map((p) => `${p.reason} ${p.path}`)).toEqual(want);
  });

  it.each([
    {
      cause: "the shard type that the deployment says",
      given: { deployment: { shardType: "Raft", replicas: 2 } },
      want: "Raft of spec.deployments[0].shardType needs an odd count of replicas; use 3",
    },
    {
      cause: "the consistency of the class",
      given: { consistency: "Strong", deployment: { replicas: 2 } },
      want:
        "consistency Strong of spec.classes[0].consistency (a Raft majority) " +
        "needs an odd count of replicas; use 3",
    },
    {
      cause: "the data that is there",
      given: { memory: { replicas: 3, shardType: "Raft" }, deployment: { replicas: 2 } },
      want: "the Raft data that is there needs an odd count of replicas; use 3",
    },
  ] as const)("names $cause where an even count does not fit it", ({ given, want }) => {
    expect(planData(input(given)).problems.map(({ message }) => message)).toEqual([want]);
  });
});

describe("availabilityText", () => {
  it.each([
    [1, "1"],
    [0.99, "0.99"],
    [0.999702, "0.999702"],
    [0.9999999999, "0.999999999"],
    [0, "0"],
  ])("of %d is %s: rounded down, never flattering", (given, want) => {
    expect(availabilityText(given)).toBe(want);
  });
});
