// The client's side of the call protocol (docs/reference/protocol.md): numbers calls, batches them, hands replies back,
// and sends again what was under way when the engine's holder vanished.
//
// Invariant: every call is answered exactly once, by a reply, by an error, or by the end of the connection; and a write
// takes effect at most once, however often it is sent, because its token stays the same.

import { KoruError, toKoruError, type ErrorCode } from "../error.js";
import { ARGUMENTS_AHEAD_BYTES, BATCH_TARGET_BYTES, CALLS_UNDER_WAY_MAX } from "../limits.js";
import { Reader } from "../protocol/reader.js";
import { Operation } from "../protocol/operation.js";
import { Writer } from "../protocol/writer.js";
import { writeInfo, type CommitInfo } from "../protocol/words.js";
import type { Connector, Transport } from "./transport.js";

/** Where the operation stands in a message. */
const OPERATION_AT = 8;

/** Microtasks that pass before a batch is sent: callers that a batch of replies woke get to make their next call. */
const MICROTASKS_BEFORE_SEND = 6;
/** Its callbacks are microtasks that never leave the engine of JavaScript; those of `queueMicrotask` go through the browser. */
const settled = Promise.resolve();

interface Call {
  number: number;
  operation: Operation;
  /** Messages with its first arguments, and the session that they were sent in. */
  earlier: Uint8Array[];
  earlierIn: number;
  /** Its message in the queue, and once sent in the batch. */
  start: number;
  end: number;
  batch: Uint8Array | undefined;
  /** For a write: its info, and where that lies in its first message. */
  write: { info: CommitInfo; start: number; end: number; after: number } | undefined;
  /** Whether it belongs to a handle of this session, and so ends with it. */
  bound: boolean;
  /** Who takes results that are sent ahead. */
  parts: Parts | undefined;
  resolve(reader: Reader): void;
  reject(error: KoruError): void;
}

/** What takes the first results of a call while the others are still being looked up. The last ones come as the answer. */
export interface Parts {
  /** The call is sent, perhaps not for the first time: results come from the first one on. */
  begin(): void;
  take(results: Reader): void;
}

/** Beside the number of an operation: more arguments follow in another message, or these follow those of one. */
const MORE = 0x80, CONTINUED = 0x40;

/** What a reply says of its results: `core/src/protocol/results.rs`. */
const DONE = 0, PART = 2;

export class Connection {
  readonly #connector: Connector;
  #transport: Transport | undefined;
  /** Why there will be no transport any more. */
  #ended: KoruError | undefined;
  #connecting: Promise<void> | undefined;
  /** Counts the sessions: a handle of an earlier one is void. */
  session = 0;

  readonly #queue = new Writer(4096);
  /** Calls whose messages are in `#queue`, not sent yet. */
  #waiting: Call[] = [];
  readonly #underWay = new Map<number, Call>();
  #flushing = false;
  #number = 0;

  readonly #client: Uint8Array | undefined;
  #token = 0;
  /** The sequence of the last commit that this client knows to be published. */
  #seen = 0;

  private constructor(connector: Connector) {
    this.#connector = connector;
    if (connector.mayVanish) this.#client = crypto.getRandomValues(new Uint8Array(16));
  }

  /** Connects. Fails as opening the database does. */
  static async open(connector: Connector): Promise<Connection> {
    const connection = new Connection(connector);
    try {
      await connection.#connect();
    } catch (error) {
      await connector.dispose();
      throw error;
    }
    return connection;
  }

  get connector(): Connector {
    return this.#connector;
  }

  /** Takes note of a published sequence, as replies to writes tell it. */
  saw(sequence: number): void {
    if (sequence > this.#seen) this.#seen = sequence;
  }

  /**
   * Makes a call that changes nothing. `session` is that of the handle that it uses, if it uses one: it then ends with
   * `ABORTED` when that session is over.
   */
  read(operation: Operation, write: (writer: Writer) => void, session?: number, parts?: Parts): Promise<Reader> {
    const reads = (writer: Writer) => {
      write(writer);
      return undefined;
    };
    return this.#call(operation, session, reads, parts).answer;
  }

  /** As `read`, and a way to take the call back: only for calls that wait. */
  wait(operation: Operation, write: (writer: Writer) => void, session: number): { answer: Promise<Reader>; cancel(): void } {
    const { answer, number } = this.#call(operation, session, (writer) => {
      write(writer);
      return undefined;
    });
    const cancel = () => {
      if (this.#ended || this.session !== session) return;
      this.read(Operation.cancel, (writer) => writer.integer(number), session).catch(() => {});
    };
    return { answer, cancel };
  }

