// What a plan has done besides server-side apply.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";

import type { SeenTarget } from "./observed.ts";

/** One call outside of server-side apply. All are idempotent. */
export type CollectionCall =
  | {
      readonly kind: "issue-certificate";
      readonly secretName: string;
      readonly identity: string;
    }
  | {
      readonly kind: "set-reclaim-policy";
      readonly volume: string;
      readonly policy: "Retain" | "Delete";
      readonly original: string;
    }
  | {
      readonly kind: "format";
      readonly target: SeenTarget;
      readonly collection: string;
      readonly identity: string;
    }
  | {
      readonly kind: "propose";
      readonly target: SeenTarget;
      readonly expected: bigint;
      readonly spec: CollectionSpec;
    }
  | {
      /** Gives an empty meta group the generation that another member serves. */
      readonly kind: "adopt-generation";
      readonly from: SeenTarget;
      readonly to: SeenTarget;
    }
  | { readonly kind: "apply"; readonly target: SeenTarget; readonly spec: CollectionSpec }
  | { readonly kind: "resign"; readonly target: SeenTarget; readonly seconds: number }
  | { readonly kind: "delete-claim"; readonly name: string; readonly uid: string }
  | { readonly kind: "restart-pod"; readonly name: string; readonly uid: string };
