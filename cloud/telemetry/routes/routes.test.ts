import {
  type EventEnvelope,
  envelopeToHeaders,
} from '@holdfast/shared/contracts/event-envelope.ts';
import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { type SimulatedClock, simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { createApp, type HttpApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BEGIN, type BlockOptions, blockRecord, type Message } from '../blocks.fixture.ts';
import { TestConsumer, TestDatabase } from '../databases.fixture.ts';
import { applyGatewayEvent } from '../events/gateway-consumer.ts';
import type { TelemetryTables } from '../store/tables.ts';
import { deviceRoutes } from './devices.ts';
import { gatewayRoutes } from './gateways.ts';
import { readingRoutes } from './readings.ts';

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
  readonly body: any;
}

const at = (second: number): string => new Date(BEGIN / 1000 + second * 1000).toISOString();

/** Tokens are written as `roles@tenant/sites`. */
const verifier: TokenVerifier = {
  async verify(header) {
    if (header === undefined) throw new AppError('TOKEN_MISSING', 'no token');
    const [roles, tenant, sites] = header.slice('Bearer '.length).split(/[@/]/);
    const principal: Principal = {
      subject: 'usr_1',
      tenant: tenant!,
      sites: sites!.split(','),
      roles: roles!.split(',') as Role[],
    };
    return principal;
  },
};

const OPERATOR = 'operator@dev/site-1';
const EVERYWHERE = 'manager@dev/*';

