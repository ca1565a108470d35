// The words of the image builder. An image is a folder with a Dockerfile; a built image is an
// archive on disk. Nothing here touches the world.
import { PlatformError } from "#api/base/index.ts";

/** A folder that becomes an image. */
export interface ImageSource {
  /** `odgm`, `operator-oaas`, `fn-echo`: unique, and the last part of the repository. */
  readonly name: string;
  /** Path of the folder relative to the repository root, with `/`. */
  readonly folder: string;
}

/** An image that lies as an archive on this machine. */
export interface BuiltImage {
  readonly name: string;
  /** `oaas-operator.local/<name>`. */
  readonly repository: string;
  /** First 12 hex digits of `digest`. The archive carries this tag and `dev`. */
  readonly tag: string;
  /** `sha256:<hex>` of the image config, which names every layer: equal input, equal digest. */
  readonly digest: string;
  /**
   * Absolute path of a docker-archive that `ctr images import` and `docker load` accept. It holds
   * every image of the same build, so the path may be the same for several images.
   */
  readonly archive: string;
}

/** What can go wrong while an image is built. */
export type ImageErrorCode =
  | "IMAGE_UNKNOWN"
  | "IMAGE_DOCKERFILE"
  | "IMAGE_BUNDLE"
  | "IMAGE_BASE"
  | "IMAGE_LAYER"
  | "IMAGE_ENGINE";

/** A build that cannot go on; the message names the image or file and what to do. */
export class ImageError extends PlatformError {
  override readonly name = "ImageError";
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Host part of every repository: no registry answers there, images are loaded from archives. */
export const REPOSITORY_HOST = "oaas-operator.local";

/** The second tag of every image, for manifests that a person applies by hand. */
export const DEVELOPMENT_TAG = "dev";

/** `oaas-operator.local/<name>`. */
export function repositoryOf(name: string): string {
  return `${REPOSITORY_HOST}/${name}`;
}
