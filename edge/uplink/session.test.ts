import {
  RefusalReason,
  Lane as WireLane,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { type Lane, laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import { EMPTY_POSITION, type PositionSet } from '@holdfast/shared/domain/ranges.ts';
import { describe, expect, it } from 'vitest';
import type { BlockHead, LanePosition } from '../buffer/buffer.ts';
import { UplinkSession } from './session.ts';
import type { Effect, SessionEvent } from './session-table.ts';

const INCARNATION = 'i1';
const TURN = Buffer.alloc(16, 1);

/** Blocks of ten records, `blocks` of them in each lane named. */
function world(blocks: Partial<Record<Lane, number>>, creditBytes = 1_000_000) {
  const lanes = Object.entries(blocks) as [Lane, number][];
  const sealed: BlockHead[] = lanes.flatMap(([lane, count]) =>
    Array.from({ length: count }, (_, index) => head(lane, index)),
  );
  const positions: LanePosition[] = lanes.map(([lane, count]) => ({
    incarnation: INCARNATION,
    lane,
    accepted: BigInt(count * 10),
    acknowledged: EMPTY_POSITION,
    settled: EMPTY_POSITION,
  }));
  const session = new UplinkSession({
    incarnation: INCARNATION,
    positions,
    peek: (...[incarnation, lane, from, limit]) =>
      sealed
        .filter((one) => one.incarnation === incarnation && one.lane === lane)
        .filter(({ range }) => range.first >= from)
        .slice(0, limit),
  });
  const on = (event: SessionEvent): readonly Effect[] => session.handle(event);
  return {
    session,
    sealed,
    on,
    welcome: (durable: PositionSet = EMPTY_POSITION) =>
      on({ kind: 'welcome', welcome: welcome(creditBytes, durable) }),
    stream(lines: Partial<Record<Lane, bigint>> = {}) {
      on({ kind: 'welcome', welcome: welcome(creditBytes, EMPTY_POSITION) });
      return on({ kind: 'prepared', lines: new Map(Object.entries(lines) as [Lane, bigint][]) });
    },
    sent: () => {
      const found: string[] = [];
      for (let out = session.next(); out; out = session.next()) {
        found.push(`${out.kind} ${out.head.lane} ${out.head.range.first}`);
      }
      return found;
    },
  };
}

function head(lane: Lane, index: number): BlockHead {
  const first = BigInt(index * 10 + 1);
  return { incarnation: INCARNATION, lane, range: { first, last: first + 9n }, bytes: 100 };
}

function welcome(creditBytes: number, durable: PositionSet) {
  return {
    protocolVersion: 1,
    features: [],
    positions: [
      {
        incarnation: INCARNATION,
        lane: WireLane.LANE_TELEMETRY,
        durable: { contiguous: durable.contiguous, ranges: [...durable.ranges] },
      },
    ],
    timeUnixMicros: 0n,
    creditBytes: BigInt(creditBytes),
    retrySpreadMs: 0,
    turn: TURN,
  };
}

function ack(lane: Lane, contiguous: bigint, ranges: [bigint, bigint][] = []): SessionEvent {
  const durable = { contiguous, ranges: ranges.map(([first, last]) => ({ first, last })) };
  const wire = { incarnation: INCARNATION, lane: laneToWire(lane), durable };
  return { kind: 'ack', ack: { ...wire, replicated: undefined, creditBytes: 100n } };
}

function refused(lane: Lane, index: number, reason: RefusalReason): SessionEvent {
  const wire = { incarnation: INCARNATION, lane: laneToWire(lane), durable: undefined };
  const { range } = head(lane, index);
  return { kind: 'refused', refused: { ...wire, range: { ...range }, reason, creditBytes: 100n } };
}

const kinds = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind);

describe('the order of a stream', () => {
  it('sends nothing before the turn is on disk', () => {
    const { on, welcome, sent, session } = world({ telemetry: 2 });
    expect(sent()).toEqual([]);
    expect(kinds(welcome())).toEqual(['prepare']);
    expect(sent()).toEqual([]);
    expect(on({ kind: 'prepared', lines: new Map() })).toEqual([{ kind: 'show-turn', turn: TURN }]);
    expect(session.phase).toBe('streaming');
    expect(sent()).toHaveLength(2);
  });

  it('sends what is above the line first, and what is below beside it', () => {
    const gateway = world({ telemetry: 4, event: 2 });
    gateway.stream({ telemetry: 20n, event: 10n });
    expect(gateway.sent()).toEqual([
      'live event 11',
      'live telemetry 21',
      'live telemetry 31',
      'backlog event 1',
      'backlog telemetry 1',
      'backlog telemetry 11',
    ]);
  });

  it('lets neither kind starve the other inside the credits', () => {
    const gateway = world({ telemetry: 20 }, 400);
    gateway.stream({ telemetry: 100n });
    expect(gateway.sent()).toEqual([
      'live telemetry 101',
      'live telemetry 111',
      'live telemetry 121',
      'backlog telemetry 1',
    ]);
    gateway.on(ack('telemetry', 10n));
    expect(gateway.sent()).toEqual(['backlog telemetry 11']);
  });

  it('never reorders the stock lane', () => {
    const gateway = world({ stock: 4 }, 250);
    gateway.stream({ stock: 20n });
    expect(gateway.sent()).toEqual(['backlog stock 1']);
    gateway.on(ack('stock', 10n));
    expect(gateway.sent()).toEqual(['backlog stock 11', 'live stock 21']);
    gateway.on(ack('stock', 30n));
    expect(gateway.sent()).toEqual(['live stock 31']);
  });

  it('does not send what the Welcome shows as held', () => {
    const gateway = world({ telemetry: 3 });
    gateway.welcome({ contiguous: 10n, ranges: [{ first: 21n, last: 30n }] });
    gateway.on({ kind: 'prepared', lines: new Map([['telemetry', 30n]]) });
    expect(gateway.sent()).toEqual(['backlog telemetry 11']);
  });

  it('sends backlog only while the cloud has its ranges open', () => {
    const gateway = world({ telemetry: 200 });
    const ranges = Array.from({ length: 64 }, (_, index) => {
      const first = BigInt(index * 20 + 11);
      return { first, last: first + 9n };
    });
    gateway.welcome({ contiguous: 0n, ranges });
    gateway.on({ kind: 'prepared', lines: new Map([['telemetry', 1_300n]]) });
    expect(gateway.session.next()).toMatchObject({
      kind: 'backlog',
      head: { range: { first: 1n } },
    });
    // In flight it already closes the lowest gap, so that one more range may open.
    expect(gateway.session.next()).toMatchObject({ kind: 'live' });
  });
});

describe('a block that is gone when it is to be read', () => {
  it('gives its credits back, and what stands in its place is sent', () => {
    const gateway = world({ telemetry: 2 }, 100);
    gateway.stream({ telemetry: 20n });
    expect(gateway.sent()).toEqual(['backlog telemetry 1']);
    const [was] = gateway.sealed;
    gateway.sealed[0] = { ...was!, range: { first: 1n, last: 8n } };
    expect(gateway.on({ kind: 'gone', head: was! })).toEqual([]);
    expect(gateway.session.inFlightCount).toBe(0);
    expect(gateway.sent()).toEqual(['backlog telemetry 1']);
  });
});

describe('fencing', () => {
  it('stops for good when the cloud fences it', () => {
    const gateway = world({ telemetry: 1 });
    const effects = gateway.on({
      kind: 'fenced',
      fenced: { incarnation: INCARNATION, code: 'INCARNATION_FENCED', hint: 'choose' },
    });
    expect(effects).toEqual([{ kind: 'fence', code: 'INCARNATION_FENCED', hint: 'choose' }]);
    expect(gateway.welcome()).toEqual([]);
    expect(gateway.session.phase).toBe('fenced');
  });

  it('stops by itself when the cloud holds more than it ever accepted', () => {
    const gateway = world({ telemetry: 1 });
    expect(kinds(gateway.welcome({ contiguous: 11n, ranges: [] }))).toEqual(['fence']);
  });
});

describe('a refused block', () => {
  it('is sent once more after a wrong checksum, then parked', () => {
    const gateway = world({ telemetry: 2 });
    gateway.stream();
    gateway.sent();
    gateway.on(refused('telemetry', 0, RefusalReason.REFUSAL_REASON_CHECKSUM));
    expect(gateway.sent()).toEqual(['backlog telemetry 1']);
    const again = gateway.on(refused('telemetry', 0, RefusalReason.REFUSAL_REASON_CHECKSUM));
    expect(again).toContainEqual(
      expect.objectContaining({
        kind: 'park',
        reason: 'checksum',
        range: { first: 1n, last: 10n },
      }),
    );
    expect(gateway.sent()).toEqual([]);
  });

  it('is parked before its range is freed, when the cloud holds another content', () => {
    const gateway = world({ telemetry: 1 });
    gateway.stream();
    gateway.sent();
    const effects = gateway.on(refused('telemetry', 0, RefusalReason.REFUSAL_REASON_CONFLICT));
    expect(kinds(effects)).toEqual(['settled', 'park', 'acknowledge', 'settled']);
  });

  it('in stock waits for all behind it to come back, then goes on in order', () => {
    const gateway = world({ stock: 3 });
    gateway.stream({ stock: 30n });
    expect(gateway.sent()).toHaveLength(3);
    gateway.on(refused('stock', 0, RefusalReason.REFUSAL_REASON_CHECKSUM));
    expect(gateway.sent()).toEqual([]);
    gateway.on(refused('stock', 1, RefusalReason.REFUSAL_REASON_GAP));
    gateway.on(refused('stock', 2, RefusalReason.REFUSAL_REASON_GAP));
    expect(gateway.sent()).toEqual(['backlog stock 1', 'backlog stock 11', 'backlog stock 21']);
  });

  it('in stock that is parked ends the stream, so that the next Hello tells the cloud', () => {
    const gateway = world({ stock: 1 });
    gateway.stream();
    gateway.sent();
    const effects = gateway.on(refused('stock', 0, RefusalReason.REFUSAL_REASON_TOO_LARGE));
    expect(effects).toContainEqual(expect.objectContaining({ kind: 'end', retryNow: true }));
  });

  it('of one range too many holds live back until a gap closes', () => {
    const gateway = world({ telemetry: 4 });
    gateway.stream({ telemetry: 20n });
    gateway.sent();
    gateway.on(refused('telemetry', 2, RefusalReason.REFUSAL_REASON_TOO_MANY_RANGES));
    expect(gateway.sent()).toEqual([]);
    expect(gateway.session.holds()).toMatchObject([{ lane: 'telemetry', hold: 'backlog-only' }]);
    gateway.on(ack('telemetry', 10n));
    expect(gateway.sent()).toEqual(['live telemetry 21']);
  });
});

describe('the end of a stream', () => {
  it('comes when the cloud does not answer in time', () => {
    expect(world({}).on({ kind: 'late' })).toMatchObject([
      { kind: 'end', error: { code: 'DEADLINE_EXCEEDED' }, retryNow: false },
    ]);
  });

  it('comes when the cloud breaks the protocol', () => {
    expect(world({}).on(ack('stock', 1n))).toMatchObject([
      { kind: 'end', error: { code: 'PROTOCOL_UNSUPPORTED' } },
    ]);
  });

  it('comes once', () => {
    const gateway = world({});
    gateway.on({ kind: 'late' });
    expect(gateway.on({ kind: 'late' })).toEqual([]);
  });
});
