import { describe, expect, it } from "@jest/globals";

import { packedManifest, PackageError } from "./build.ts";

const ROOT_MANIFEST = {
  name: "oaas-operator",
  version: "1.2.3",
  license: "Apache-2.0",
  exports: { "./runtime": "./controllers/runtime/index.ts" },
  dependencies: { undici: "8.0.0", "@scope/thing": "1.0.0", unused: "9.9.9" },
  devDependencies: { "kubernetes-types": "1.30.0", jest: "30.0.0" },
};

describe("the manifest of the package", () => {
  it("leads entries and imports between units to JavaScript and declarations", () => {
    const packed = packedManifest(ROOT_MANIFEST, []);
    expect(packed).toMatchObject({
      version: "1.2.3",
      exports: {
        "./runtime": {
          types: "./controllers/runtime/index.d.ts",
          default: "./controllers/runtime/index.js",
        },
      },
      imports: { "#api/*.ts": "./api/*.js" },
    });
  });

  it("depends on what is imported, in our versions, and on nothing else", () => {
    const specifiers = [
      ...["undici", "undici/lib/dispatcher/agent.js", "@scope/thing/deep", "node:fs"],
      ...["./near.js", "#api/meta/index.ts", "kubernetes-types/core/v1.js"],
    ];
    expect(packedManifest(ROOT_MANIFEST, specifiers)).toMatchObject({
      dependencies: { "@scope/thing": "1.0.0", "kubernetes-types": "1.30.0", undici: "8.0.0" },
    });
    const { dependencies } = packedManifest(ROOT_MANIFEST, specifiers) as {
      readonly dependencies: object;
    };
    expect(Object.keys(dependencies)).toHaveLength(3);
  });

  it("is refused if an import is no dependency of ours", () => {
    expect(() => packedManifest(ROOT_MANIFEST, ["left-pad"])).toThrow(
      new PackageError("left-pad is imported, but no dependency"),
    );
  });
});
