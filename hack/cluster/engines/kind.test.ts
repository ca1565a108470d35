// The kind engine against a recorded runner: which commands it runs, in which order.
import { expect, test } from "@jest/globals";
import { recordedFiles, recordedRunner } from "../testing/recorded-runner.ts";
import type { RecordedAnswer } from "../testing/recorded-runner.ts";
import { kindConfig, kindEngine, releaserScript } from "./kind.ts";

const UP: readonly RecordedAnswer[] = [
  { when: "kind get clusters", stdout: "other\noaas-dev\n" },
  {
    when: "kind get nodes",
    stdout: "oaas-dev-worker2\noaas-dev-control-plane\noaas-dev-worker\n",
  },
];

function engineOn(answers: readonly RecordedAnswer[]) {
  const runner = recordedRunner(answers);
  const files = recordedFiles();
  const engine = kindEngine({ runner, files, base: "/state", say: () => undefined });
  return { runner, files, engine };
}

test("up without disks makes a cluster with the wanted workers and its own kubeconfig", async () => {
  const { runner, engine } = engineOn([
    { when: "kind get clusters", stdout: "other\n" },
    { when: "kind get nodes", stdout: "oaas-t-worker\noaas-t-control-plane\n" },
  ]);
  const cluster = await engine.up({ name: "t", nodes: 1, disks: { volumes: 0, raw: 0 } });
  expect(runner.lines).toEqual([
    "docker info",
    "kind version",
    "kubectl version --client",
    "kind get clusters",
    "kind create cluster --name=oaas-t --image=kindest/node:v1.34.3 " +
      "--kubeconfig=/state/kind-t/kubeconfig --wait=180s --config=-",
    "kind get nodes --name=oaas-t",
  ]);
  expect(runner.options[4]?.input).toBe(kindConfig(1));
  expect(cluster.nodes).toEqual(["oaas-t-worker"]);
  expect(cluster.kubeconfigPath).toBe("/state/kind-t/kubeconfig");
});

test("disks are formatted, mounted and offered before the releaser starts", async () => {
  const { runner, engine } = engineOn([
    { when: "kind get clusters", stdout: "" },
    { when: "kind get nodes", stdout: "oaas-t-worker\n" },
  ]);
  await engine.up({ name: "t", nodes: 1, disks: { volumes: 1, raw: 0, volumeMib: 64 } });
  const after = runner.lines.slice(6).map((line) => line.slice(0, 70));
  expect(after).toMatchInlineSnapshot(`
[
  "kubectl annotate storageclass standard --overwrite storageclass.kubern",
  "docker exec -i oaas-t-worker sh -c for n in $(seq 0 127); do [ -e /dev",
  "docker exec oaas-t-worker sh -c set -eu;mkdir -p "$1";cd "$1";make() {",
  "docker exec -i oaas-t-worker sh -c set -eu;mkdir -p /var/lib/local-dis",
  "docker exec -i oaas-t-worker sh -c mkdir -p /var/lib/oaas-node/volumes",
  "kubectl apply --server-side -f -",
  "docker exec -i oaas-t-worker sh -c mkdir -p /var/lib/oaas-node && cat ",
  "docker exec oaas-t-control-plane cat /etc/kubernetes/admin.conf",
  "docker exec -i oaas-t-worker sh -c umask 077; cat > /var/lib/oaas-node",
  "docker exec -i oaas-t-worker sh -c cat > /var/lib/oaas-node/releaser.s",
  "docker exec --detach oaas-t-worker sh -c exec sh /var/lib/oaas-node/re",
]
`);
});

test("up of a cluster that is there makes nothing", async () => {
  const { runner, engine } = engineOn(UP);
  const cluster = await engine.up({ name: "dev" });
  expect(runner.lines.some((line) => line.startsWith("kind create"))).toBe(false);
  expect(cluster.nodes).toEqual(["oaas-dev-worker", "oaas-dev-worker2"]);
});

test("a missing tool is named together with the other engines", async () => {
  const { engine } = engineOn([{ when: "kind version", code: 127 }]);
  await expect(engine.up({ name: "dev" })).rejects.toThrow(
    /engine kind needs kind \(go install .*--engine local .*--engine kubeconfig/,
  );
});

test("down deletes the cluster and our folder", async () => {
  const { runner, files, engine } = engineOn([]);
  await engine.down({ name: "dev" });
  expect(runner.lines).toEqual(["kind delete cluster --name=oaas-dev"]);
  expect(files.lines).toEqual(["remove /state/kind-dev"]);
});

test("images are loaded one archive at a time", async () => {
  const { runner, engine } = engineOn(UP);
  const cluster = await engine.up({ name: "dev" });
  runner.lines.length = 0;
  await cluster.loadImages(["/a.tar", "/b.tar"]);
  expect(runner.lines).toEqual([
    "kind load image-archive /a.tar --name=oaas-dev",
    "kind load image-archive /b.tar --name=oaas-dev",
  ]);
});

test("cut adds only the rules that are missing", async () => {
  const iptables = "docker exec oaas-dev-worker iptables -w -t";
  const { runner, engine } = engineOn([
    ...UP,
    { when: `${iptables} raw -C`, code: 0 },
    { when: `${iptables} mangle -C`, code: 1 },
  ]);
  const cluster = await engine.up({ name: "dev" });
  runner.lines.length = 0;
  await cluster.node("oaas-dev-worker").cut();
  expect(runner.lines).toEqual([
    `${iptables} raw -C PREROUTING -i eth0 -j DROP`,
    `${iptables} mangle -C POSTROUTING -o eth0 -j DROP`,
    `${iptables} mangle -I POSTROUTING -o eth0 -j DROP`,
  ]);
});

test("a node that is not there is refused with the names of those that are", async () => {
  const { engine } = engineOn(UP);
  const cluster = await engine.up({ name: "dev" });
  expect(() => cluster.node("node-1")).toThrow("there are oaas-dev-worker, oaas-dev-worker2");
});

test("the releaser wipes nothing that is retained or not mounted", () => {
  const script = releaserScript("w");
  const wipe = script.indexOf("find ");
  expect(script.indexOf('[ "$policy" = Delete ] || continue')).toBeGreaterThan(0);
  expect(script.indexOf('[ "$policy" = Delete ] || continue')).toBeLessThan(wipe);
  expect(script.indexOf('mountpoint -q "$path" || continue')).toBeLessThan(wipe);
});
