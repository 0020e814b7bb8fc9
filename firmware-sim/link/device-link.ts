import { type Timer, withDeadline } from '@holdfast/shared/runtime/clock.ts';
import type { MqttClient } from 'mqtt';
import { reconnectDelayMs } from './backoff.ts';
import { type ConnectOptions, firstConnect } from './first-connect.ts';
import { SentOnce } from './sent-once.ts';
import type { Tally } from './tally.ts';

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
}

export interface DeviceLinkOptions extends ConnectOptions {
  readonly tally: Tally;
  readonly ackTimeoutMs?: number;
  readonly onAcknowledged?: (message: OutgoingMessage) => void;
}

/**
 * One device's connection. It comes back by itself; what was sent and not acknowledged is sent
 * again.
 */
export interface DeviceLink {
  /** Resolves when the message is queued; waits while QUEUED_MAX messages are. */
  send(message: OutgoingMessage): Promise<void>;
  /** Cuts the line without a DISCONNECT, and stays away for `awayMs`. */
  cut(awayMs: number): void;
  /** Waits until all is acknowledged, at most `drainMsMax`, and closes. */
  close(drainMsMax: number): Promise<void>;
}

/** Unacknowledged messages of one device. */
export const IN_FLIGHT_MAX = 64;
/** Messages that wait for their turn at one device; `send` waits beyond it, nothing is dropped. */
export const QUEUED_MAX = 1_000;
/** No acknowledgement for so long: the line is dead, whatever TCP says. */
export const ACK_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 2_000;

/** Throws UNAVAILABLE when nobody answers in time, FORBIDDEN when the broker refuses for good. */
export async function openDeviceLink(options: DeviceLinkOptions): Promise<DeviceLink> {
  return new MqttDeviceLink(await firstConnect(options), options);
}

class MqttDeviceLink implements DeviceLink {
  readonly #client: MqttClient;
  readonly #options: DeviceLinkOptions;
  readonly #sent = new SentOnce();
  readonly #queue: OutgoingMessage[] = [];
  readonly #unpromised = new Set<() => void>();
  #wakeUps: (() => void)[] = [];
  #inFlight = 0;
  #attempt = 0;
  #awayUntilMs = 0;
  #isConnected = true;
  #isDraining = false;
  #isClosing = false;
  #lastSignMs: number;
  #watch: Timer | undefined;

  constructor(client: MqttClient, options: DeviceLinkOptions) {
    this.#client = client;
    this.#options = options;
    this.#lastSignMs = options.clock.monotonicMs();
    options.tally.connections++;
    this.#listen();
    this.#watchAcknowledgements();
  }

