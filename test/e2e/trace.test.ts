import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FinishedSpan } from '@holdfast/shared/runtime/tracing.ts';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { type House, startHouse } from './house.ts';

let house: House;

beforeAll(async () => {
  house = await startHouse({
    env: { HOLDFAST_TRACING_EXPORTER: 'file', HOLDFAST_TRACING_SAMPLE_RATIO: '1' },
  });
});
afterAll(() => house?.close());

/** From the gateway's publish to the cloud's store: each span's name, below its parent's. */
const TREE = [
  'mqtt.publish',
  'uplink.send',
  'edge-link.receive',
  'event-log.append',
  'telemetry.consume',
  'telemetry.store',
];

function spans(): FinishedSpan[] {
  return ['gateway', 'cloud'].flatMap((name) => {
    const file = join(house.dir, name, 'traces.jsonl');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as FinishedSpan);
  });
}

test('one trace runs from MQTT through gRPC and the event log to the store', async () => {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${house.mqttPort}`);
  await client.publishAsync('devices/oven-1/telemetry/temperature', '21.5', { qos: 1 });
  await client.endAsync();
  const tree = await eventually('the whole trace', () => {
    const all = spans();
    const root = all.find((span) => span.name === TREE[0]);
    const trace = all.filter((span) => span.traceId === root?.traceId);
    // A span is written when it ends, so the inner ones come first.
    const isWhole = TREE.every((name) => trace.some((span) => span.name === name));
    return isWhole ? trace : undefined;
  });
  for (const [index, name] of TREE.entries()) {
    const span = tree.find((found) => found.name === name);
    expect(span, `${name} among ${tree.map((found) => found.name)}`).toBeDefined();
    const parent = tree.find((found) => found.spanId === span?.parentSpanId);
    expect(parent?.name).toBe(TREE[index - 1]);
  }
});
