import type { Random } from '@holdfast/shared/runtime/random.ts';
import mqtt, { type MqttClient } from 'mqtt';

const RECONNECT_MS = 100;
const CONNECT_TIMEOUT_MS = 2_000;
/** Messages of one client that wait for their acknowledgement; more are not published. */
const IN_FLIGHT_MAX = 20;
const TICK_MS = 10;
const SETTLE_TIMEOUT_MS = 60_000;

/** One published message: its number is its payload's value, unique within its device. */
export interface Sent {
  readonly device: string;
  readonly topic: string;
  readonly id: number;
  readonly qos: 0 | 1 | 2;
  readonly keyed: boolean;
  acknowledged: boolean;
}

export interface Load {
  readonly sent: readonly Sent[];
  /** Stops publishing and waits until every QoS 1 and 2 message is acknowledged. */
  settle(): Promise<void>;
  end(): Promise<void>;
}

export interface LoadOptions {
  readonly port: number;
  readonly clientCount: number;
  readonly random: Random;
  /** A client publishes in this share of its ticks. */
  readonly share: number;
  /** So many random bytes go with each message, in a field of their own: `filling`. */
  readonly fillingBytes?: number;
  /** Of how many messages one goes to `event` and one to `stock`; 5 when left out. */
  readonly preciousEvery?: number;
  /** Right before a message goes out. */
  readonly onSent?: (message: Sent) => void;
  readonly onAcknowledged?: (message: Sent) => void;
}

/**
 * Clients that publish without pause, keyed and not, with every QoS, and reconnect whenever the
 * gateway is back.
 */
export function startLoad(options: LoadOptions): Load {
  const sent: Sent[] = [];
  const clients = Array.from({ length: options.clientCount }, (_, index) =>
    startClient(`torture-${index}`, options, sent),
  );
  return {
    sent,
    async settle() {
      await Promise.all(clients.map((client) => client.settle()));
    },
    async end() {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}

function startClient(device: string, options: LoadOptions, sent: Sent[]) {
  const client = mqtt.connect({
    host: '127.0.0.1',
    port: options.port,
    clientId: device,
    clean: false,
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    queueQoSZero: false,
  });
  client.on('error', () => {}); // A killed gateway refuses connections: the client tries again.
  let inFlight = 0;
  let nextId = 1;
  const publish = (): void => {
    if (!client.connected || inFlight >= IN_FLIGHT_MAX) return;
    if (options.random.fraction() > options.share) return;
    const message = drawMessage(device, nextId++, options);
    sent.push(message);
    options.onSent?.(message);
    inFlight++;
    send(client, { message, payload: payloadOf(message, options) }, () => {
      inFlight--;
      if (message.acknowledged) options.onAcknowledged?.(message);
    });
  };
  const timer = setInterval(publish, TICK_MS);
  return {
    async settle() {
      clearInterval(timer);
      const deadline = performance.now() + SETTLE_TIMEOUT_MS;
      while (inFlight > 0 && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
      if (inFlight > 0) throw new Error(`${device}: ${inFlight} messages were never acknowledged`);
    },
    end: () => client.endAsync(),
  };
}

const QOS_DRAW = [0, 1, 1, 1, 2, 2] as const;
const PRECIOUS = ['event', 'stock'] as const;
const PRECIOUS_EVERY = 5;

function drawMessage(device: string, id: number, options: LoadOptions): Sent {
  const { random, preciousEvery = PRECIOUS_EVERY } = options;
  const place = PRECIOUS[random.int(preciousEvery)] ?? 'telemetry/load';
  return {
    device,
    topic: `devices/${device}/${place}`,
    id,
    qos: QOS_DRAW[random.int(QOS_DRAW.length)]!,
    keyed: random.int(2) === 0,
    acknowledged: false,
  };
}

function payloadOf({ id, keyed }: Sent, { fillingBytes = 0, random }: LoadOptions): string {
  const key = keyed ? { boot: 'only', seq: id } : {};
  const filling = fillingBytes > 0 ? { filling: random.bytes(fillingBytes).toString('hex') } : {};
  return JSON.stringify({ value: id, ...key, ...filling });
}

function send(
  client: MqttClient,
  { message, payload }: { message: Sent; payload: string },
  done: () => void,
): void {
  client.publish(message.topic, payload, { qos: message.qos }, (error) => {
    if (!error && message.qos > 0) message.acknowledged = true;
    done();
  });
}
