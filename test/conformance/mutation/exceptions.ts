// What the schema does not say about a property. Every entry must be needed: one that is not fails.

type ByProperty<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;

/** Values that mean something, where any legal text would be the name of nothing. */
export const VALUES: ByProperty<readonly unknown[]> = {
  OPackage: {
    "classes[].functions[].function": ["greet", "nowhere"],
    "classes[].name": ["Priced", "Other"],
    "classes[].parents": [["base.Owned"], []],
    "dependencies[].name": ["base", "nowhere"],
    "deployments[].availableEnvironments": [["edge-1"], ["edge-2"]],
    "deployments[].class": ["Cart", "Priced"],
    "deployments[].environments": [["edge-1"], ["edge-2"]],
    "deployments[].members[].environment": ["edge-1", "edge-2"],
    "deployments[].members[].disabledFunctions": [["describe-cart"], ["cart.add"]],
    "deployments[].partitions": [8, 16],
    "deployments[].requirements.locality.regions": [["eu"], ["us"]],
    "deployments[].requirements.locality.zones": [["eu-1"], ["us-1"]],
    "classes[].storage.size": ["5Gi", "6Gi"],
  },
  ClassRuntime: {
    "collection.nodes": [4, 5],
    "collection.partitions": [8, 9],
    "constraints.maxReplicas": [8, 9],
    disabledFunctions: [["audit"], ["plain"]],
    environment: ["edge-1", "edge-2"],
    "resolvedClass.functions[].function": ["cart.add", "audit"],
  },
  OdgmCollection: {
    nodes: [4, 5],
  },
  OstTarget: {
    path: ["/var/lib/rawstor/disks/a", "/var/lib/rawstor/disks/b"],
  },
};

const FOR_PEOPLE = "for people";

/** Properties of which nothing shows, and why that is right. */
export const SILENT: ByProperty<string> = {
  OPackage: {
    author: FOR_PEOPLE,
    "deployments[].members[].id": "numbers members; data in several is not served yet",
    description: FOR_PEOPLE,
    tags: FOR_PEOPLE,
    version: FOR_PEOPLE,
  },
  ClassRuntime: {
    "functions[].description": FOR_PEOPLE,
    "functions[].variables[].description": FOR_PEOPLE,
    "functions[].variables[].name": FOR_PEOPLE,
    "functions[].variables[].required": FOR_PEOPLE,
  },
};

const NEVER_LOWERED = "a plan never lowers the number of data pods";

/** Properties whose former value is remembered when they are taken away, and why that is right. */
export const REMEMBERED: ByProperty<string> = {
  OPackage: {
    "deployments[].members[].template": NEVER_LOWERED,
    "deployments[].environments": "what is placed stays where it is",
    "deployments[].partitions": "partitions that hold data stay",
    "functions[].scale.min": "the count of an autoscaler is kept",
  },
  ClassRuntime: {
    "collection.partitions": "partitions that hold data stay",
    "functions[].requirements.availability": NEVER_LOWERED,
    "functions[].requirements.latencyMs": NEVER_LOWERED,
    "functions[].requirements.throughputRps": NEVER_LOWERED,
    "requirements.availability": NEVER_LOWERED,
    "requirements.latencyMs": NEVER_LOWERED,
    "requirements.throughputRps": NEVER_LOWERED,
  },
};

/** Properties that decide once: each value is tried on a new object. */
export const CHOSEN_ONCE: ByProperty<string> = {
  OPackage: {
    "classes[].partitioning": "a collection keeps it, by a rule of its own kind",
    "deployments[].availableEnvironments": "what is placed stays where it is",
    "deployments[].requirements.locality.regions": "what is placed stays where it is",
    "deployments[].requirements.locality.zones": "what is placed stays where it is",
  },
  Environment: {
    region: "what is placed stays where it is",
    zone: "what is placed stays where it is",
  },
};
