// What the compiler cannot see and a person should not have to look for. Layers, sizes and banned
// calls are checked by hack/tidy.
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: [".build/**", "node_modules/**", "api/gen/**", "**/testdata/**", "**/*.mjs"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.base],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "no-console": "error",
      "no-empty": ["error", { allowEmptyCatch: false }],
      eqeqeq: "error",
      "max-depth": ["error", 3],
    },
  },
  { files: ["hack/**", "test/**", "**/*.test.ts"], rules: { "no-console": "off" } },
);