  /**
   * Makes a call that writes a commit: arguments before the info, the info, arguments behind it. Between these `ahead` may be
   * called, where the engine takes such a call in parts: when there are many they are sent, and read while more are written.
   */
  write(
    operation: Operation,
    before: (writer: Writer) => void,
    info: CommitInfo,
    behind: (writer: Writer, ahead: () => void) => void,
    session?: number,
  ): Promise<Reader> {
    const token = this.#client && { client: this.#client, call: ++this.#token };
    const whole: CommitInfo = token ? { ...info, token } : info;
    return this.#call(operation, session, (writer, ahead) => {
      before(writer);
      const start = writer.length;
      writeInfo(writer, whole);
      const end = writer.length;
      behind(writer, ahead);
      return { info: whole, start, end, after: this.#seen };
    }).answer;
  }

  #call(
    operation: Operation,
    session: number | undefined,
    write: (writer: Writer, ahead: () => void) => Call["write"],
    parts?: Parts,
  ) {
    const queue = this.#queue;
    const start = queue.length;
    const number = (this.#number = (this.#number + 1) >>> 0);
    const earlier: Uint8Array[] = [];
    const earlierIn = this.session;
    const begin = (flags: number) => {
      queue.length = start;
      queue.u32(0);
      queue.u32(number);
      queue.u8(operation | flags);
    };
    const ahead = () => {
      if (!this.#transport || this.session !== earlierIn || queue.length - start < ARGUMENTS_AHEAD_BYTES) return;
      queue.bytes[start + OPERATION_AT]! |= MORE;
      queue.patchU32(start, queue.length - start - 4);
      const message = queue.slice(start);
      earlier.push(message);
      begin(CONTINUED);
      this.#send(message);
    };
    let written: Call["write"];
    try {
      if (this.#ended) throw this.#ended;
      if (session !== undefined && session !== this.session) throw sessionOver();
      begin(0);
      written = write(queue, ahead);
    } catch (error) {
      queue.length = start;
      if (earlier.length > 0) this.read(Operation.cancel, (writer) => writer.integer(number)).catch(() => {});
      return { answer: Promise.reject<Reader>(error), number };
    }
    if (written) {
      written.start -= start;
      written.end -= start;
    }
    queue.patchU32(start, queue.length - start - 4);
    const bound = session !== undefined;
    const answer = new Promise<Reader>((resolve, reject) => {
      const end = queue.length;
      this.#waiting.push({ number, operation, earlier, earlierIn, start, end, batch: undefined, write: written, bound, parts, resolve, reject });
    });
    this.#soon();
    return { answer, number };
  }

  #soon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    let left = MICROTASKS_BEFORE_SEND;
    const step = () => {
      if (--left > 0) return void settled.then(step);
      this.#flushing = false;
      this.#flush();
    };
    void settled.then(step);
  }

  #flush(): void {
    while (this.#transport && this.#waiting.length > 0) {
      const room = CALLS_UNDER_WAY_MAX - this.#underWay.size;
      if (room <= 0) return;
      const first = this.#waiting[0]!;
      let count = 1;
      while (
        count < this.#waiting.length &&
        count < room &&
        this.#waiting[count]!.end - first.start <= BATCH_TARGET_BYTES
      ) count++;
      const calls = this.#waiting.splice(0, count);
      const batch = this.#queue.slice(first.start, calls[count - 1]!.end);
      for (const call of calls) {
        call.batch = batch;
        call.start -= first.start;
        call.end -= first.start;
        this.#underWay.set(call.number, call);
        if (call.earlierIn === this.session) continue;
        // Whom they were sent to is gone, and never had the call as a whole.
        call.earlierIn = this.session;
        for (const message of call.earlier) this.#send(message);
      }
      if (this.#waiting.length === 0) this.#queue.length = 0;
      this.#send(batch);
    }
  }

  #send(batch: Uint8Array): void {
    try {
      this.#transport?.send(batch);
    } catch (error) {
      this.#gone(this.#transport, toKoruError(error, "POISONED"));
    }
  }

  #receive(batch: Uint8Array): void {
    const reader = new Reader(batch);
    while (!reader.done) {
      const length = reader.u32();
      const end = reader.at + length;
      const number = reader.u32();
      const status = reader.u8();
      const results = new Reader(batch, reader.at, Math.min(end, batch.length));
      reader.at = end;
      const call = this.#underWay.get(number);
      if (!call) continue;
      if (status === PART) {
        this.#take(call, results);
        continue;
      }
      this.#underWay.delete(number);
      if (status === DONE) call.resolve(results);
      else this.#fail(call, results);
    }
    if (this.#waiting.length > 0) this.#soon();
  }

  #take(call: Call, results: Reader): void {
    try {
      call.parts!.take(results);
    } catch (error) {
      this.#underWay.delete(call.number);
      call.reject(toKoruError(error));
    }
  }

  #fail(call: Call, results: Reader): void {
    const code = results.string() as ErrorCode;
    const message = results.string();
    call.reject(new KoruError(code, message));
    if (code === "POISONED") this.#transport?.poisoned();
  }

  async #connect(): Promise<void> {
    let transport: Transport | undefined;
    const events = {
      batch: (batch: Uint8Array) => {
        if (transport === this.#transport) this.#receive(batch);
      },
      gone: (reason?: KoruError) => this.#gone(transport, reason),
    };
    transport = await this.#connector.connect(events);
    if (this.#ended) {
      await transport.close();
      throw this.#ended;
    }
    this.#transport = transport;
    this.session++;
    this.#sendAgain();
    this.#flush();
  }

  /** Sends what was under way once more, in its order. A write says from where on its first effect may be found. */
  #sendAgain(): void {
    let writer = new Writer(4096);
    for (const call of this.#underWay.values()) {
      const { batch, write } = call;
      if (!batch) continue;
      call.parts?.begin();
      call.earlierIn = this.session;
      for (const [index, message] of [...call.earlier, batch.subarray(call.start, call.end)].entries()) {
        if (writer.length > BATCH_TARGET_BYTES) {
          this.#send(writer.slice());
          writer = new Writer(4096);
        }
        const start = writer.length;
        if (write && index === 0) {
          writer.raw(message.subarray(0, write.start));
          writeInfo(writer, { ...write.info, after: write.after });
          writer.raw(message.subarray(write.end));
          writer.patchU32(start, writer.length - start - 4);
        } else writer.raw(message);
      }
    }
    if (writer.length > 0) this.#send(writer.slice());
  }

  #gone(transport: Transport | undefined, reason: KoruError | undefined): void {
    if (this.#ended || transport === undefined || transport !== this.#transport) return;
    this.#transport = undefined;
    if (reason && reason.code !== "POISONED") return this.#end(reason);
    if (reason) this.#rejectAll(reason);
    else this.#rejectAll(sessionOver(), (call) => call.bound);
    this.#connecting ??= this.#reconnect().finally(() => (this.#connecting = undefined));
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      this.#end(toKoruError(error));
    }
  }

  #rejectAll(error: KoruError, which: (call: Call) => boolean = () => true): void {
    for (const call of [...this.#underWay.values()].filter(which)) {
      this.#underWay.delete(call.number);
      call.reject(error);
    }
    // What was not sent yet had no effect, and goes to whoever comes next unless it hangs on a handle.
    const [lost, kept] = [this.#waiting.filter((call) => call.bound), this.#waiting.filter((call) => !call.bound)];
    this.#waiting = kept;
    for (const call of lost) call.reject(sessionOver());
  }

  #end(reason: KoruError): void {
    this.#ended = reason;
    for (const call of [...this.#underWay.values(), ...this.#waiting]) call.reject(reason);
    this.#underWay.clear();
    this.#waiting = [];
  }

  /** Ends the session. Calls under way fail with `CLOSED`, later ones too. */
  async close(): Promise<void> {
    const transport = this.#transport;
    this.#flush();
    if (!this.#ended || this.#ended.code !== "CLOSED") this.#end(new KoruError("CLOSED", "the database was closed"));
    else return;
    this.#transport = undefined;
    try {
      await transport?.close();
    } finally {
      await this.#connector.dispose();
    }
  }
}

function sessionOver(): KoruError {
  return new KoruError(
    "ABORTED",
    "the engine that held this snapshot or cursor is gone, and another one took over: begin again",
  );
}

