import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { expect, it } from 'vitest';
import type { Channel } from './channel.ts';
import { openConnection } from './connection.ts';

it('a connection tells nothing about the inside when a channel fails', async () => {
  const failing = (error: Error): Channel => ({
    name: 'failing',
    subscribe: () => Promise.reject(error),
    stop: async () => undefined,
  });
  const secret = 'no space left in /var/lib/holdfast';
  const channels = new Map([
    ['full', failing(new AppError('UNAVAILABLE', secret, { operatorOnly: true }))],
    ['broken', failing(new TypeError(secret))],
    ['closed', failing(new AppError('UNAVAILABLE', 'the service stops'))],
  ]);
  const sent: string[] = [];
  const connection = openConnection({
    socket: {
      open: true,
      send: (text) => void sent.push(text),
      ping: () => undefined,
      close: () => undefined,
      terminate: () => undefined,
      buffered: () => 0,
    },
    principal: { subject: 'usr_1', tenant: 'dev', sites: [], roles: ['customer'] },
    channels,
    clock: systemClock,
    failures: new FailureLog(testRuntime()),
  });
  for (const channel of channels.keys()) {
    connection.received(JSON.stringify({ type: 'subscribe', channel }));
  }
  await expect.poll(() => sent.length).toBe(4);
  connection.closed();
  expect(sent.slice(1).map((text) => JSON.parse(text))).toMatchObject([
    { type: 'error', code: 'UNAVAILABLE' },
    { type: 'error', code: 'INTERNAL' },
    { type: 'error', code: 'UNAVAILABLE', detail: 'the service stops' },
  ]);
  expect(sent.join()).not.toContain(secret);
});
