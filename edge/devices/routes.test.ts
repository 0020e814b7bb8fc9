import { describe, expect, it } from 'vitest';
import { createRouter } from './routes.ts';

const route = createRouter();

describe('the default routes', () => {
  it.each([
    [
      'devices/d1/telemetry/temperature',
      { lane: 'telemetry', device: 'd1', channel: 'temperature' },
    ],
    ['devices/d1/stock', { lane: 'stock', device: 'd1' }],
    ['devices/d1/event', { lane: 'event', device: 'd1' }],
    ['devices/d1/commands/open', { lane: 'event', device: 'd1', channel: 'commands/open' }],
    [
      'devices/d1/commands/open/reply',
      { lane: 'event', device: 'd1', channel: 'commands/open/reply' },
    ],
  ])('know %s', (topic, expected) => {
    expect(route(topic)).toEqual(expected);
    expect(route(topic)).toEqual(expected);
  });

  it.each([
    'devices//telemetry/temperature',
    'devices/d1/telemetry/',
    'devices/d1/telemetry/a/b',
    'devices/d1/stocks',
    'Devices/d1/stock',
    'zigbee2mqtt/lamp',
    '/',
  ])('leave %s without a device in the telemetry lane', (topic) => {
    expect(route(topic)).toEqual({ lane: 'telemetry' });
  });
});
