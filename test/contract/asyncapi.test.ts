import {
  clientFrameSchema,
  eventFrame,
  type ServerFrame,
} from '@holdfast/cloud/platform/websocket/frames.ts';
import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ASYNCAPI_BASELINE,
  ASYNCAPI_FILE,
  type AsyncApi,
  breakingFrames,
  readAsyncApi,
} from './asyncapi-file.ts';
import { readText } from './proto-file.ts';

const REFRESH = 'run: node test/contract/export-asyncapi.ts';
const messages = z.object({ messages: z.array(z.object({ $ref: z.string() })) });
const shape = z.looseObject({ operations: z.object({ say: messages, show: messages }) });
const document = loadConfig(shape, { file: ASYNCAPI_FILE, env: {} });
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema(document, 'asyncapi');

function violationsOf(frame: { readonly type: string }): unknown[] {
  const check = ajv.getSchema(`asyncapi#/components/messages/${frame.type}/payload`);
  if (!check) return [`no message ${frame.type}`];
  return check(JSON.parse(JSON.stringify(frame))) ? [] : (check.errors ?? []);
}

const event = {
  id: 'evt_1',
  type: 'order.confirmed.v1',
  subject: 'ord_1',
  time: '2026-01-01T00:00:00Z',
  sequence: '3',
  tenant: 'dev',
  traceparent: '',
  data: { orderId: 'ord_1' },
};

/** One of each kind: a kind that is missing here does not compile. */
const SERVER_FRAMES: { readonly [K in ServerFrame['type']]: ServerFrame & { type: K } } = {
  welcome: { type: 'welcome', channels: ['orders'], heartbeatMs: 20_000 },
  subscribed: { type: 'subscribed', channel: 'orders', cursor: '1.a.0' },
  unsubscribed: { type: 'unsubscribed', channel: 'orders' },
  event: JSON.parse(eventFrame('orders', '1.a.0', event)),
  gap: { type: 'gap', channel: 'orders', reason: 'too-slow', from: undefined, to: '1.a.0' },
  error: { type: 'error', code: 'NOT_FOUND', detail: 'there is no channel x' },
  closing: { type: 'closing', resumeToken: 'orders=1.a.0' },
};

const CLIENT_FRAMES = [
  { type: 'subscribe', channel: 'orders' },
  { type: 'subscribe', channel: 'orders', cursor: '1.a.0' },
  { type: 'unsubscribe', channel: 'orders' },
  { type: 'resume', token: 'orders=1.a.0' },
];

describe('proto/asyncapi.yaml', () => {
  it('describes every frame that the cloud sends, and no other', () => {
    for (const frame of Object.values(SERVER_FRAMES)) {
      expect(violationsOf(frame), frame.type).toEqual([]);
      const wrong: { readonly type: string } = { ...frame, ...{ more: 1 } };
      expect(violationsOf(wrong)).not.toEqual([]);
    }
    const shown = document.operations.show.messages.map(nameOf);
    expect(shown.toSorted()).toEqual(Object.keys(SERVER_FRAMES).toSorted());
  });

  it('describes every frame that the cloud takes, and no other', () => {
    for (const frame of CLIENT_FRAMES) {
      expect(violationsOf(frame), frame.type).toEqual([]);
      expect(clientFrameSchema.safeParse(frame).success).toBe(true);
      const wrong = { ...frame, more: 1 };
      expect(violationsOf(wrong)).not.toEqual([]);
      expect(clientFrameSchema.safeParse(wrong).success).toBe(false);
    }
    const said = document.operations.say.messages.map(nameOf);
    expect(said.toSorted()).toEqual([...new Set(CLIENT_FRAMES.map(({ type }) => type))].toSorted());
  });
});

describe('the accepted proto/asyncapi.yaml', () => {
  const now = readAsyncApi(ASYNCAPI_FILE);

  function replaced(from: string, to: string): AsyncApi {
    const text = JSON.stringify(now);
    expect(text).toContain(from);
    return JSON.parse(text.replace(from, to));
  }

  it('is not broken', () => {
    expect(breakingFrames(readAsyncApi(ASYNCAPI_BASELINE), now)).toEqual([]);
  });

  it('is all that there is, so that what was added can not be taken back unseen', () => {
    expect(readText(ASYNCAPI_BASELINE), REFRESH).toBe(readText(ASYNCAPI_FILE));
  });

  it.each([
    ['"from":{', '"since":{', 'gap#/from: field was removed'],
    ['"required":["type","token"]', '"required":["type"]', 'resume#/token: field was required'],
    ['"cursor-too-old",', '', 'gap#/reason: enum lost "cursor-too-old"'],
    ['"maxLength":64', '"maxLength":32', 'subscribe#/channel: maxLength 64 became 32'],
    ['"closing":{"payload"', '"ending":{"payload"', 'closing: the frame was removed'],
    ['"address":"/v1/ws"', '"address":"/v2/ws"', '/v1/ws: the channel was removed'],
  ])('is broken when %s becomes %s', (from, to, says) => {
    const found = breakingFrames(now, replaced(from, to));
    expect(found).toContainEqual(expect.stringContaining(says));
  });

  it('is not broken by a frame that is added', () => {
    const added = replaced('"closing":{"payload"', '"notice":{"payload":{}},"closing":{"payload"');
    expect(breakingFrames(now, added)).toEqual([]);
  });
});

function nameOf({ $ref }: { $ref: string }): string {
  return $ref.split('/').at(-1)!;
}
