// Packages that the tests apply: the quickstart's functions under other names, so that every test
// file has a class of its own.

/** Choices of {@link packageYaml}. */
export interface PackageChoice {
  readonly name: string;
  readonly deletionPolicy: "Retain" | "Delete";
  readonly functions?: readonly ("echo" | "random" | "counter")[];
  /** Replaces the image of `echo`. */
  readonly echoImage?: string;
  /** Environment variable MARK of `echo`. */
  readonly mark?: string;
  readonly template?: "Dev" | "Edge";
}

/** Class id on the wire of a package made by {@link packageYaml}. */
export function classOf(name: string): string {
  return `${name}.Counter`;
}

/** A package with one class `Counter` and one deployment `main` in environment `default`. */
export function packageYaml(choice: PackageChoice): string {
  const functions = choice.functions ?? ["echo", "random", "counter"];
  const image = (fn: string): string =>
    fn === "echo" && choice.echoImage !== undefined
      ? choice.echoImage
      : `oaas-operator.local/fn-${fn}:dev`;
  const env = choice.mark === undefined ? [] : [{ name: "MARK", value: choice.mark }];
  return JSON.stringify({
    apiVersion: "oaas.io/v1alpha1",
    kind: "OPackage",
    metadata: { name: choice.name },
    spec: {
      version: "1.0.0",
      classes: [
        {
          name: "Counter",
          persistent: true,
          storage: { size: "128Mi" },
          functions: functions.map((fn) => ({
            name: fn,
            function: fn,
            stateless: fn === "echo",
          })),
        },
      ],
      functions: functions.map((fn) => ({
        name: fn,
        provision: {
          deployment: {
            image: image(fn),
            ...(fn === "echo" && env.length > 0 ? { env } : {}),
            resources: { requests: { cpu: "10m", memory: "48Mi" } },
          },
        },
      })),
      deployments: [
        {
          name: "main",
          class: "Counter",
          partitions: 4,
          deletionPolicy: choice.deletionPolicy,
          members: [{ id: 1, environment: "default", template: choice.template ?? "Dev" }],
        },
      ],
    },
  });
}
