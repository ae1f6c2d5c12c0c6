// A program in a process group of its own, so that all that it starts ends with it.

import { spawn, type ChildProcess } from "node:child_process";

export function spawnGroup(program: string, args: string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(program, args, { detached: true, stdio: ["ignore", "ignore", "pipe"], env });
}

/** Ends all of the group without a word, and resolves when its first process is gone. */
export async function killGroup(leader: ChildProcess): Promise<void> {
  const running = leader.exitCode === null && leader.signalCode === null;
  const gone = running ? new Promise((resolve) => leader.once("exit", resolve)) : undefined;
  try {
    process.kill(-leader.pid!, "SIGKILL");
  } catch {
    // All of it has ended by itself.
  }
  await gone;
}
