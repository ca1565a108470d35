import { describe, expect, it } from "@jest/globals";

import { useOf } from "./request-use.ts";
import type { RequestLogEntry } from "./request-log.ts";

const entry = (parts: Partial<RequestLogEntry>): RequestLogEntry => ({
  cluster: "",
  method: "GET",
  path: "/api/v1/pods",
  query: {},
  status: 200,
  watch: false,
  ...parts,
});

describe("useOf", () => {
  it.each([
    [{}, "", "pods", ["list"], "", ""],
    [{ watch: true }, "", "pods", ["watch"], "", ""],
    [{ path: "/api/v1/namespaces/a/pods/b" }, "", "pods", ["get"], "a", "b"],
    [{ path: "/api/v1/namespaces/a" }, "", "namespaces", ["get"], "", "a"],
    [{ path: "/api/v1/namespaces/a/status" }, "", "namespaces/status", ["get"], "", "a"],
    [
      { method: "PATCH", path: "/apis/x.io/v1/namespaces/a/things/b/status" },
      "x.io",
      "things/status",
      ["patch"],
      "a",
      "b",
    ],
    [
      { method: "PATCH", path: "/apis/x.io/v1/namespaces/a/things/b", status: 201 },
      "x.io",
      "things",
      ["patch", "create"],
      "a",
      "b",
    ],
    [
      {
        path: "/apis/coordination.k8s.io/v1/namespaces/a/leases",
        query: { fieldSelector: "metadata.name=op" },
        watch: true,
      },
      "coordination.k8s.io",
      "leases",
      ["watch"],
      "a",
      "op",
    ],
    [
      { method: "DELETE", path: "/api/v1/namespaces/a/pods" },
      "",
      "pods",
      ["deletecollection"],
      "a",
      "",
    ],
  ] as const)("%j", (parts, apiGroup, resource, verbs, namespace, name) => {
    const use = useOf(entry(parts));
    expect(use).toEqual({ cluster: "", apiGroup, resource, verbs, namespace, name });
  });

  it("knows what is no resource", () => {
    expect(useOf(entry({ path: "/version" }))).toBeUndefined();
  });
});
