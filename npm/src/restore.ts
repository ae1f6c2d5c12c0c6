// Making a document, a collection or everything what it was at a moment, by a new commit.

import { readEffect } from "./collection.js";
import { Operation } from "./protocol/operation.js";
import { writeMoment, type CommitOptions, type Moment, type VersionId } from "./protocol/words.js";
import type { Connection } from "./transport/connection.js";

export async function restore(
  connection: Connection,
  collection: string | null,
  key: string | null,
  moment: Moment,
  options: CommitOptions,
): Promise<VersionId | undefined> {
  const answer = await connection.write(
    Operation.restore,
    (writer) => {
      writer.value(collection);
      writer.value(key);
      writeMoment(writer, moment);
    },
    options,
    () => {},
  );
  return readEffect(connection, answer);
}
