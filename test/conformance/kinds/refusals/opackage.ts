// Bad packages.
import type { Refusal } from "./row.ts";

const image = "registry.example.com/f:1";
const task = { name: "f", provision: { deployment: { image } } };

function inClass(fields: object): object {
  return { classes: [{ name: "A", ...fields }] };
}

function inFunction(fields: object): object {
  return { functions: [{ ...task, ...fields }] };
}

function inContainer(fields: object): object {
  return inFunction({ provision: { deployment: { image, ...fields } } });
}

function inDeployment(fields: object): object {
  return { deployments: [{ name: "d", class: "A", ...fields }] };
}

const cls = "spec.classes[0]";
const fn = "spec.functions[0]";
const container = `${fn}.provision.deployment`;
const deployment = "spec.deployments[0]";

/** Bad packages. */
export const opackageRefusals: readonly Refusal[] = [
  { name: "an unknown field", spec: { classez: [] }, field: "spec.classez" },
  { name: "upstream's snake_case", spec: inClass({ state_spec: {} }), field: `${cls}.state_spec` },
  { name: "a number as version", spec: { version: 1.0 }, field: "spec.version" },
  { name: "a state that does not exist", spec: { state: "Paused" }, field: "spec.state" },
  { name: "a tag twice", spec: { tags: ["a", "a"] }, field: "spec.tags[1]" },
  {
    name: "a dependency that is no name",
    spec: { dependencies: [{ name: "Not A Name" }] },
    field: "spec.dependencies[0].name",
  },
  {
    name: "a class twice",
    spec: { classes: [{ name: "A" }, { name: "A" }] },
    field: "spec.classes[1]",
    says: "Duplicate",
  },
  { name: "a class name with a dot", spec: inClass({ name: "a.B" }), field: `${cls}.name` },
  { name: "a class without a name", spec: { classes: [{}] }, field: `${cls}.name` },
  { name: "Java's enum", spec: inClass({ stateType: "NORMAL" }), field: `${cls}.stateType` },
  {
    name: "a consistency that does not exist",
    spec: inClass({ consistency: "READ_YOUR_WRITE" }),
    field: `${cls}.consistency`,
  },
  {
    name: "bounded staleness without a bound",
    spec: inClass({ consistency: "BoundedStaleness" }),
    field: `${cls}.stalenessBoundSeconds`,
  },
  {
    name: "a bound without bounded staleness",
    spec: inClass({ stalenessBoundSeconds: 5 }),
    field: `${cls}.stalenessBoundSeconds`,
  },
  {
    name: "Strong that is not persistent",
    spec: inClass({ consistency: "Strong", persistent: false }),
    field: `${cls}.persistent`,
  },
  {
    name: "Memory that is persistent",
    spec: inClass({ storage: { provider: "Memory" } }),
    field: `${cls}.storage.provider`,
  },
  {
    name: "a size that is none",
    spec: inClass({ storage: { size: "big" } }),
    field: `${cls}.storage.size`,
  },
  {
    name: "a key of an unknown type",
    spec: inClass({ keys: [{ name: "k", type: "STRING" }] }),
    field: `${cls}.keys[0].type`,
  },
  {
    name: "a reference without a class",
    spec: inClass({ references: [{ name: "r" }] }),
    field: `${cls}.references[0].class`,
  },
  {
    name: "a binding with an unknown access",
    spec: inClass({ functions: [{ name: "b", access: "PUBLIC" }] }),
    field: `${cls}.functions[0].access`,
  },
  {
    name: "a binding's function that is no name",
    spec: inClass({ functions: [{ name: "b", function: "a b" }] }),
    field: `${cls}.functions[0].function`,
  },
  {
    name: "a trigger on key and function",
    spec: inClass({
      triggers: [
        {
          name: "t",
          source: { key: "k", function: "f", events: ["Updated"] },
          target: { function: "f" },
        },
      ],
    }),
    field: `${cls}.triggers[0].source`,
    says: "exactly one of key, function",
  },
  {
    name: "a key's trigger with a function's event",
    spec: inClass({
      triggers: [
        { name: "t", source: { key: "k", events: ["Completed"] }, target: { function: "f" } },
      ],
    }),
    field: `${cls}.triggers[0].source.events`,
  },
  {
    name: "a function's trigger with a key's event",
    spec: inClass({
      triggers: [
        { name: "t", source: { function: "f", events: ["Created"] }, target: { function: "f" } },
      ],
    }),
    field: `${cls}.triggers[0].source.events`,
  },
  {
    name: "a trigger without a target function",
    spec: inClass({
      triggers: [{ name: "t", source: { key: "k", events: ["Updated"] }, target: {} }],
    }),
    field: `${cls}.triggers[0].target.function`,
  },
  {
    name: "a timer with both kinds of time",
    spec: inClass({
      timers: [{ name: "t", schedule: "0 3 * * *", intervalSeconds: 5, target: { function: "f" } }],
    }),
    field: `${cls}.timers[0]`,
    says: "exactly one of schedule, intervalSeconds",
  },
  {
    name: "a chain of length 0",
    spec: inClass({ events: { maxDepth: 0 } }),
    field: `${cls}.events.maxDepth`,
  },
  {
    name: "a dispatch time of 0",
    spec: inClass({ events: { timeoutMs: 0 } }),
    field: `${cls}.events.timeoutMs`,
  },
  {
    name: "no concurrency",
    spec: inClass({ events: { maxConcurrent: 0 } }),
    field: `${cls}.events.maxConcurrent`,
  },
  {
    name: "an unknown payload format",
    spec: inClass({ events: { payloadFormat: "JSON" } }),
    field: `${cls}.events.payloadFormat`,
  },
  {
    name: "a function of an unknown type",
    spec: inFunction({ type: "TASK" }),
    field: `${fn}.type`,
  },
  {
    name: "a Task without provision",
    spec: { functions: [{ name: "f" }] },
    field: `${fn}.provision`,
  },
  {
    name: "a Logical with provision",
    spec: inFunction({ type: "Logical" }),
    field: `${fn}.provision`,
  },
  {
    name: "a Macro without a macro",
    spec: { functions: [{ name: "f", type: "Macro" }] },
    field: `${fn}.macro`,
  },
  {
    name: "a macro without steps",
    spec: { functions: [{ name: "f", type: "Macro", macro: { steps: [] } }] },
    field: `${fn}.macro.steps`,
  },
  {
    name: "two provisions",
    spec: inFunction({
      provision: { deployment: { image }, staticUrl: "http://f.example.com/" },
    }),
    field: `${fn}.provision`,
    says: "exactly one of deployment, knative, staticUrl",
  },
  {
    name: "a URL with credentials",
    spec: inFunction({ provision: { staticUrl: "http://u:p@f.example.com/" } }),
    field: `${fn}.provision.staticUrl`,
  },
  {
    name: "a function without an image",
    spec: inFunction({ provision: { deployment: {} } }),
    field: `${container}.image`,
  },
  { name: "port 0", spec: inContainer({ port: 0 }), field: `${container}.port` },
  {
    name: "an unknown protocol",
    spec: inContainer({ protocol: "grpc" }),
    field: `${container}.protocol`,
  },
  {
    name: "a number as the value of a variable",
    spec: inContainer({ env: [{ name: "HTTP_PORT", value: 80 }] }),
    field: `${container}.env[0].value`,
  },
  {
    name: "a variable with two values",
    spec: inContainer({
      env: [{ name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
    }),
    field: `${container}.env[0].valueFrom`,
  },
  {
    name: "a security context",
    spec: inContainer({ securityContext: { privileged: true } }),
    field: `${container}.securityContext`,
  },
  {
    name: "a volume without a source",
    spec: inContainer({ volumes: [{ name: "v", mountPath: "/v" }] }),
    field: `${container}.volumes[0]`,
    says: "exactly one of emptyDir",
  },
  {
    name: "a host path",
    spec: inContainer({ volumes: [{ name: "v", mountPath: "/v", hostPath: { path: "/" } }] }),
    field: `${container}.volumes[0].hostPath`,
  },
  {
    name: "a probe without a way",
    spec: inContainer({ probes: { liveness: { periodSeconds: 5 } } }),
    field: `${container}.probes.liveness`,
  },
  {
    name: "an unknown pull policy",
    spec: inContainer({ imagePullPolicy: "Sometimes" }),
    field: `${container}.imagePullPolicy`,
  },
  {
    name: "scale with min above max",
    spec: inFunction({ scale: { min: 5, max: 2 } }),
    field: `${fn}.scale.min`,
  },
  {
    name: "knative with minScale above maxScale",
    spec: inFunction({ provision: { knative: { image, minScale: 5, maxScale: 2 } } }),
    field: `${fn}.provision.knative.minScale`,
  },
  {
    name: "availability as a number",
    spec: inFunction({ requirements: { availability: 0.999 } }),
    field: `${fn}.requirements.availability`,
  },
  {
    name: "availability in percent",
    spec: inFunction({ requirements: { availability: "99.9" } }),
    field: `${fn}.requirements.availability`,
  },
  {
    name: "a negative throughput",
    spec: inFunction({ requirements: { throughputRps: -1 } }),
    field: `${fn}.requirements.throughputRps`,
  },
  {
    name: "half a millisecond",
    spec: inFunction({ constraints: { hardLatencyMs: 0.5 } }),
    field: `${fn}.constraints.hardLatencyMs`,
  },
  { name: "no time for a call", spec: inFunction({ timeoutMs: 0 }), field: `${fn}.timeoutMs` },
  { name: "an unknown state", spec: inFunction({ state: "FROZEN" }), field: `${fn}.state` },
  {
    name: "a deployment without a class",
    spec: { deployments: [{ name: "d" }] },
    field: `${deployment}.class`,
  },
  {
    name: "environments and members",
    spec: inDeployment({
      environments: ["default"],
      members: [{ id: 1, environment: "default" }],
    }),
    field: `${deployment}.members`,
  },
  {
    name: "a place that is both fixed and free",
    spec: inDeployment({ environments: ["default"], availableEnvironments: ["default"] }),
    field: `${deployment}.availableEnvironments`,
  },
  {
    name: "a member twice",
    spec: inDeployment({
      members: [
        { id: 1, environment: "a" },
        { id: 1, environment: "b" },
      ],
    }),
    field: `${deployment}.members[1]`,
  },
  {
    name: "a template that does not exist",
    spec: inDeployment({ members: [{ id: 1, environment: "a", template: "k8s_deployment" }] }),
    field: `${deployment}.members[0].template`,
  },
  {
    name: "maxShards below -1",
    spec: inDeployment({ members: [{ id: 1, environment: "a", maxShards: -2 }] }),
    field: `${deployment}.members[0].maxShards`,
  },
  {
    name: "no partitions",
    spec: inDeployment({ partitions: 0 }),
    field: `${deployment}.partitions`,
  },
  {
    name: "more partitions than slots",
    spec: inDeployment({ partitions: 4097 }),
    field: `${deployment}.partitions`,
  },
  {
    name: "Basic with replicas",
    spec: inDeployment({ shardType: "Basic", replicas: 3 }),
    field: `${deployment}.replicas`,
  },
  {
    name: "upstream's alias of Basic",
    spec: inDeployment({ shardType: "none" }),
    field: `${deployment}.shardType`,
  },
  {
    name: "an assignment for some partitions",
    spec: inDeployment({ partitions: 2, assignments: [{ owners: [1] }] }),
    field: `${deployment}.assignments`,
  },
  {
    name: "a map of options",
    spec: inDeployment({ options: { key: "value" } }),
    field: `${deployment}.options`,
  },
  {
    name: "an unknown enforcement",
    spec: inDeployment({ enforcement: { mode: "enforce" } }),
    field: `${deployment}.enforcement.mode`,
  },
  {
    name: "an unknown dimension",
    spec: inDeployment({ enforcement: { dimensions: ["replicas"] } }),
    field: `${deployment}.enforcement.dimensions[0]`,
  },
  {
    name: "a sampling ratio above 1",
    spec: inDeployment({ telemetry: { samplingRatio: "1.5" } }),
    field: `${deployment}.telemetry.samplingRatio`,
  },
  {
    name: "an unknown deletion policy",
    spec: inDeployment({ deletionPolicy: "Orphan" }),
    field: `${deployment}.deletionPolicy`,
  },
];