  async send(message: OutgoingMessage): Promise<void> {
    while (this.#queue.length >= QUEUED_MAX) await this.#change();
    this.#queue.push(message);
    this.#pump();
  }

  cut(awayMs: number): void {
    this.#awayUntilMs = this.#options.clock.monotonicMs() + awayMs;
    this.#client.options.reconnectPeriod = Math.max(awayMs, 1);
    this.#client.stream.destroy();
  }

  async close(drainMsMax: number): Promise<void> {
    const { clock } = this.#options;
    this.#isDraining = true;
    this.#endAbsence();
    let isLate = false;
    const deadline = clock.after(
      drainMsMax,
      () => {
        isLate = true;
        this.#wake();
      },
      { keepAlive: true },
    );
    while (!this.#isDrained() && !isLate) await this.#change();
    deadline.cancel();
    this.#isClosing = true;
    this.#watch?.cancel();
    const ended = this.#client.endAsync(!this.#isDrained());
    const late = (): Error => new Error('the broker does not answer the goodbye');
    // Nothing is owed any more: a broker that is slow now is left, not waited for.
    await withDeadline(ended, { clock, ms: CLOSE_TIMEOUT_MS, late }).catch(() => undefined);
    // A connection that was just being made would stay open for ever.
    this.#client.stream.destroy();
  }

  #listen(): void {
    const client = this.#client;
    client.on('connect', () => this.#onConnect());
    client.on('close', () => this.#onClose());
    // Read by the library when the line is lost the next time.
    client.on('reconnect', () => this.#drawDelay());
    client.on('packetsend', (packet) => {
      if (this.#sent.mark(packet)) this.#options.tally.retried++;
    });
    client.on('packetreceive', (packet) => {
      this.#sent.settle(packet);
      // A ping's answer says that the broker lives, not that it stores.
      if (packet.cmd !== 'pingresp') this.#lastSignMs = this.#options.clock.monotonicMs();
    });
    // A lost line is also a 'close', which leads to the next try; here the event only must not stay
    // unheard.
    client.on('error', () => this.#drawDelay());
    this.#drawDelay();
  }

  #onConnect(): void {
    this.#isConnected = true;
    this.#attempt = 0;
    this.#options.tally.connections++;
    this.#drawDelay();
    this.#pump();
  }

  #onClose(): void {
    this.#isConnected = false;
    this.#attempt++;
    // The library forgets QoS 0 callbacks of a lost line; nothing was promised for them.
    for (const settle of [...this.#unpromised]) settle();
    this.#endAbsence();
  }

  /** Who waits for the end does not wait for the rest of an absence. */
  #endAbsence(): void {
    const isAway = this.#options.clock.monotonicMs() < this.#awayUntilMs;
    if (!this.#isDraining || this.#isClosing || this.#client.connected || !isAway) return;
    this.#awayUntilMs = 0;
    this.#client.connect();
  }

  #drawDelay(): void {
    const { random } = this.#options;
    this.#client.options.reconnectPeriod = reconnectDelayMs(this.#attempt, random);
  }

  #pump(): void {
    while (this.#isConnected && this.#inFlight < IN_FLIGHT_MAX) {
      const message = this.#queue.shift();
      if (!message) break;
      this.#options.tally.published++;
      this.#publish(message);
    }
    this.#wake();
  }

  #publish(message: OutgoingMessage): void {
    this.#inFlight++;
    if (message.qos === 0) this.#publishUnpromised(message);
    else this.#publishPromised(message);
  }

  #publishUnpromised({ topic, payload }: OutgoingMessage): void {
    this.#options.tally.unpromised++;
    const settle = (): void => {
      if (!this.#unpromised.delete(settle)) return;
      this.#inFlight--;
      this.#pump();
    };
    this.#unpromised.add(settle);
    this.#client.publish(topic, payload, { qos: 0 }, settle);
  }

  #publishPromised(message: OutgoingMessage): void {
    const { topic, payload, qos } = message;
    this.#client.publish(topic, payload, { qos }, (error) => {
      this.#inFlight--;
      if (this.#isClosing) return;
      if (error) return this.#publishAgain(message);
      this.#options.tally.acknowledged++;
      this.#options.onAcknowledged?.(message);
      this.#pump();
    });
  }

  /** The line was lost before the library stored the message; it goes out first on the next one. */
  #publishAgain(message: OutgoingMessage): void {
    this.#options.tally.published--;
    this.#options.tally.retried++;
    this.#queue.unshift(message);
    this.#pump();
  }

  #watchAcknowledgements(): void {
    const { clock, ackTimeoutMs = ACK_TIMEOUT_MS } = this.#options;
    this.#watch = clock.after(ackTimeoutMs / 4, () => {
      const now = clock.monotonicMs();
      if (this.#inFlight === 0) this.#lastSignMs = now;
      // The library's own flag: ours comes only after it has sent again, and got acknowledged, what
      // was left.
      const isDead = this.#client.connected && now - this.#lastSignMs > ackTimeoutMs;
      if (isDead) this.#client.stream.destroy();
      this.#watchAcknowledgements();
    });
  }

  #isDrained(): boolean {
    return this.#queue.length === 0 && this.#inFlight === 0;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wakeUps.push(resolve));
  }

  #wake(): void {
    const wakeUps = this.#wakeUps;
    this.#wakeUps = [];
    for (const wakeUp of wakeUps) wakeUp();
  }
}
