// What a version was derived from, and what was derived from it.

import { Operation } from "./protocol/operation.js";
import { readDocumentVersion, text, type DocumentVersion } from "./protocol/words.js";
import type { Connection } from "./transport/connection.js";

/** Which way a lineage is followed, and how far. */
export interface LineageOptions {
  /** `causes`, what it came from (the default), or `effects`, what came of it. */
  direction?: "causes" | "effects";
  /** How many steps to follow. Left out: all, up to 10,000 versions. */
  depth?: number;
}

/** What was derived from what. */
export interface Lineage {
  start: DocumentVersion;
  /** Each says that `effect` names `cause` as what it was derived from. */
  edges: { cause: DocumentVersion; effect: DocumentVersion }[];
  /** Whether there is more than is listed. */
  truncated: boolean;
}

/** As deep as the engine can be asked to go. */
const DEPTH_MAX = 0xffff_ffff;

type Triple = [string, string, string];

export async function lineage(connection: Connection, of: DocumentVersion, options: LineageOptions): Promise<Lineage> {
  const answer = await connection.read(Operation.lineage, (writer) => {
    writer.string(text(of.collection, "the name of a collection"));
    writer.string(text(of.key, "a key"));
    writer.string(text(of.version, "a version"));
    writer.bool(options.direction === "effects");
    writer.value(options.depth ?? DEPTH_MAX);
  });
  const wire = answer.value() as unknown as { start: Triple; edges?: [Triple, Triple][]; truncated?: boolean };
  return {
    start: readDocumentVersion(wire.start),
    edges: (wire.edges ?? []).map(([cause, effect]) => ({
      cause: readDocumentVersion(cause),
      effect: readDocumentVersion(effect),
    })),
    truncated: wire.truncated ?? false,
  };
}
