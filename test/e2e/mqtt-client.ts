import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import type { House } from './house.ts';

const MOSQUITTO_PUB = '/usr/bin/mosquitto_pub';
const TIMEOUT_MS = 15_000;

export const hasMosquitto = existsSync(MOSQUITTO_PUB);
export const WITHOUT_MOSQUITTO = `${MOSQUITTO_PUB} is not installed (Debian: mosquitto-clients)`;

export interface MosquittoMessage {
  readonly topic: string;
  readonly message: string;
  readonly qos: 0 | 1 | 2;
  readonly version?: '31' | '311' | '5';
}

/**
 * Publishes with a client that is not ours; resolves when it ended well, for QoS 1 and 2 after the
 * acknowledgement.
 */
export async function mosquittoPub(house: House, message: MosquittoMessage): Promise<void> {
  const { topic, qos, version = '311' } = message;
  const where = ['-h', '127.0.0.1', '-p', String(house.mqttPort), '-V', version];
  const what = ['-q', String(qos), '-t', topic, '-m', message.message];
  await promisify(execFile)(MOSQUITTO_PUB, [...where, ...what], { timeout: TIMEOUT_MS });
}

export function connectMqtt(
  house: House,
  options: mqtt.IClientOptions = {},
): Promise<mqtt.MqttClient> {
  const url = `mqtt://127.0.0.1:${house.mqttPort}`;
  return mqtt.connectAsync(url, { connectTimeout: TIMEOUT_MS, ...options }, false);
}

/** A device that publishes 1, 2, 3 … under its own key, and waits for the acknowledgements. */
export interface NumberedDevice {
  readonly id: string;
  /**
   * The numbers 1 to this were published; all of them were acknowledged when no `publish` is under
   * way.
   */
  readonly last: number;
  /** The fields of `beside` go along; each is a metric of its own. */
  publish(count: number, beside?: Readonly<Record<string, number>>): Promise<void>;
  close(): Promise<void>;
}

export const NUMBERED_METRIC = 'count';

export async function connectNumbered(
  house: House,
  id: string,
  options: mqtt.IClientOptions = {},
): Promise<NumberedDevice> {
  const client = await connectMqtt(house, { clientId: id, ...options });
  const topic = `devices/${id}/telemetry/${NUMBERED_METRIC}`;
  let last = 0;
  const next = (beside: Readonly<Record<string, number>>): Promise<unknown> => {
    last += 1;
    const payload = JSON.stringify({ ...beside, value: last, boot: 'first', seq: last });
    return client.publishAsync(topic, payload, { qos: 1 });
  };
  return {
    id,
    get last() {
      return last;
    },
    async publish(count, beside = {}) {
      await Promise.all(Array.from({ length: count }, () => next(beside)));
    },
    close: () => client.endAsync(),
  };
}
