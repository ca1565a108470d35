// A service as a container, where Docker runs.
import { GenericContainer, Wait } from "testcontainers";

import type { RunningService, ServiceName } from "./model.ts";
import { RECIPES } from "./recipes.ts";

/** Starts the service's image and returns when it is ready. */
export async function startContainer(
  name: ServiceName,
  config: string | undefined,
): Promise<RunningService> {
  const recipe = RECIPES[name];
  const port = recipe.containerPorts[0] ?? 0;
  const ready =
    recipe.readyPath === undefined
      ? Wait.forListeningPorts()
      : Wait.forHttp(recipe.readyPath, port).forStatusCode(200);
  const content = config ?? recipe.config;
  const container = await new GenericContainer(recipe.image)
    .withExposedPorts(...recipe.containerPorts)
    .withCommand([...recipe.containerCommand])
    .withCopyContentToContainer([{ content, target: "/config.yaml" }])
    .withWaitStrategy(ready)
    .start();
  let stopping: Promise<unknown> | undefined;
  return {
    url: recipe.urlOf(container.getHost(), container.getMappedPort(port)),
    stop: async () => {
      await (stopping ??= container.stop());
    },
  };
}
