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

function translate(table: Translation, path: string): string {
  const fits = table.filter(
    ([from]) => path === from || path.startsWith(`${from}.`) || path.startsWith(`${from}[`),
  );
  const longest = fits.toSorted(([a], [b]) => b.length - a.length)[0];
  return longest === undefined ? path : longest[1] + path.slice(longest[0].length);
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
    ...plan.functions.flatMap((fn, i): Translation =>
      fn.path === undefined ? [] : [[`spec.functions[${i}]`, fn.path]],
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
