// What is missing on a host and how a person is told.
import { expect, test } from "@jest/globals";
import { recordedRunner } from "#hack/cluster/testing/recorded-runner.ts";
import { CLUSTER_PROGRAMS, ensureHostPrograms, missingPrograms } from "./host-packages.ts";

test("programs are looked up in PATH and in sbin", () => {
  const have = new Set(["/usr/bin/runc", "/usr/sbin/iptables"]);
  const wanted = CLUSTER_PROGRAMS.filter((one) =>
    ["runc", "iptables", "ctr"].includes(one.program),
  );
  const missing = missingPrograms(wanted, (path) => have.has(path), "/usr/bin");
  expect(missing.map((one) => one.program)).toEqual(["ctr"]);
});

test("a CNI plugin is a file in one of the CNI folders, not the bridge program in PATH", () => {
  const wanted = CLUSTER_PROGRAMS.filter((one) => one.program === "bridge");
  const missing = (path: string): number =>
    missingPrograms(wanted, (candidate) => candidate === path, "/usr/sbin").length;
  expect(missing("/usr/sbin/bridge")).toBe(1);
  expect(missing("/opt/cni/bin/bridge")).toBe(0);
});

test("without apt the message names program, purpose, package and the other engines", async () => {
  const runner = recordedRunner([{ when: "apt-get --version", code: 127 }]);
  const wanted = [{ program: "no-such-program", package: "some-package", purpose: "shows it" }];
  await expect(ensureHostPrograms(runner, () => undefined, wanted)).rejects.toThrow(
    /no-such-program \(shows it\).*apt-get install some-package.*--engine kind/,
  );
  expect(runner.lines).toEqual(["apt-get --version"]);
});

test("nothing runs when nothing is missing", async () => {
  const runner = recordedRunner([]);
  await ensureHostPrograms(runner, () => undefined, []);
  expect(runner.lines).toEqual([]);
});
