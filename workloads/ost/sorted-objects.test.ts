import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { ObjectId } from "#workloads/core/ost/index.ts";
import { ID_ZERO } from "#workloads/core/ost/index.ts";

import { SortedObjects } from "./sorted-objects.ts";

const idOf = (n: number) =>
  `00000000-0000-7000-8000-${n.toString(16).padStart(12, "0")}` as ObjectId;

describe("SortedObjects", () => {
  it("pages like a sorted list, whatever was put in and taken out", () => {
    const change = fc.record({ add: fc.boolean(), n: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(fc.array(change), fc.integer({ min: 1, max: 5 }), (changes, limit) => {
        const objects = new SortedObjects<number>();
        const model = new Set<number>();
        for (const { add, n } of changes) {
          if (add) objects.set(idOf(n), n);
          else objects.delete(idOf(n));
          if (add) model.add(n);
          else model.delete(n);
        }
        const found: ObjectId[] = [];
        for (let after: ObjectId | undefined = ID_ZERO; after !== undefined;) {
          const page = objects.page(after, limit);
          expect(page.ids.length).toBeLessThanOrEqual(limit);
          found.push(...page.ids);
          after = page.next;
        }
        expect(found).toEqual([...model].sort((a, b) => a - b).map(idOf));
        expect(objects.size).toBe(model.size);
      }),
    );
  });
});
