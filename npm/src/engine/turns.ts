// Turns of the event loop: to be called back in another one, and to keep a thread from falling asleep between two.

const waiting: (() => void)[] = [];
let turns: MessagePort | undefined;

/** Calls back in a turn of its own. In browsers a timer that follows another waits for 4 ms, and a message does not. */
export function soon(callback: () => void): void {
  // In Node and its like a timer is soon enough, and a thousand messages come before anything else gets its turn.
  if ("process" in globalThis || typeof MessageChannel === "undefined") return later(callback, 0);
  if (!turns) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => waiting.shift()?.();
    turns = port2;
  }
  waiting.push(callback);
  turns.postMessage(null);
}

/** Calls back after a while, for which a process does not go on. */
export function later(callback: () => void, ms: number): void {
  const timer = setTimeout(callback, ms);
  (timer as { unref?: () => void }).unref?.();
}

/** Calls that come within this time after a reply follow it, in milliseconds. */
const FOLLOWING_MS = 1;
/** Turns after which a thread falls asleep all the same: in Chromium about a quarter of a millisecond. */
const TURNS = 40;

/**
 * Keeps a thread awake for a moment behind each reply. Who awaits one call after the other has the next one there by then,
 * and a thread that has fallen asleep takes a good part of a call to wake up. Calls that come now and then do not pay for it:
 * only one that follows another keeps the thread awake. Where there is one processor, it is the caller's.
 */
export class Awake {
  #replied = -Infinity;
  #left = 0;

  /** Does a call. */
  during(call: () => void): void {
    const follows = performance.now() - this.#replied < FOLLOWING_MS;
    call();
    this.#replied = performance.now();
    if (!follows || navigator.hardwareConcurrency === 1) return;
    const sleeps = this.#left === 0;
    this.#left = TURNS;
    if (sleeps) soon(this.#turn);
  }

  #turn = (): void => {
    if (--this.#left > 0) soon(this.#turn);
  };
}
