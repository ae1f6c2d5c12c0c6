// A shared worker that hands a tab's port on to the worker that leads a database. It knows nothing else, and carries no data.

import { workerLock, type OnBroker } from "./worker/messages.js";

/** How long a leader is waited for, in milliseconds, that makes itself known when it hears of another tab. */
const WAIT_MS = 500;

const leaders = new Map<string, MessagePort>();
/** What to do when a leader has made itself known. */
const waiting = new Map<string, Set<() => void>>();

addEventListener("connect", (event) => {
  const [tab] = (event as MessageEvent).ports;
  tab!.onmessage = ({ data }: MessageEvent<OnBroker>) => {
    if (data.type === "lead") {
      leaders.set(data.leader, data.port);
      const those = waiting.get(data.leader) ?? [];
      waiting.delete(data.leader);
      for (const known of those) known();
      // The leader's lock is free when it is gone.
      navigator.locks?.request(workerLock(data.leader), { mode: "shared" }, () => {
        leaders.delete(data.leader);
        data.port.close();
      });
    }
    if (data.type !== "join") return;
    if (leaders.has(data.leader)) return handOver(data);
    const those = waiting.get(data.leader) ?? new Set();
    waiting.set(data.leader, those);
    const known = () => {
      clearTimeout(timer);
      handOver(data);
    };
    const timer = setTimeout(() => {
      those.delete(known);
      if (those.size === 0) waiting.delete(data.leader);
      tab!.postMessage({ type: "unknown", leader: data.leader, client: data.client } satisfies OnBroker);
    }, WAIT_MS);
    those.add(known);
  };
});

function handOver(join: Extract<OnBroker, { type: "join" }>): void {
  leaders.get(join.leader)?.postMessage(join, [join.port]);
}
