import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import type { MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type House, startHouse } from './house.ts';
import { connectMqtt, connectNumbered, NUMBERED_METRIC } from './mqtt-client.ts';
import { sendRaw } from './raw-socket.ts';
import { latest } from './readings.ts';

let house: House;
let pids: readonly (number | undefined)[];
beforeAll(async () => {
  // Each device may publish its own topics only.
  const env = { HOLDFAST_MQTT_ANONYMOUS_PUBLISH: '["devices/{clientId}/#"]' };
  house = await startHouse({ env });
  pids = [house.cloud.pid, house.gateway.pid];
});
afterAll(() => house?.close());

/**
 * Whatever came in: both processes are the ones that were started, and ready, and readings go
 * through.
 */
afterEach(async () => {
  expect([house.cloud.pid, house.gateway.pid]).toEqual(pids);
  expect([house.cloud.running, house.gateway.running]).toEqual([true, true]);
  for (const url of [house.cloudUrl, house.pagesUrl]) {
    expect((await fetch(`${url}/readyz`)).status, url).toBe(200);
  }
});

/** How often the broker refused something for this reason. */
async function refusals(reason: string): Promise<number> {
  const text = await (await fetch(`${house.pagesUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.includes(`refused_total{reason="${reason}"}`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

let readingsSent = 0;
/** A reading goes from MQTT to the API. */
async function expectReadingsPass(): Promise<void> {
  const device = await connectNumbered(house, `healthy-${readingsSent++}`);
  await device.publish(1);
  await device.close();
  await eventually(`a reading of ${device.id}`, async () => {
    return (await latest(house, device.id))?.get(NUMBERED_METRIC)?.value === 1;
  });
}

/** MQTT 3.1.1 §3.1: a clean session of the client `raw`. */
const CONNECT = Buffer.from('100f00044d5154540402003c0003726177', 'hex');

/** A PUBLISH at QoS 0 that says how long it will be, and a first part of it. */
function largePublish(payloadBytes: number): Buffer {
  const topic = Buffer.from('devices/raw/telemetry/large');
  const length = 2 + topic.byteLength + payloadBytes;
  const digits = [length & 0x7f, (length >> 7) & 0x7f, (length >> 14) & 0x7f, length >> 21];
  const head = [0x30, ...digits.map((digit, at) => (at < 3 ? digit | 0x80 : digit))];
  return Buffer.concat([Buffer.from([...head, 0, topic.byteLength]), topic, Buffer.alloc(64)]);
}

/** Publishes what the broker answers by closing the connection. */
async function publishAndClose(
  client: MqttClient,
  topic: string,
  payload: string,
): Promise<unknown> {
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const published = client.publishAsync(topic, payload, { qos: 1 }).then(
    () => 'acknowledged',
    () => 'not acknowledged',
  );
  await closed;
  await client.endAsync(true);
  return published;
}

describe('on the MQTT port', () => {
  it.for([
    { what: 'a packet larger than a message may be', bytes: [CONNECT, largePublish(400_000)] },
    { what: 'a CONNECT of 256 MiB', bytes: [Buffer.from('10ffffff7f', 'hex')] },
  ])('$what closes the connection before it is read', async ({ bytes }) => {
    const before = await refusals('oversized');
    await sendRaw(house.mqttPort, Buffer.concat(bytes));
    expect(await refusals('oversized')).toBe(before + 1);
    expect(house.gateway.log()).toMatch(/"reason":"oversized".*"msg":"refused"/);
  });

  it('a message that is too large is not acknowledged', async () => {
    const before = await refusals('oversized');
    const client = await connectMqtt(house, { clientId: 'large', reconnectPeriod: 0 });
    const payload = 'x'.repeat(256 * 1024 + 1);
    const outcome = await publishAndClose(client, 'devices/large/telemetry/text', payload);
    expect(outcome).toBe('not acknowledged');
    expect(await refusals('oversized')).toBe(before + 1);
  });

  it.for([
    { what: 'an HTTP request', bytes: 'GET / HTTP/1.1\r\n\r\n', reason: 'connect-missing' },
    { what: 'a TLS handshake', bytes: '\x16\x03\x01\x02\x00\x01', reason: 'malformed' },
    { what: 'zeros', bytes: '\0'.repeat(100), reason: 'malformed' },
    { what: 'a broken length', bytes: '\x10\x80\x80\x80\x80\x01', reason: 'malformed' },
  ])('$what closes the connection', async ({ bytes, reason }) => {
    const before = await refusals(reason);
    const answer = await sendRaw(house.mqttPort, Buffer.from(bytes, 'latin1'));
    expect(answer.byteLength).toBe(0);
    expect(await refusals(reason)).toBe(before + 1);
  });

  it.for([
    { whose: 'the broker', topic: '$SYS/broker/uptime' },
    { whose: 'another device', topic: 'devices/other/telemetry/temperature' },
  ])(
    'a publish to a topic of $whose closes the connection and stores nothing',
    async ({ topic }) => {
      const before = await refusals('publish-denied');
      const client = await connectMqtt(house, { clientId: 'intruder', reconnectPeriod: 0 });
      expect(await publishAndClose(client, topic, '1')).toBe('not acknowledged');
      expect(await refusals('publish-denied')).toBe(before + 1);
      await expectReadingsPass();
      expect(await latest(house, 'other')).toBeUndefined();
    },
  );
});

describe('on the ports of the cloud', () => {
  it.for([
    { what: 'garbage', bytes: 'neither HTTP nor TLS\r\n\r\n' },
    { what: 'half a TLS handshake', bytes: '\x16\x03\x01\x00\x05hello' },
    { what: 'a header without end', bytes: `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}` },
  ])('HTTP survives $what', async ({ bytes }) => {
    const port = Number(new URL(house.cloudUrl).port);
    await sendRaw(port, Buffer.from(bytes, 'latin1'));
    await expectReadingsPass();
  });

  it.for([
    { what: 'garbage', bytes: 'neither HTTP/2 nor TLS\r\n\r\n' },
    { what: 'HTTP/2 without TLS', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  ])("the gateways' port survives $what", async ({ bytes }) => {
    await sendRaw(house.edgeLinkPort, Buffer.from(bytes, 'latin1'));
    await expectReadingsPass();
  });

  it("the gateways' port refuses who shows no certificate", async () => {
    const socket = connectTls({
      port: house.edgeLinkPort,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/certificate required/);
    await expectReadingsPass();
  });
});

interface Problem {
  readonly type: string;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

async function problemOf(answer: Response): Promise<Problem> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  return (await answer.json()) as Problem;
}

describe('on the API', () => {
  it.for([
    { query: 'colour=red', pointer: '/colour', detail: /no such/ },
    { query: 'resolution=5m', pointer: '/resolution', detail: /raw/ },
    { query: 'from=yesterday', pointer: '/from', detail: /RFC 3339/ },
    { query: 'limit=0', pointer: '/limit', detail: /./ },
    { query: 'cursor=made-up', pointer: '/cursor', detail: /not a cursor/ },
    { query: 'limit=1&limit=2', pointer: '/limit', detail: /more than once/ },
  ])('the parameter in ?$query is named', async ({ query, pointer, detail }) => {
    const answer = await house.get(`/v1/devices/any/readings?${query}`);
    expect(answer.status).toBe(400);
    const { code, errors } = await problemOf(answer);
    expect(code).toBe('REQUEST_INVALID');
    expect(errors).toEqual([{ pointer, detail: expect.stringMatching(detail) }]);
  });

  it('who has no token is told that one is missing', async () => {
    const answer = await fetch(`${house.cloudUrl}/v1/gateways`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect((await problemOf(answer)).code).toBe('TOKEN_MISSING');
  });

  it.for(['another key', 'no signature', 'other claims'] as const)(
    'a token with %s is refused',
    async (how) => {
      const token = forged(await accessToken(), how);
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${house.cloudUrl}/v1/gateways`, { headers });
      expect(answer.status).toBe(401);
      expect((await problemOf(answer)).code).toBe('TOKEN_INVALID');
    },
  );

  it('a wrong password is refused without saying what was wrong', async () => {
    const answers = await Promise.all([signIn('admin', 'wrong'), signIn('nobody', 'wrong')]);
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      const { code, detail } = await problemOf(answer);
      expect([code, detail]).toEqual(['CREDENTIALS_WRONG', expect.not.stringMatching(/admin/)]);
    }
  });
});

function signIn(username: string, password: string): Promise<Response> {
  return fetch(`${house.cloudUrl}/v1/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
}

let accessTokenText: Promise<string> | undefined;
function accessToken(): Promise<string> {
  accessTokenText ??= drawToken();
  return accessTokenText;
}

async function drawToken(): Promise<string> {
  const { username, password } = await house.login();
  const answer = await signIn(username, password);
  return ((await answer.json()) as { accessToken: string }).accessToken;
}

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString());

function forged(token: string, how: 'another key' | 'no signature' | 'other claims'): string {
  const [header, claims, signature] = token.split('.') as [string, string, string];
  switch (how) {
    case 'another key': {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const signed = Buffer.from(`${header}.${claims}`);
      const own = sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${header}.${claims}.${own.toString('base64url')}`;
    }
    case 'no signature':
      return `${encode({ ...decode(header), alg: 'none' })}.${claims}.`;
    case 'other claims':
      return `${header}.${encode({ ...decode(claims), tenant: 'another' })}.${signature}`;
  }
}
