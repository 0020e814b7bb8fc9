import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import mqtt, { type Packet } from 'mqtt-packet';
import { expect } from 'vitest';
import type {
  AcceptedMessage,
  AppendOutcome,
  Exchange,
  Buffer as GatewayBuffer,
  GroupEnd,
  Offering,
} from '../buffer/buffer.ts';
import { brokerSettingsSchema } from './broker-settings.ts';
import type { MqttConnection } from './mqtt-listener.ts';
import { type Broker, openBroker } from './open-broker.ts';
import { openSqliteSessions } from './persistence/session-persistence.sqlite.ts';

interface Pending {
  readonly message: AcceptedMessage;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: Error) => void;
}

/** A buffer whose commits the test decides about. Without `holding` it stores at once. */
export class ScriptedBuffer {
  readonly appended: AcceptedMessage[] = [];
  readonly pending: Pending[] = [];
  readonly released: Exchange[] = [];
  readonly forgotten: string[] = [];
  readonly #offered = new Map<Offering, Promise<void>>();
  holding = false;
  behind = false;
  releaseFails = false;

  append(message: AcceptedMessage): Promise<AppendOutcome> {
    this.appended.push(message);
    const sequence = BigInt(this.appended.length);
    if (!this.holding) return Promise.resolve({ kind: 'stored', sequence });
    return new Promise((resolve, reject) => this.pending.push({ message, resolve, reject }));
  }

  /** Groups of one message each; for one caller they end in the order of its calls. */
  offer(message: AcceptedMessage, by: Offering): AppendOutcome {
    by.joined = {};
    const before = this.#offered.get(by);
    const settle = async (end: GroupEnd): Promise<void> => {
      await before;
      by.settled(end);
    };
    const settled = this.append(message).then(
      ({ kind }) => settle({ kind: kind === 'full' ? 'full' : 'durable' }),
      (error: Error) => settle({ kind: 'failed', error }),
    );
    this.#offered.set(by, settled);
    return { kind: 'stored', sequence: 0n };
  }

  get isBehind(): boolean {
    return this.behind;
  }

  async caughtUp(): Promise<void> {
    await Promise.all(this.#offered.values());
    this.behind = false;
  }

  async release(exchange: Exchange): Promise<void> {
    if (this.releaseFails) throw new Error('EIO');
    this.released.push(exchange);
  }

  async forgetClient(clientId: string): Promise<void> {
    this.forgotten.push(clientId);
  }

  commit(count: number, outcome: AppendOutcome = { kind: 'stored', sequence: 1n }): void {
    for (const { resolve } of this.pending.splice(0, count)) resolve(outcome);
  }
}

let publishes: 'fast' | 'aedes' = 'fast';

/** The way of the publishes in this test file from now on. */
export function publishBy(way: typeof publishes): void {
  publishes = way;
}

export interface BrokerWorld {
  readonly broker: Broker;
  readonly buffer: ScriptedBuffer;
  readonly runtime: Runtime;
  connect(remoteAddress?: string): TestClient;
  /** The number of refusals with this reason. */
  refused(reason: string): Promise<number>;
  stop(): Promise<void>;
}

export async function brokerWorld(
  settings: object = {},
  changes: {
    buffer?: GatewayBuffer;
    runtime?: Runtime;
    traceSampleRatio?: number;
    dataDir?: string;
  } = {},
): Promise<BrokerWorld> {
  const scripted = new ScriptedBuffer();
  const runtime = changes.runtime ?? testRuntime();
  const dataDir = changes.dataDir ?? mkdtempSync(join(tmpdir(), 'holdfast-broker-'));
  const parsed = brokerSettingsSchema.parse(settings);
  let accept: ((connection: MqttConnection) => void) | undefined;
  const broker = openBroker({
    buffer: changes.buffer ?? (scripted as unknown as GatewayBuffer),
    persistence: openSqliteSessions({
      path: join(dataDir, 'sessions.sqlite'),
      runtime,
      expiryHours: parsed.sessionExpiryHours,
    }),
    settings: parsed,
    publishes,
    traceSampleRatio: changes.traceSampleRatio ?? 0,
    listen: async (options) => {
      accept = options.accept;
      return { port: 1883, close: async () => {} };
    },
    runtime,
  });
  await broker.module.start();
  return {
    broker,
    buffer: scripted,
    runtime,
    connect(remoteAddress = '127.0.0.1') {
      const [near, far] = duplexPair();
      accept!({ stream: far, remoteAddress });
      return new TestClient(near);
    },
    async refused(reason) {
      const line = `holdfast_broker_refused_total{reason="${reason}"}`;
      const found = (await runtime.metrics.text())
        .split('\n')
        .find((text) => text.startsWith(line));
      return Number(found?.slice(line.length) ?? 0);
    },
    async stop() {
      await broker.module.stop();
      // The test that named the folder opens it again.
      if (!changes.dataDir) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Speaks raw MQTT over one end of a stream pair. */
export class TestClient {
  readonly received: Packet[] = [];
  readonly #stream: Duplex;
  readonly #pieces: Buffer[] = [];
  closed = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    const parser = mqtt.parser({ protocolVersion: 4 });
    parser.on('packet', (packet) => this.received.push(packet));
    // What this parser cannot read is for the test to look at.
    for (const emitter of [parser, stream]) emitter.on('error', () => {});
    stream.on('data', (bytes: Buffer) => {
      this.#pieces.push(bytes);
      parser.parse(bytes);
    });
    for (const event of ['end', 'close'])
      stream.on(event, () => {
        this.closed = true;
      });
  }

  /** Everything that came. */
  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  send(...packets: Packet[]): void {
    this.write(Buffer.concat(packets.map((packet) => mqtt.generate(packet))));
  }

  write(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  /** The network is gone, without a DISCONNECT. */
  cut(): void {
    this.#stream.destroy();
  }

  /** No more will be sent. */
  end(): void {
    this.#stream.end();
  }

  /** The packets of one kind, once there are `count`. */
  async expect(cmd: string, count = 1): Promise<Packet[]> {
    const found = () => this.received.filter((packet) => packet.cmd === cmd);
    await expect.poll(() => found().length, { interval: 2 }).toBe(count);
    return found();
  }

  async expectClosed(): Promise<void> {
    await expect.poll(() => this.closed, { interval: 2 }).toBe(true);
  }

  async login(changes: object = {}): Promise<this> {
    this.send(connectPacket(changes));
    const [connack] = await this.expect('connack');
    expect(connack).toMatchObject({ returnCode: 0 });
    return this;
  }
}

export function connectPacket(changes: object = {}): Packet {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'c1',
    keepalive: 60,
    ...changes,
  } as Packet;
}

export function publishPacket(messageId: number, changes: object = {}): Packet {
  return {
    cmd: 'publish',
    topic: 'devices/d1/telemetry/t',
    payload: `${messageId}`,
    qos: 1,
    dup: false,
    retain: false,
    messageId,
    ...changes,
  } as Packet;
}
