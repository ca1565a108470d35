import { afterEach, describe, expect, it, jest } from "@jest/globals";

import { parseOptions } from "./options.ts";

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

describe("wrong options end the process with a message that names them", () => {
  const image = ["--odgm-image", "x:1"];
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([
    ["no image", [], pod, "--odgm-image"],
    ["an unknown flag", [...image, "--odgm-imge", "y"], pod, "--odgm-imge"],
    ["neither pod nor kubeconfig", image, {}, "--kubeconfig FILE"],
    ["a port too high", [...image, "--health-listen", ":70000"], pod, "HOST:PORT"],
    ["a life of nothing", [...image, "--certificate-lifetime-hours", "0"], pod, "at least 0.1"],
    ["a life that is no number", [...image, "--authority-lifetime-hours", "x"], pod, "at least"],
    ["a bad namespace", [...image, "--watch-namespaces", "a,B_"], pod, '"B_" is no name'],
    ["a bad log level", [...image, "--log-level", "loud"], pod, "--log-level"],
  ])("%s", (_name, args, env, says) => {
    let text = "";
    jest.spyOn(process.stderr, "write").mockImplementation((chunk) => {
      text += String(chunk);
      return true;
    });
    jest.spyOn(process, "exit").mockImplementation((code) => {
      throw new Error(`exit ${String(code)}`);
    });
    expect(() => parseOptions(args, env)).toThrow("exit 1");
    expect(text).toContain(says);
  });
});
