// The writer's lock of a directory: the very one that `core/src/storage/file.rs` takes, so that it keeps out writers of
// every language, and ends with its holder however that ends.
//
// Node has no call for it. On macOS and Windows opening the file takes it (`O_EXLOCK`). Elsewhere it is `flock(2)`, which
// belongs to the open file, not to the process that asked: a short-lived `flock` program inherits our handle, locks it and
// ends, and the lock stays with us. Where there is no such program, the directory is refused rather than left unguarded.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { KoruError } from "../error.js";
import { refused } from "./node.js";

/** The handle in the child process. */
const CHILD_FD = 3;
/** libuv's `UV_FS_O_EXLOCK`: on macOS the system's own flag, on Windows a share mode of none. */
const O_EXLOCK: Partial<Record<NodeJS.Platform, number>> = { darwin: 0x20, win32: 0x1000_0000 };

/** Programs that lock an inherited handle. Status 1 says that another one has it. */
const PROGRAMS: [string, string[]][] = [
  ["flock", ["-x", "-n", String(CHILD_FD)]],
  ["perl", ["-e", `use Fcntl ":flock"; open(my $f, "+<&=${CHILD_FD}") or exit 2; exit(flock($f, LOCK_EX | LOCK_NB) ? 0 : 1)`]],
];

/** Takes the lock and returns the handle that holds it: closing it gives it back. `LOCKED` if another writer has it. */
export function takeLock(directory: string): number {
  const at = path.join(directory, "lock");
  const fd = openLocked(directory, at);
  // Only for the message of whoever finds the lock taken, so that a full disk does not keep anybody out.
  try {
    fs.ftruncateSync(fd, 0);
    fs.writeSync(fd, `${process.pid}\n`, 0);
  } catch {
    // As said.
  }
  return fd;
}

function openLocked(directory: string, at: string): number {
  const { O_RDWR, O_CREAT, O_NONBLOCK = 0 } = fs.constants;
  const exclusive = O_EXLOCK[process.platform];
  let fd: number;
  try {
    fd = fs.openSync(at, O_RDWR | O_CREAT | (exclusive === undefined ? 0 : exclusive | O_NONBLOCK), 0o644);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (exclusive !== undefined && ["EAGAIN", "EWOULDBLOCK", "EBUSY"].includes(code)) throw locked(directory, at);
    throw refused("lock", at, error, true);
  }
  if (exclusive !== undefined) return fd;
  try {
    lockThrough(fd, directory, at);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return fd;
}

function lockThrough(fd: number, directory: string, at: string): void {
  for (const [program, args] of PROGRAMS) {
    const { status, error } = spawnSync(program, args, { stdio: ["ignore", "ignore", "ignore", fd] });
    if (error && (error as NodeJS.ErrnoException).code === "ENOENT") continue;
    if (status === 0) return;
    if (status === 1) throw locked(directory, at);
    throw new KoruError("IO", `cannot lock ${at}: ${program} ended with ${status ?? error?.message}`, { cause: error });
  }
  throw new KoruError(
    "IO",
    `cannot lock ${at}: neither flock nor perl is installed. Install one, open read-only, or pass { lock: false } if nothing else opens it`,
  );
}

function locked(directory: string, at: string): KoruError {
  let holder = "another process";
  try {
    const pid = fs.readFileSync(at, "utf8").trim();
    if (pid === String(process.pid)) holder = "this process";
    else if (/^\d{1,20}$/.test(pid)) holder = `process ${pid}`;
  } catch {
    // Windows lets nobody read it.
  }
  return new KoruError("LOCKED", `${directory} is open for writing in ${holder}: close it there, or open it read-only here`);
}