describe('the telemetry API', () => {
  let database: TestDatabase;
  let sql: Sql<TelemetryTables>;
  let consumer: TestConsumer;
  let clock: SimulatedClock;
  let app: HttpApp;

  beforeEach(async () => {
    database = new TestDatabase('sqlite');
    sql = await database.open();
    consumer = new TestConsumer(sql);
    clock = simulatedClock(BEGIN / 1000);
    app = createApp(testRuntime());
    deviceRoutes(app, { sql, verifier });
    readingRoutes(app, { sql, verifier });
    gatewayRoutes(app, { sql, verifier, clock });
  });
  afterEach(() => database.dispose());

  const get = async (path: string, token = OPERATOR, headers = {}): Promise<Reply> => {
    const request = new Request(`http://cloud${path}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    const response = await app.fetch(request);
    const text = await response.text();
    const body = text === '' ? undefined : JSON.parse(text);
    return { status: response.status, headers: response.headers, body };
  };
  const store = (messages: readonly Message[], options: BlockOptions = {}) =>
    consumer.deliver([blockRecord(messages, options)]);
  const readings = (values: readonly unknown[], changes: Partial<Message> = {}): Message[] =>
    values.map((payload, index) => ({
      channel: 'temperature',
      payload,
      atMicros: index * 1_000_000,
      ...changes,
    }));

  describe('GET /v1/devices', () => {
    it('lists devices by site and id, with the latest of each metric', async () => {
      await store([
        ...readings([4, { value: 4.5, battery: 2.9 }]),
        ...readings(['open'], { device: 'door-1', channel: 'state', atMicros: 2_000_000 }),
      ]);
      const { body, headers } = await get('/v1/devices');
      expect(body).toEqual({
        items: [
          {
            id: 'cold-01',
            site: 'site-1',
            gatewayId: 'gw_1',
            lastSeen: at(1),
            metricCount: 2,
            metrics: [
              { metric: 'temperature', time: at(1), value: 4.5 },
              { metric: 'temperature.battery', time: at(1), value: 2.9 },
            ],
          },
          {
            id: 'door-1',
            site: 'site-1',
            gatewayId: 'gw_1',
            lastSeen: at(2),
            metricCount: 1,
            metrics: [{ metric: 'state', time: at(2), text: '"open"' }],
          },
        ],
        next_cursor: null,
      });
      expect(headers.get('cache-control')).toBe('no-cache');
    });

    it('pages, with a link to the next page', async () => {
      const devices = ['a', 'b', 'c', 'd', 'e'];
      for (const [index, device] of devices.entries()) {
        const site = index < 3 ? 'site-1' : 'site-2';
        await store(readings([1], { device }), { first: index + 1, site });
      }
      const found: string[] = [];
      let path: string | undefined = '/v1/devices?limit=2';
      while (path) {
        const { body, headers } = await get(path, EVERYWHERE);
        expect(body.items.length).toBeLessThanOrEqual(2);
        found.push(...body.items.map((item: { id: string }) => item.id));
        path = /^<(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
        expect(path === undefined).toBe(body.next_cursor === null);
      }
      expect(found).toEqual(devices);
    });

    it('answers 304 to who has it already', async () => {
      await store(readings([1]));
      const tag = (await get('/v1/devices')).headers.get('etag')!;
      for (const given of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
        const reply = await get('/v1/devices', OPERATOR, { 'if-none-match': given });
        expect([reply.status, reply.body, reply.headers.get('etag')]).toEqual([
          304,
          undefined,
          tag,
        ]);
      }
      await store(readings([2]), { first: 2 });
      expect((await get('/v1/devices', OPERATOR, { 'if-none-match': tag })).status).toBe(200);
    });
  });

  describe('GET /v1/devices/{id}/latest', () => {
    it('is the reading of the highest sequence, whatever came last and whatever its time', async () => {
      await store(readings([{ value: 2, ts: '2020-01-01T00:00:00Z' }]), { first: 9 });
      await store(readings([{ value: 1, ts: '2025-01-01T00:00:00Z' }]), { first: 3 });
      const { body } = await get('/v1/devices/cold-01/latest');
      expect(body).toEqual({
        id: 'cold-01',
        site: 'site-1',
        metrics: [
          {
            metric: 'temperature',
            time: '2020-01-01T00:00:00.000Z',
            receivedAt: at(0),
            value: 2,
            sequence: 9,
            incarnation: '01a',
            gatewayId: 'gw_1',
            lane: 'telemetry',
          },
        ],
      });
    });

    it('shows text, bytes that are no text, and a clock that is not believed', async () => {
      await store([
        ...readings(['ajar'], { channel: 'door' }),
        ...readings([Buffer.from([255, 0])], { channel: 'raw' }),
        ...readings([{ value: 1, ts: '1970-01-01T00:00:00Z' }], { channel: 'skewed' }),
      ]);
      const { body } = await get('/v1/devices/cold-01/latest');
      const shown = body.metrics.map((entry: Record<string, unknown>) => [
        entry['metric'],
        entry['value'] ?? entry['text'] ?? entry['base64'],
        entry['clock'],
      ]);
      expect(shown).toEqual([
        ['door', '"ajar"', undefined],
        ['raw', '/wA=', undefined],
        ['skewed', 1, 'suspect'],
      ]);
    });
  });

  describe('GET /v1/devices/{id}/readings', () => {
    const path = '/v1/devices/cold-01/readings';

    it('gives readings with both times, sequence and origin', async () => {
      await store(readings([{ value: 4, ts: at(-60) }]));
      const { body } = await get(path);
      expect(body).toEqual({
        id: 'cold-01',
        site: 'site-1',
        metric: 'temperature',
        resolution: 'raw',
        items: [
          {
            time: at(-60),
            receivedAt: at(0),
            value: 4,
            sequence: 1,
            gatewayId: 'gw_1',
            incarnation: '01a',
            lane: 'telemetry',
          },
        ],
        next_cursor: null,
      });
    });

    it('pages in either order, within a range', async () => {
      const sent = Array.from({ length: 50 }, (_, index) => ({
        value: index + 1,
        ts: at(-((index * 7) % 50)),
      }));
      await store(readings(sent, { atMicros: 0 }));
      for (const order of ['time', 'sequence']) {
        const found: { value: number; time: string; sequence: number }[] = [];
        let next: string | undefined =
          `${path}?order=${order}&limit=7&from=${at(-40)}&to=${at(-5)}`;
        while (next) {
          const { body, headers } = await get(next);
          found.push(...body.items);
          next = /^<(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
        }
        const inRange = sent.filter(({ ts }) => ts >= at(-40) && ts < at(-5));
        expect(new Set(found.map(({ value }) => value))).toEqual(
          new Set(inRange.map(({ value }) => value)),
        );
        const key = order === 'time' ? 'time' : 'sequence';
        const keys = found.map((reading) => String(reading[key]).padStart(24, '0'));
        expect(keys).toEqual(keys.toSorted());
        expect(found.length).toBe(inRange.length);
      }
    });

    it('sums up minutes and hours, paged', async () => {
      const every20s = Array.from({ length: 200 }, (_, index) => index);
      await store(
        every20s.map((payload, index) => ({
          channel: 'temperature',
          payload,
          atMicros: index * 20_000_000,
        })),
      );
      const minutes = (await get(`${path}?resolution=1m&limit=2`)).body;
      expect(minutes.items).toEqual([
        { time: at(0), count: 3, sum: 3, mean: 1, min: 0, max: 2, first: 0, last: 2 },
        { time: at(60), count: 3, sum: 12, mean: 4, min: 3, max: 5, first: 3, last: 5 },
      ]);
      const more = (await get(`${path}?resolution=1m&limit=2&cursor=${minutes.next_cursor}`)).body;
      expect(more.items[0].time).toBe(at(120));
      const hours = (await get(`${path}?resolution=1h`)).body;
      expect(hours.items.map((hour: { count: number }) => hour.count)).toEqual([180, 20]);
      const within = `${path}?resolution=1m&from=${at(65)}&to=${at(180)}`;
      const some = (await get(within)).body.items.map((bucket: { time: string }) => bucket.time);
      expect(some).toEqual([at(60), at(120)]);
    });

    it('needs the metric when the device has several, and has nothing of one it lacks', async () => {
      await store(readings([{ value: 1, battery: 3 }]));
      const { status, body } = await get(path);
      expect([status, body.code, body.errors[0].pointer]).toEqual([
        400,
        'REQUEST_INVALID',
        '/metric',
      ]);
      expect(body.errors[0].detail).toContain('temperature, temperature.battery');
      expect((await get(`${path}?metric=temperature`)).body.items.length).toBe(1);
      expect((await get(`${path}?metric=pressure`)).body.items).toEqual([]);
    });
  });

  describe('GET /v1/gateways', () => {
    const ledger = {
      lane: 'telemetry',
      accepted: 10,
      delivered: 3,
      parked: 1,
      condensed: 0,
      dropped: 0,
      damaged: 0,
      pending: 6,
      backlog: 4,
      unkeyed: 0,
      duplicates: 0,
    };
    let sequence = 0;
    const say = async (type: string, data: object, second = 0): Promise<void> => {
      sequence += 1;
      const envelope: EventEnvelope = {
        specversion: '1.0',
        id: `${sequence}`,
        source: 'edge-link',
        type,
        subject: 'gw_1',
        time: at(second),
        datacontenttype: 'application/json',
        dataschema: 'urn:x',
        tenant: 'dev',
        region: 'local',
        sequence: `${sequence}`,
      };
      const event = {
        key: 'gw_1',
        topic: 'gateways',
        partition: 0,
        offset: BigInt(sequence),
        headers: envelopeToHeaders(envelope),
        value: Buffer.from(JSON.stringify({ gatewayId: 'gw_1', site: 'site-1', ...data })),
      } as const;
      await sql.transaction((tx) => applyGatewayEvent(tx, { envelope, event }, 1n));
    };
    const first = async () => (await get('/v1/gateways')).body.items[0];

    it('shows both sides of each lane, the lag and the backlog', async () => {
      await say('gateway.connected.v1', { incarnation: '01b', softwareVersion: '0.1.0' });
      const report = { bufferBytes: 4096, connectedDevices: 5, lanes: [ledger] };
      await say('gateway.reported.v1', { incarnation: '01b', ...report }, 2);
      await store(readings([1, 2, 3, 4]), { incarnation: '01a' });
      await store(readings([1, 2]), { incarnation: '01b' });
      await store(readings([4]), { incarnation: '01b', first: 4 });
      await store(readings([1, 2, 3]), { incarnation: '01b' });
      const gateway = await first();
      expect(gateway).toMatchObject({
        id: 'gw_1',
        site: 'site-1',
        state: 'connected',
        reason: null,
        lastSeen: at(2),
        incarnation: '01b',
        softwareVersion: '0.1.0',
        bufferBytes: 4096,
        connectedDevices: 5,
        reportedAt: at(2),
      });
      expect(gateway.lanes.map((lane: { lane: string }) => lane.lane)).toEqual([
        'stock',
        'event',
        'telemetry',
      ]);
      expect(gateway.lanes[2]).toEqual({
        lane: 'telemetry',
        lag: 10 - 1 - 7,
        backlog: 4,
        ledger,
        cloud: {
          contiguous: 2,
          highest: 4,
          held: 7,
          openRanges: 1,
          parked: 3,
          incarnation: '01b',
        },
      });
    });

    it('is connected, lost after 15 s of silence, connected again, disconnected, fenced', async () => {
      const incarnation = '01a';
      await say('gateway.connected.v1', { incarnation, softwareVersion: '0.1.0' });
      expect((await first()).state).toBe('connected');
      await clock.advance(15_001);
      expect((await first()).state).toBe('lost');
      const report = { incarnation, bufferBytes: 0, connectedDevices: 0, lanes: [] };
      await say('gateway.reported.v1', report, 16);
      expect((await first()).state).toBe('connected');
      await say('gateway.disconnected.v1', { incarnation, reason: 'closed' }, 17);
      expect(await first()).toMatchObject({ state: 'disconnected', reason: 'closed' });
      await say('gateway.fenced.v1', { incarnation, reason: 'turn' }, 18);
      expect(await first()).toMatchObject({ state: 'fenced', reason: 'turn' });
    });

    it('parks an event that is not what its type says, and goes on', async () => {
      await say('gateway.connected.v1', { incarnation: 7 });
      await say('gateway.painted.v1', { colour: 'red' });
      await say('gateway.connected.v1', { incarnation: '01a', softwareVersion: '0.1.0' });
      expect((await first()).incarnation).toBe('01a');
      const parked = await sql.read((db) => db.selectFrom('parked').select('reason').execute());
      expect(parked).toEqual([{ reason: 'unreadable' }]);
    });
  });

  describe('who may see what', () => {
    const paths = [
      '/v1/devices',
      '/v1/gateways',
      '/v1/devices/cold-01/latest',
      '/v1/devices/cold-01/readings',
    ];

    it.each(paths)('%s needs a token, and a role at the site', async (path) => {
      await store(readings([1]));
      expect((await app.fetch(new Request(`http://cloud${path}`))).status).toBe(401);
      expect((await get(path, 'customer@dev/*')).status).toBe(403);
      for (const role of ['operator', 'manager', 'administrator']) {
        expect((await get(path, `${role}@dev/site-1`)).status).toBe(200);
      }
    });

    it('shows nothing of another tenant or site (I10)', async () => {
      await store(readings([1]));
      for (const token of ['administrator@other/*', 'manager@dev/site-2', 'manager@dev/']) {
        expect((await get('/v1/devices', token)).body.items).toEqual([]);
        expect((await get('/v1/gateways', token)).body.items).toEqual([]);
        expect((await get('/v1/devices/cold-01/latest', token)).status).toBe(404);
        expect((await get('/v1/devices/cold-01/readings', token)).status).toBe(404);
        const named = await get('/v1/devices/cold-01/readings?site=site-1', token);
        expect(named.status).toBe(404);
      }
      expect((await get('/v1/devices?site=site-1', 'manager@dev/site-2')).status).toBe(403);
    });

    it('asks for the site when an id means two devices', async () => {
      await store(readings([1]));
      await store(readings([2]), { site: 'site-2', gatewayId: 'gw_2' });
      const path = '/v1/devices/cold-01/latest';
      const { status, body } = await get(path, EVERYWHERE);
      expect([status, body.code, body.errors[0].pointer]).toEqual([409, 'CONFLICT', '/site']);
      const there = await get(`${path}?site=site-2`, EVERYWHERE);
      expect(there.body.metrics[0].value).toBe(2);
      expect((await get(path)).body.metrics[0].value).toBe(1);
    });
  });

  describe('what is refused, by name', () => {
    it.each([
      ['/v1/devices?color=red', '/color'],
      ['/v1/devices?limit=0', '/limit'],
      ['/v1/devices?limit=101', '/limit'],
      ['/v1/devices?limit=ten', '/limit'],
      ['/v1/devices?limit=1&limit=2', '/limit'],
      ['/v1/devices?cursor=nonsense', '/cursor'],
      ['/v1/devices?site=', '/site'],
      ['/v1/gateways?cursor=WzFd', '/cursor'],
      ['/v1/devices/cold-01/latest?metric=t', '/metric'],
      ['/v1/devices/cold-01/readings?from=yesterday', '/from'],
      ['/v1/devices/cold-01/readings?to=2026-13-01T00:00:00Z', '/to'],
      ['/v1/devices/cold-01/readings?resolution=1d', '/resolution'],
      ['/v1/devices/cold-01/readings?order=value', '/order'],
      ['/v1/devices/cold-01/readings?limit=10001', '/limit'],
      ['/v1/devices/cold-01/readings?metric=a%00b', '/metric'],
      ['/v1/devices/cold-01/readings?cursor=WyIxbSIsMF0', '/cursor'],
    ])('%s', async (path, pointer) => {
      await store(readings([1]));
      const { status, headers, body } = await get(path);
      expect([status, body.code]).toEqual([400, 'REQUEST_INVALID']);
      expect(headers.get('content-type')).toBe('application/problem+json');
      expect(body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
    });

    it('finds a device whatever its name is made of', async () => {
      for (const [index, device] of ['a/b c', '💩', 'x'.repeat(300)].entries()) {
        await store(readings([1], { device }), { first: index + 1 });
        const { status, body } = await get(`/v1/devices/${encodeURIComponent(device)}/latest`);
        expect([status, body.metrics.length]).toEqual([200, 1]);
      }
    });

    it('a device that is not there, whatever its name', async () => {
      for (const id of ['unknown', 'a%00b', '%F0%9F%92%A9', 'x'.repeat(300)]) {
        const { status, body } = await get(`/v1/devices/${id}/latest`);
        expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
      }
    });
  });
});
