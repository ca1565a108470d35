// A refusal of a ClassRuntime names fields of a document that the user never wrote. This turns the
// paths in its message into those of the package that it was rendered from.

import type { DeploymentPlan, RuntimeTarget } from "./deployments.ts";

/** Path below the ClassRuntime, path in the package. */
type Translation = readonly (readonly [string, string])[];

/** `message` with every path of the runtime replaced by that of the field that it came from. */
export function translateRuntimePaths(
  message: string,
  plan: DeploymentPlan,
  target: RuntimeTarget,
): string {
  const table = translationOf(plan, target);
  return message.replace(/\bspec(?:\.\w+(?:\[\d+\])?)+/g, (path) => translate(table, path));
}

/** A refusal of a runtime with the paths of the package; of anything else as it is. */
export function explainRefusal<T extends { readonly message: string }>(
  deployments: readonly DeploymentPlan[],
  refusal: T,
): T {
  for (const plan of deployments) {
    const target = plan.runtimes.find((one) => refusal.message.includes(`/${one.name}:`));
    if (target === undefined) continue;
    return { ...refusal, message: translateRuntimePaths(refusal.message, plan, target) };
  }
  return refusal;
}

function translate(table: Translation, path: string): string {
  const fits = table.filter(
    ([from]) => path === from || path.startsWith(`${from}.`) || path.startsWith(`${from}[`),
  );
  const longest = fits.toSorted(([a], [b]) => b.length - a.length)[0];
  if (longest === undefined) return path;
  const [from, to] = longest;
  // What another package declared has no place in this document but the field that brought it in.
  return /\.(parents|class)$/.test(to) ? to : to + path.slice(from.length);
}

function translationOf(plan: DeploymentPlan, target: RuntimeTarget): Translation {
  const member =
    target.memberIndex === undefined ? plan.path : `${plan.path}.members[${target.memberIndex}]`;
  const environment =
    target.memberIndex === undefined ? `${plan.path}.environments` : `${member}.environment`;
  return [
    ["spec.class", `${plan.path}.class`],
    ["spec.environment", environment],
    ["spec.templateHint", `${member}.template`],
    ["spec.disabledFunctions", `${member}.disabledFunctions`],
    ["spec.collection", plan.path],
    ["spec.requirements", `${plan.path}.requirements`],
    ["spec.constraints", `${plan.path}.constraints`],
    ["spec.deletionPolicy", `${plan.path}.deletionPolicy`],
    ...plan.functions.map(
      (fn, i) => [`spec.functions[${i}]`, fn.path ?? `${plan.path}.class`] as const,
    ),
    ...(plan.resolution?.paths ?? []).map(
      ([below, path]) => [`spec.resolvedClass.${below}`, path] as const,
    ),
    // Partitioning and storage are the class's, wherever a child repeats them.
    ...(plan.resolution?.paths ?? []).flatMap(([below, path]): Translation =>
      below === "partitioning" || below === "storage" ? [[`spec.collection.${below}`, path]] : [],
    ),
  ];
}
