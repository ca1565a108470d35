// What function authors import.
export { FunctionError, ObjectError } from "./errors.ts";
export type { FunctionErrorCode, ObjectErrorCode } from "./errors.ts";
export { ObjectClient } from "./object-client.ts";
export type {
  Batch,
  CallOptions,
  EntryState,
  ObjectClientOptions,
  ObjectListing,
  ObjectRef,
  ObjectState,
} from "./object-client.ts";
export { runFunctions } from "./run.ts";
export type { ProgramContext } from "./run.ts";
export { jsonAnswer, jsonPayload, serveFunctions } from "./serve.ts";
export type {
  Answer,
  FunctionHandler,
  FunctionHandlers,
  FunctionServer,
  Invocation,
  ServeOptions,
} from "./serve.ts";
