// Public face: power loss for programs that write files.
export type { LossMode } from "./images.ts";
export type { DataChange, Inode, Journal, NameChange } from "./journal.ts";
export { recordRun, Recording, startRecording } from "./recorder.ts";
export type { CrashImage, RecordOptions, RunningRecording } from "./recorder.ts";
