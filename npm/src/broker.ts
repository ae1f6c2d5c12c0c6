// A shared worker that hands a tab's port on to the worker that leads a database. It knows nothing else, and carries no data.

import { workerLock, type OnBroker } from "./worker/messages.js";

const leaders = new Map<string, MessagePort>();

addEventListener("connect", (event) => {
  const [tab] = (event as MessageEvent).ports;
  tab!.onmessage = ({ data }: MessageEvent<OnBroker>) => {
    if (data.type === "lead") {
      leaders.set(data.leader, data.port);
      // The leader's lock is free when it is gone.
      navigator.locks?.request(workerLock(data.leader), { mode: "shared" }, () => {
        leaders.delete(data.leader);
        data.port.close();
      });
    }
    if (data.type !== "join") return;
    const leader = leaders.get(data.leader);
    if (leader) leader.postMessage(data, [data.port]);
    else tab!.postMessage({ type: "unknown", leader: data.leader, client: data.client } satisfies OnBroker);
  };
});
