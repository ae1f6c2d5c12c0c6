// The workers that the package starts for this tab, so that the crash panel can kill them. The package takes no part in it:
// it finds its worker gone, as it would after a real fault.

const alive = new Set<Worker>();

/** From now on takes note of every worker that is started. Call it before a database is opened. */
export function trackWorkers(): void {
  const Native = globalThis.Worker;
  globalThis.Worker = class extends Native {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      alive.add(this);
    }

    override terminate(): void {
      alive.delete(this);
      super.terminate();
    }
  };
}

/** Ends every worker of this tab at once, whatever it is doing. Returns how many. */
export function killWorkers(): number {
  const killed = alive.size;
  for (const worker of [...alive]) worker.terminate();
  return killed;
}
