// What the figures were measured on.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { EXECUTABLE } from "./chromium.js";

function output(program: string, ...args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
}

export function facts(directory: string): [name: string, value: string][] {
  const changed = output("git", "status", "--porcelain", "--untracked-files=no");
  return [
    ["date", new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC"],
    ["commit", output("git", "rev-parse", "--short=12", "HEAD") + (changed === "" ? "" : " with uncommitted changes")],
    ["processor", os.cpus()[0]?.model ?? "unknown"],
    ["cores", String(os.cpus().length)],
    ["memory", `${Math.round(os.totalmem() / 1024)} kB`],
    ["kernel", os.release()],
    ["file system", output("df", "--output=fstype", directory).split("\n").at(-1)!],
    ["browser", output(EXECUTABLE, "--version")],
    ["load before the run", readFileSync("/proc/loadavg", "utf8").split(" ")[0]!],
  ];
}
