import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type House, startHouse } from './house.ts';
import {
  connectMqtt,
  connectNumbered,
  hasMosquitto,
  mosquittoPub,
  NUMBERED_METRIC,
  WITHOUT_MOSQUITTO,
} from './mqtt-client.ts';
import { allReadings, gatewayView, latest, telemetryLane } from './readings.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house?.close());

const latestValue = (device: string, metric: string, value: number) =>
  eventually(`${metric} ${value} of ${device}`, async () => {
    const found = await latest(house, device);
    return found?.get(metric)?.value === value;
  });

const values = async (device: string): Promise<readonly (number | undefined)[]> =>
  (await allReadings(house, device, NUMBERED_METRIC)).map((reading) => reading.value);

describe('a reading goes from a device to the API', () => {
  it('of mosquitto_pub at QoS 1', async (context) => {
    if (!hasMosquitto) return context.skip(WITHOUT_MOSQUITTO);
    const topic = 'devices/kitchen/telemetry/temperature';
    // The first one pays for the first connection, the first table pages and compiled code.
    await mosquittoPub(house, { topic, message: '20.5', qos: 1 });
    await latestValue('kitchen', 'temperature', 20.5);
    await mosquittoPub(house, { topic, message: '21.5', qos: 1 });
    const acknowledgedAt = performance.now();
    await latestValue('kitchen', 'temperature', 21.5);
    const ms = Math.round(performance.now() - acknowledgedAt);
    process.stdout.write(`acknowledged by MQTT → answered by the API: ${ms} ms\n`);
  });

  it.for([
    { qos: 0, version: '31' },
    { qos: 0, version: '311' },
    { qos: 1, version: '31' },
    { qos: 1, version: '311' },
    { qos: 2, version: '311' },
  ] as const)('at QoS $qos with MQTT $version', async ({ qos, version }, context) => {
    if (!hasMosquitto) return context.skip(WITHOUT_MOSQUITTO);
    const id = `qos-${qos}-${version}`;
    const topic = `devices/${id}/telemetry/temperature`;
    await mosquittoPub(house, { topic, message: '{"value": 4.25}', qos, version });
    await latestValue(id, 'temperature', 4.25);
    const readings = await allReadings(house, id, 'temperature');
    expect(readings.map((reading) => reading.value)).toEqual([4.25]);
  });

  it('and one that is no number is kept as text', async () => {
    const client = await connectMqtt(house);
    await client.publishAsync('devices/scale/telemetry/state', 'stuck', { qos: 1 });
    await client.endAsync();
    const text = await eventually('the text of scale', async () => {
      const found = await latest(house, 'scale');
      return found?.get('state')?.text;
    });
    expect(text).toBe('stuck');
  });

  it('and to subscribers at the site', async () => {
    const client = await connectMqtt(house);
    const heard = new Promise<string>((resolve) =>
      client.on('message', (topic, payload) => resolve(`${topic} ${payload}`)),
    );
    await client.subscribeAsync('devices/+/telemetry/#', { qos: 1 });
    await client.publishAsync('devices/door-1/telemetry/open', '1', { qos: 1 });
    expect(await heard).toBe('devices/door-1/telemetry/open 1');
    await client.endAsync();
  });
});

it('tells an MQTT 5 client that it speaks 3.1.1', async () => {
  const refused = await connectMqtt(house, { protocolVersion: 5 }).catch((error: Error) => error);
  expect(refused).toBeInstanceOf(Error);
  expect((refused as Error).message).toMatch(/unsupported protocol version/i);
});

it('a message that a device sends again with its key counts once', async () => {
  const client = await connectMqtt(house);
  const payload = JSON.stringify({ value: 7, boot: 'b1', seq: 1 });
  for (const qos of [1, 1, 2] as const) {
    await client.publishAsync(`devices/again/telemetry/${NUMBERED_METRIC}`, payload, { qos });
  }
  const other = JSON.stringify({ value: 8, boot: 'b1', seq: 2 });
  await client.publishAsync(`devices/again/telemetry/${NUMBERED_METRIC}`, other, { qos: 1 });
  await client.endAsync();
  await latestValue('again', NUMBERED_METRIC, 8);
  expect(await values('again')).toEqual([7, 8]);
});

it('state survives a restart of both processes, and both stop as asked', async () => {
  const device = await connectNumbered(house, 'survivor');
  await device.publish(200);
  await device.close();
  const before = await gatewayView(house);
  await house.gateway.stop();
  await house.cloud.stop();
  expect([house.gateway.exitCode, house.cloud.exitCode]).toEqual([0, 0]);
  house.cloud.start();
  house.gateway.start();
  await Promise.all([house.cloudReady(), house.gatewayReady()]);
  await latestValue('survivor', NUMBERED_METRIC, 200);
  expect(await values('survivor')).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
  await eventually('the same gateway is back', async () => {
    const gateway = await gatewayView(house);
    return gateway?.id === before?.id && gateway?.state === 'connected';
  });
});

it('what was acknowledged without a cloud is delivered after a restart', async () => {
  await house.cloud.stop();
  const device = await connectNumbered(house, 'offline');
  await device.publish(300);
  await house.gateway.stop();
  await device.close();
  expect(house.gateway.exitCode).toBe(0);
  house.gateway.start();
  await house.gatewayReady();
  house.cloud.start();
  await house.cloudReady();
  await latestValue('offline', NUMBERED_METRIC, 300);
  expect(await values('offline')).toEqual(Array.from({ length: 300 }, (_, at) => at + 1));
  await eventually('nothing is pending', async () => {
    const lane = await telemetryLane(house);
    return lane?.ledger?.pending === 0 && lane.lag === 0;
  });
});

it('a revoked gateway keeps what it accepts, and brings it under a new identity', async () => {
  const { id } = (await gatewayView(house))!;
  await house.post(`/v1/gateways/${id}/revoke`, {});
  await eventually('it says why', async () => {
    const answer = await fetch(`${house.pagesUrl}/v1/status`);
    const { uplink } = (await answer.json()) as { uplink: { error?: string } };
    return uplink.error?.includes('this gateway was revoked');
  });
  await eventually('it is shown as revoked', async () => (await gatewayView(house))?.revokedAt);
  const device = await connectNumbered(house, 'revoked');
  await device.publish(100);
  await device.close();
  expect(await latest(house, 'revoked')).toBeUndefined();
  await house.enrol('--again');
  await house.gateway.stop();
  house.gateway.start();
  await house.gatewayReady();
  await latestValue('revoked', NUMBERED_METRIC, 100);
  expect(await values('revoked')).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
});
