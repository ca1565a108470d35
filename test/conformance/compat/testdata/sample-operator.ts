// An operator as its author wrote it for @dot-i/k8s-operator. The fault suite runs this very file on
// the package and on controllers/compat; only the name after `from` differs. It tells its parent
// process what it sees, and is told by it when to fail or to wait.

import Operator, { ResourceEventType, ResourceMetaImpl } from "@dot-i/k8s-operator";
import type { OperatorLogger, ResourceEvent, ResourceMeta } from "@dot-i/k8s-operator";

interface Widget {
  metadata: { name: string; namespace?: string; generation?: number };
  spec?: { text?: string; report?: boolean; guarded?: boolean };
  status?: { text?: string; seen?: number };
}

type Command =
  | { do: "fail"; name: string; times: number }
  | { do: "hold" | "release"; name: string }
  | { do: "register"; file: string }
  | { do: "call"; times: number }
  | { do: "describe" | "stop" };

const GUARD = "example.io/guard";

function tell(fact: Record<string, unknown>): void {
  process.send?.(fact);
}

const logger: OperatorLogger = {
  debug: () => undefined,
  info: (text: string) => tell({ log: "info", text }),
  warn: (text: string) => tell({ log: "warn", text }),
  error: (text: string) => tell({ log: "error", text }),
};

class WidgetOperator extends Operator {
  private failures = new Map<string, number>();
  private holds = new Map<string, { until: Promise<void>; release: () => void }>();
  private running = 0;

  constructor(private namespaces: (string | undefined)[]) {
    super(logger);
  }

  protected async init(): Promise<void> {
    for (const namespace of this.namespaces) {
      await this.watchResource(
        "example.io",
        "v1",
        "widgets",
        (event: ResourceEvent) => this.onWidget(event),
        namespace,
      );
    }
    tell({ initialised: true });
  }

  async obey(command: Command): Promise<void> {
    switch (command.do) {
      case "fail":
        this.failures.set(command.name, command.times);
        break;
      case "hold": {
        let release = (): void => undefined;
        const until = new Promise<void>((resolve) => (release = resolve));
        this.holds.set(command.name, { until, release });
        break;
      }
      case "release":
        this.holds.get(command.name)?.release();
        this.holds.delete(command.name);
        break;
      case "register": {
        const { group, versions, plural } = await this.registerCustomResourceDefinition(
          command.file,
        );
        tell({ registered: `${plural}.${group}`, versions: versions.map((one) => one.name) });
        break;
      }
      case "call":
        for (let call = 0; call < command.times; call++) await this.k8sApi.listNode();
        break;
      case "describe": {
        const axios: { headers?: Record<string, string | number | boolean>; httpsAgent?: unknown } =
          {};
        const gaxios: { headers?: Record<string, string>; agent?: unknown } = {};
        await this.applyAxiosKubeConfigAuth(axios);
        await this.applyGaxiosKubeConfigAuth(gaxios);
        tell({
          uri: this.getCustomResourceApiUri("example.io", "v1", "widgets", "default"),
          core: this.getCustomResourceApiUri("", "v1", "pods"),
          cluster: this.kubeConfig.getCurrentCluster()?.name,
          api: typeof this.k8sApi.listNamespacedSecret,
          axios: axios.headers,
          gaxios: gaxios.headers,
          agents: [axios.httpsAgent !== undefined, gaxios.agent !== undefined],
        });
        break;
      }
      case "stop":
        this.stop();
        tell({ stopped: true });
        break;
    }
    tell({ obeyed: command.do });
  }

  private async onWidget(event: ResourceEvent): Promise<void> {
    const { name, namespace } = event.meta;
    this.running++;
    const text = (event.object as unknown as Widget).spec?.text;
    tell({ saw: event.type, name, namespace, text, running: this.running });
    try {
      await this.holds.get(name)?.until;
      const failures = this.failures.get(name) ?? 0;
      if (failures > 0) {
        this.failures.set(name, failures - 1);
        throw new Error("the sample fails");
      }
      if (event.type === ResourceEventType.Deleted) return;
      await this.serve(event);
    } finally {
      this.running--;
      tell({ left: event.type, name });
    }
  }

  private async serve(event: ResourceEvent): Promise<void> {
    const { spec, status, metadata } = event.object as unknown as Widget;
    if (spec?.guarded) {
      const handled = await this.handleResourceFinalizer(event, GUARD, (doomed) => {
        tell({ cleaned: doomed.meta.name });
        return Promise.resolve();
      });
      tell({ finalizer: metadata.name, handled });
      if (handled) return;
    }
    if (!spec?.report || status?.seen === metadata.generation) return;
    const meta: ResourceMeta | null = await this.setResourceStatus(event.meta, {
      text: spec.text,
    });
    const patched = meta && (await this.patchResourceStatus(meta, { seen: metadata.generation }));
    const again = ResourceMetaImpl.createWithId(event.meta.id, event.object);
    tell({ status: metadata.name, set: meta !== null, patched: !!patched, id: again.id });
  }
}

const operator = new WidgetOperator(
  process.env["SAMPLE_NAMESPACES"]?.split(",") ?? [undefined],
);
process.on("message", (command: Command) => {
  operator.obey(command).catch((error: Error) => tell({ refused: command.do, text: error.message }));
});
// Nothing but the operator keeps this process alive.
process.channel?.unref();
void operator.start();
