// Projects: `unit` needs no network, disk, cluster or sleep; the others are named by their folder.
const base = {
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/hack/jest-strip-types.mjs" },
  testEnvironment: "node",
  rootDir: import.meta.dirname,
  modulePathIgnorePatterns: ["<rootDir>/.build/"],
};

export default {
  projects: [
    {
      ...base,
      displayName: "unit",
      testMatch: [
        "<rootDir>/{api,controllers,operators,workloads,hack,config,test/support,test/bench}/**/*.test.ts",
      ],
    },
    { ...base, displayName: "conformance", testMatch: ["<rootDir>/test/conformance/**/*.test.ts"] },
    { ...base, displayName: "simulation", testMatch: ["<rootDir>/test/simulation/**/*.test.ts"] },
    {
      ...base,
      displayName: "integration",
      testMatch: ["<rootDir>/test/{integration,guides}/**/*.test.ts"],
    },
    { ...base, displayName: "e2e", testMatch: ["<rootDir>/test/e2e/**/*.test.ts"] },
  ],
};
