// A program in a process group of its own, so that all that it starts ends with it.

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { START_MS } from "./driver.js";

export interface Group {
  leader: ChildProcess;
  /** What it says, a line at a time. */
  messages: Interface;
}

export function start(program: string, args: string[], environment: NodeJS.ProcessEnv = {}): Group {
  const leader = spawn(program, args, { detached: true, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...environment } });
  return { leader, messages: createInterface({ input: leader.stderr }) };
}

/** The first group of the first message that matches. */
export function said({ leader, messages }: Group, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${leader.spawnfile} did not start`)), START_MS);
    leader.once("error", reject);
    leader.once("exit", (code) => reject(new Error(`${leader.spawnfile} ended with ${code} before it listened`)));
    messages.on("line", (line) => {
      const found = pattern.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
}

/** Ends all of it, as a rule without a word, and resolves when its leader is gone. */
export async function kill({ leader }: Group, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
  if (leader.pid === undefined) return;
  const running = leader.exitCode === null && leader.signalCode === null;
  const gone = running ? new Promise((resolve) => leader.once("exit", resolve)) : undefined;
  try {
    process.kill(-leader.pid, signal);
  } catch {
    // All of it has ended by itself.
  }
  await gone;
}
