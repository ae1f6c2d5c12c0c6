// A file of OPFS as a log: each record with its length before it, written and flushed before it is acknowledged. What
// anyone would write by hand, and so the floor; and where Loro's updates go.

import { serve } from "../call.js";

interface AccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(data: Uint8Array, options: { at: number }): number;
  flush(): void;
  getSize(): number;
  truncate(bytes: number): void;
  close(): void;
}

let file: AccessHandle;
let end = 0;

function append(record: Uint8Array): void {
  const framed = new Uint8Array(4 + record.length);
  new DataView(framed.buffer).setUint32(0, record.length, true);
  framed.set(record, 4);
  end += file.write(framed, { at: end });
  file.flush();
}

serve({
  async open() {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle("log", { create: true });
    file = await (handle as unknown as { createSyncAccessHandle(): Promise<AccessHandle> }).createSyncAccessHandle();
    end = file.getSize();
    const whole = new Uint8Array(end);
    file.read(whole, { at: 0 });
    const records: Uint8Array[] = [];
    for (let at = 0; at < end; ) {
      const bytes = new DataView(whole.buffer).getUint32(at, true);
      records.push(whole.slice(at + 4, at + 4 + bytes));
      at += 4 + bytes;
    }
    return records;
  },
  append,
  replace(record: Uint8Array) {
    file.truncate((end = 0));
    append(record);
  },
  close: () => file.close(),
});
