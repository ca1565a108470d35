import { describe, expect, it } from "@jest/globals";

import { widgetController } from "../testing/widgets.ts";
import { missingPermissions } from "./permissions.ts";

const port = { calls: [], fail: false };

describe("missingPermissions", () => {
  it("names every right that the framework would use", () => {
    const missing = missingPermissions(widgetController(port));
    expect(missing).toContain("patch example.io/widgets/status");
    expect(missing).toContain("create configmaps");
    expect(missing).not.toContain("patch example.io/widgets");
  });

  it("is empty where all is declared", () => {
    const all = ["create", "delete", "get", "list", "patch", "update", "watch"];
    const permissions = [
      {
        apiGroups: ["example.io"],
        resources: ["widgets", "widgets/finalizers", "widgets/status"],
        verbs: all,
      },
      { apiGroups: [""], resources: ["configmaps", "services"], verbs: all },
    ];
    expect(missingPermissions(widgetController(port, { permissions }))).toEqual([]);
  });
});
