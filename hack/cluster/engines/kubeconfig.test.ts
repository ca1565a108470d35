// The kubeconfig engine against a recorded runner.
import { expect, test } from "@jest/globals";
import { recordedFiles, recordedRunner } from "../testing/recorded-runner.ts";
import type { RecordedAnswer } from "../testing/recorded-runner.ts";
import { kubeconfigEngine } from "./kubeconfig.ts";

const SPEC = { name: "dev", context: "prod-east" };

function engineOn(answers: readonly RecordedAnswer[]) {
  const runner = recordedRunner(answers);
  const files = recordedFiles();
  const engine = kubeconfigEngine({
    runner,
    files,
    base: "/state",
    say: () => undefined,
    references: () =>
      Promise.resolve(["oaas-operator.local/odgm:0a1b", "oaas-operator.local/odgm:dev"]),
  });
  return { runner, files, engine };
}

test("up copies the one context and asks whether the cluster is ready", async () => {
  const { runner, files, engine } = engineOn([{ when: "kubectl config view", stdout: "copied" }]);
  const cluster = await engine.up(SPEC);
  expect(runner.lines).toEqual([
    "kubectl config view --minify --flatten --raw --context=prod-east",
    "kubectl get --raw /readyz",
  ]);
  expect(files.lines).toEqual(["write /state/kubeconfig-dev/kubeconfig: copied"]);
  expect(runner.options[1]?.env).toEqual({ KUBECONFIG: "/state/kubeconfig-dev/kubeconfig" });
  expect(cluster.kubeconfigPath).toBe("/state/kubeconfig-dev/kubeconfig");
});

test("without a context it is refused before anything runs", async () => {
  const { runner, engine } = engineOn([]);
  await expect(engine.up({ name: "dev" })).rejects.toThrow("--context NAME");
  expect(runner.lines).toEqual([]);
});

test("down removes our copy and touches no cluster", async () => {
  const { runner, files, engine } = engineOn([]);
  await engine.down(SPEC);
  expect(runner.lines).toEqual([]);
  expect(files.lines).toEqual(["remove /state/kubeconfig-dev"]);
});

test("a cluster that is somebody else's is never made anew", async () => {
  const { runner, engine } = engineOn([]);
  await expect(engine.up({ ...SPEC, fresh: true })).rejects.toThrow("removes no cluster");
  expect(runner.lines).toEqual([]);
});

test("images need a registry", async () => {
  const { engine } = engineOn([]);
  const cluster = await engine.up(SPEC);
  await expect(cluster.loadImages(["/a.tar"])).rejects.toThrow("--registry PREFIX");
});

const PUSHES = [
  {
    name: "with skopeo straight from the archive",
    skopeo: 0,
    want: [
      "skopeo copy docker-archive:/a.tar:oaas-operator.local/odgm:0a1b docker://r.example/x/odgm:0a1b",
      "skopeo copy docker-archive:/a.tar:oaas-operator.local/odgm:dev docker://r.example/x/odgm:dev",
    ],
  },
  {
    name: "else through Docker",
    skopeo: 127,
    want: [
      "docker load --input=/a.tar",
      "docker tag oaas-operator.local/odgm:0a1b r.example/x/odgm:0a1b",
      "docker push r.example/x/odgm:0a1b",
      "docker tag oaas-operator.local/odgm:dev r.example/x/odgm:dev",
      "docker push r.example/x/odgm:dev",
    ],
  },
] as const;

for (const { name, skopeo, want } of PUSHES) {
  test(`images are pushed ${name}`, async () => {
    const { runner, engine } = engineOn([{ when: "skopeo --version", code: skopeo }]);
    const cluster = await engine.up({ ...SPEC, registry: "r.example/x/" });
    runner.lines.length = 0;
    await cluster.loadImages(["/a.tar"]);
    expect(runner.lines).toEqual(["skopeo --version", ...want]);
    expect(cluster.imageRegistry).toBe("r.example/x/");
  });
}

test("status shows the nodes", async () => {
  const { engine } = engineOn([{ when: "kubectl get nodes", stdout: "a True\nb Unknown\n" }]);
  expect(await engine.status(SPEC)).toEqual([
    { part: "a", state: "ready", detail: "" },
    { part: "b", state: "not ready", detail: "" },
  ]);
});

test("nodes cannot be switched", async () => {
  const { engine } = engineOn([]);
  const cluster = await engine.up(SPEC);
  expect(() => cluster.node("a")).toThrow("somebody else's");
});
