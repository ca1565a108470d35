// The tags of built images reach the manifests.
import { expect, test } from "@jest/globals";
import { deploymentsIn, substituteImages } from "./deploy.ts";

const images = [
  { repository: "oaas-operator.local/odgm", tag: "0a1b" },
  { repository: "oaas-operator.local/operator-oaas", tag: "ffff" },
];
const text =
  "image: oaas-operator.local/operator-oaas:dev\nargs: [--odgm-image=oaas-operator.local/odgm:dev]\n";

test("images and flags name the content", () => {
  expect(substituteImages(text, images)).toBe(
    "image: oaas-operator.local/operator-oaas:ffff\nargs: [--odgm-image=oaas-operator.local/odgm:0a1b]\n",
  );
});

test("a registry takes the place of the local repository", () => {
  expect(substituteImages(text, images, "r.example/x/")).toContain(
    "image: r.example/x/operator-oaas:ffff",
  );
});

test("an image that was not built is left as it is", () => {
  expect(substituteImages("image: oaas-operator.local/ost:dev", images)).toBe(
    "image: oaas-operator.local/ost:dev",
  );
});

test("deployments are found among other documents", () => {
  const stream = `kind: Service
metadata: {name: a}
---
kind: Deployment
metadata: {name: b, namespace: s}
---
`;
  expect(deploymentsIn(stream)).toEqual([{ name: "b", namespace: "s" }]);
});
