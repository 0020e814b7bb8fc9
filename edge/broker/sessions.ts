import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Client } from 'aedes';
import type { Grants } from '../devices/grants.ts';
import { HeldPublishes } from './held-publishes.ts';
import type { Refusals } from './refusals.ts';

/** What a CONNECT said that Aedes does not hand on to `authenticate`. */
export interface ConnectDetails {
  readonly keepAliveSeconds: number;
  readonly willTopic: string | undefined;
}

/** One connected client. */
export interface Session {
  readonly grants: Grants;
  readonly held: HeldPublishes;
  /** How long an acknowledgement may be held: longer, and the client takes us for dead. */
  readonly holdMsMax: number;
}

/** For clients that asked for no keep-alive. */
const HOLD_MS_WITHOUT_KEEP_ALIVE = 30_000;
const SWEEP_INTERVAL_MS = 250;

/** The sessions of the connected clients. */
export class Sessions {
  readonly #details = new WeakMap<Client, ConnectDetails>();
  readonly #sessions = new WeakMap<Client, Session>();
  readonly #waiting = new Set<Client>();
  readonly #runtime: Runtime;
  readonly #refusals: Refusals;
  #timer: Timer | undefined;

  constructor(runtime: Runtime, refusals: Refusals) {
    this.#runtime = runtime;
    this.#refusals = refusals;
  }

  announce(client: Client, details: ConnectDetails): void {
    this.#details.set(client, details);
  }

  details(client: Client): ConnectDetails | undefined {
    return this.#details.get(client);
  }

  open(client: Client, grants: Grants): void {
    const seconds = this.#details.get(client)?.keepAliveSeconds ?? 0;
    const holdMsMax = seconds === 0 ? HOLD_MS_WITHOUT_KEEP_ALIVE : (seconds * 1000) / 2;
    this.#sessions.set(client, { grants, held: new HeldPublishes(), holdMsMax });
  }

  of(client: Client): Session | undefined {
    return this.#sessions.get(client);
  }

  /** The client has a publish that waits. */
  watch(client: Client): void {
    this.#waiting.add(client);
    this.#timer ??= this.#runtime.clock.after(SWEEP_INTERVAL_MS, () => this.#sweep());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.clear();
  }

  /** One timer for all: a timer per message would cost more than the message. */
  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#runtime.clock.monotonicMs();
    for (const client of this.#waiting) {
      const session = this.#sessions.get(client);
      const sinceMs = session?.held.oldestSinceMs;
      if (!session || sinceMs === undefined) this.#waiting.delete(client);
      else if (nowMs - sinceMs > session.holdMsMax) {
        this.#waiting.delete(client);
        this.#refusals.refuse('held-too-long', { clientId: client.id });
        client.conn.destroy();
      }
    }
    if (this.#waiting.size > 0)
      this.#timer = this.#runtime.clock.after(SWEEP_INTERVAL_MS, () => this.#sweep());
  }
}
