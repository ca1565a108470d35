import { describe, expect, it } from "@jest/globals";

import { parseListen, parseOptions } from "./options.ts";

const pod = {
  KUBERNETES_SERVICE_HOST: "10.0.0.1",
  KUBERNETES_SERVICE_PORT: "6443",
  POD_NAME: "oaas-operator-0",
  POD_NAMESPACE: "somewhere",
};

describe("parseOptions", () => {
  it("takes a pod's environment", () => {
    const options = parseOptions(["--odgm-image", "x:1"], pod);
    expect(options).toMatchObject({
      cluster: { kind: "in-cluster", host: "10.0.0.1", port: 6443 },
      namespace: "somewhere",
      identity: "oaas-operator-0",
      leaderElect: true,
      routingListen: "0.0.0.0:8083",
    });
  });

  it("takes a kubeconfig and a list of namespaces", () => {
    const flags = ["--odgm-image", "x:1", "--kubeconfig", "k", "--watch-namespaces", "a, b"];
    const options = parseOptions(flags, {});
    expect(options.cluster).toEqual({ kind: "kubeconfig", path: "k" });
    expect(options.watchNamespaces).toEqual(["a", "b"]);
  });
});

describe("parseListen", () => {
  it.each([
    [":9090", { host: "0.0.0.0", port: 9090 }],
    ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
    ["[::1]:80", { host: "::1", port: 80 }],
  ])("reads %s", (text, want) => expect(parseListen(text)).toEqual(want));

  it.each(["9090", "host:", "host:70000"])("refuses %s", (text) => {
    expect(() => parseListen(text)).toThrow("HOST:PORT");
  });
});
