// Every property of every kind is set, changed and taken away on the real controllers: children and
// status must follow, or the object must say that and where it cannot be served; afterwards all is
// as it was. Wrong values are refused by a real API server, by name. Source of the idea: Acto
// (SOSP 2023).
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { ApiServer, KINDS } from "../kinds/api-server.ts";
import type { Manifest } from "../kinds/api-server.ts";
import { BASES } from "./bases.ts";
import { namesPlace, placeOf, withValue } from "./documents.ts";
import { CHOSEN_ONCE, REMEMBERED, SILENT, VALUES } from "./exceptions.ts";
import { planMutations } from "./plan.ts";
import { propertiesOf, specSchema } from "./schema.ts";
import { Stage } from "./stage.ts";
import { leastValue, wrongValues } from "./values.ts";

const OPEN_MS = 120_000;
let api: ApiServer;

beforeAll(async () => {
  api = await ApiServer.open("conformance-mutation");
}, OPEN_MS);

afterAll(async () => {
  await api?.close();
}, OPEN_MS);

describe.each(KINDS.map(({ kind }) => kind))("%s", (kind) => {
  const schema = specSchema(kind);
  const properties = propertiesOf(schema);
  const bases = BASES[kind] ?? [];
  const stage = new Stage(kind);

  beforeAll(async () => {
    for (const { manifest } of bases) {
      expect(await api.create(manifest, { dryRun: false })).toMatchObject({ ok: true });
    }
  }, OPEN_MS);

  afterAll(async () => {
    await stage.end();
  });

  it.each(properties.map((property) => [property.path, property] as const))(
    "%s: set, changed, taken away",
    async (path, property) => {
      const silent = SILENT[kind]?.[path];
      const outcome = await stage.play(
        planMutations(api, { kind, property, schema, bases }),
        property.steps,
        { firstOnly: silent !== undefined },
      );
      const remembered = REMEMBERED[kind]?.[path];
      expect({
        problems: outcome.problems,
        shows: outcome.shows.length > 0 || silent === undefined,
        isSilent: outcome.shows.length === 0,
        residue: remembered === undefined ? outcome.residue : [],
        isForgotten: remembered !== undefined && outcome.residue.length === 0,
      }).toEqual({
        problems: [],
        shows: silent === undefined,
        isSilent: silent !== undefined,
        residue: [],
        isForgotten: false,
      });
    },
  );

  it.each(properties.map((property) => [property.path, property] as const))(
    "%s: wrong values are refused by name",
    async (_path, { steps, schema: own }) => {
      const least = leastValue(schema);
      const answers = await Promise.all(
        wrongValues(own).map(async ({ how, value }) => {
          const spec = withValue(least, steps, value, schema);
          const manifest: Manifest = {
            apiVersion: bases[0]?.manifest.apiVersion ?? "",
            kind,
            metadata: { name: "wrong" },
            spec,
          };
          const answer = await api.create(manifest, { dryRun: true });
          const said = answer.ok ? "accepted" : answer.message;
          return namesPlace(said, steps) ? [] : [`${how}: ${said}`];
        }),
      );
      expect(answers.flat()).toEqual([]);
    },
  );

  it("has no exception for a property that it has not", () => {
    const paths = new Set(properties.map(({ path }) => path));
    const tables = [VALUES, SILENT, REMEMBERED, CHOSEN_ONCE];
    const named = tables.flatMap((table) => Object.keys(table[kind] ?? {}));
    expect(named.filter((path) => !paths.has(path))).toEqual([]);
    expect(placeOf(["a", "[]", "b"])).toBe("spec.a[0].b");
  });
});
