// The rendered go.mod and main packages.
import { expect, test } from "@jest/globals";
import { RECIPES, renderGoMod } from "./sources.ts";

const UPSTREAM = `module k8s.io/kubernetes

go 1.24.0

godebug default=go1.24

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kubectl => ./staging/src/k8s.io/kubectl
	example.org/fork => example.org/other v1.0.0
)
`;

function recipe(name: string) {
  const found = RECIPES.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

test("staging folders become the published modules of the same release, other lines go", () => {
  expect(renderGoMod({ ...recipe("kube"), version: "v1.34.4" }, UPSTREAM))
    .toBe(`module oaas.local/kube

go 1.24.0

require k8s.io/kubernetes v1.34.4

replace (
	k8s.io/api => k8s.io/api v0.34.4
	k8s.io/kubectl => k8s.io/kubectl v0.34.4
)
`);
});

test("a module without staging has no replace lines", () => {
  expect(renderGoMod({ ...recipe("etcd"), version: "v3.6.1" }, "go 1.24\n")).toBe(
    "module oaas.local/etcd\n\ngo 1.24\n\nrequire go.etcd.io/etcd/server/v3 v3.6.1\n",
  );
});

test("a program of the standard library only needs no module", () => {
  expect(renderGoMod(recipe("pause"), "")).toBe("module oaas.local/pause\n\ngo 1.24.0\n");
});

test("every link of the Kubernetes binary is a case of its main", () => {
  const { main, links } = recipe("kube");
  for (const link of links) expect(main).toContain(`case "${link}":`);
  expect(links).toContain("kubectl");
});

test("the version is stamped in, or kubectl and the API server would call themselves v0.0.0", () => {
  expect(recipe("kube").ldflags).toMatch(/version\.gitVersion=v1\.\d+\.\d+ .*gitMinor=\d+ /);
});
