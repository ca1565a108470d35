import { describe, expect, it } from "@jest/globals";

import type { ClassRuntime, OPackageDeployment } from "#api/oaas/v1alpha1/index.ts";

import type { Place } from "./observed.ts";
import { placeDeployment } from "./placement.ts";

function place(name: string, given: Partial<Place> = {}): Place {
  return {
    name,
    region: undefined,
    zone: undefined,
    cordoned: false,
    availability: 0.99,
    availabilitySource: "assumed",
    remote: false,
    implied: false,
    ...given,
  };
}

function runtimeIn(environment: string): ClassRuntime {
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "ClassRuntime",
    metadata: { name: `r-${environment}` },
    spec: { class: "p.A", environment },
  };
}

const deployment = (given: Partial<OPackageDeployment> = {}): OPackageDeployment => ({
  name: "d",
  class: "A",
  ...given,
});

describe("placement by plan", () => {
  it.each([
    {
      name: "default, where all are alike",
      places: [place("a"), place("default"), place("z")],
      want: ["default"],
    },
    {
      name: "the most available",
      places: [place("a", { availability: 0.999 }), place("default")],
      want: ["a"],
    },
    {
      name: "the nearest region, however available",
      given: { requirements: { locality: { regions: ["eu", "us"] } } },
      places: [
        place("default", { availability: 1 }),
        place("us-1", { region: "us" }),
        place("eu-1", { region: "eu" }),
      ],
      want: ["eu-1"],
    },
    {
      name: "the nearest zone of the nearest region",
      given: { requirements: { locality: { regions: ["eu"], zones: ["b"] } } },
      places: [place("x", { region: "eu", zone: "a" }), place("y", { region: "eu", zone: "b" })],
      want: ["y"],
    },
    {
      name: "only where it is allowed, free and here",
      given: {
        availableEnvironments: ["far", "full", "ok"],
        constraints: { jurisdiction: ["eu"] },
      },
      places: [
        place("far", { region: "eu", remote: true, availability: 1 }),
        place("full", { region: "eu", cordoned: true, availability: 1 }),
        place("not-listed", { region: "eu", availability: 1 }),
        place("ok", { region: "eu" }),
      ],
      want: ["ok"],
    },
    {
      name: "nowhere if none may be used",
      places: [place("default", { cordoned: true })],
      want: [],
    },
  ])("$name", ({ places, want, given }) => {
    const { placements, pending } = placeDeployment(deployment(given), places, []);
    expect(placements.map((p) => p.place.name)).toEqual(want);
    expect(pending === undefined).toBe(want.length > 0);
  });

  it("stays where it is: a better place does not move it, a cordon does not drive it out", () => {
    const places = [place("better", { availability: 1 }), place("here", { cordoned: true })];
    const { placements, pending } = placeDeployment(deployment(), places, [runtimeIn("here")]);
    expect(placements.map((p) => p.place.name)).toEqual(["here"]);
    expect(placements[0]?.existing?.metadata.name).toBe("r-here");
    expect(pending).toBeUndefined();
  });
});

describe("placement by name", () => {
  it("is what the user says", () => {
    const places = [place("a"), place("default", { availability: 1 })];
    const { placements, why } = placeDeployment(deployment({ environments: ["a"] }), places, []);
    expect(placements.map((p) => p.place.name)).toEqual(["a"]);
    expect(why).toEqual(["environments a: the deployment says so"]);
  });

  it("does not put anything new into a cordoned place, and says so", () => {
    const places = [place("a", { cordoned: true })];
    const given = deployment({ members: [{ id: 7, environment: "a", template: "Dev" }] });
    const waiting = placeDeployment(given, places, []);
    expect(waiting).toMatchObject({ placements: [], pending: "environment a is cordoned" });
    const there = placeDeployment(given, places, [runtimeIn("a")]);
    expect(there.pending).toBeUndefined();
    expect(there.placements[0]?.member).toMatchObject({ id: 7, template: "Dev" });
  });
});
