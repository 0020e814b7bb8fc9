import { statSync } from 'node:fs';
import { BlockForm } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import { decodeCondensed } from '@holdfast/shared/domain/condensed-body.ts';
import { decompressBody } from '@holdfast/shared/lib/block-body.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { describe, expect, it } from 'vitest';
import { ledgerOf, message, openForEach, sealedOf, type World } from './buffer.case.fixture.ts';
import { type BlockHead, type Buffer as GatewayBuffer, PAYLOAD_BYTES_MAX } from './buffer.ts';

const MIB = 1024 * 1024;
const BUDGET = MIB;

let place: World;
let buffer: GatewayBuffer;
openForEach(
  (opened) => {
    ({ place, buffer } = opened);
  },
  { bytesMax: BUDGET },
);

const ledger = (lane: Lane) => ledgerOf(buffer, lane);

function expectBalance(): void {
  for (const lane of LANES) {
    const { accepted, delivered, parked, condensed, dropped, damaged, pending } = ledger(lane);
    expect(delivered + parked + condensed + dropped + damaged + pending).toBe(accepted);
  }
}

let sent = 0;
/** Readings that do not compress well, a few series. */
async function append(count: number): Promise<void> {
  const appended = Array.from({ length: count }, () => {
    sent += 1;
    const value = Math.sin(sent) * 1000;
    return buffer.append(
      message({
        device: `d${sent % 3}`,
        payload: Buffer.from(JSON.stringify({ value, filling: (sent * 7919) % 100_003 })),
      }),
    );
  });
  for (const outcome of await Promise.all(appended)) expect(outcome.kind).toBe('stored');
}

/** More and more, as a gateway does that is offline for long. */
async function appendUntil(isDone: () => boolean): Promise<void> {
  for (let round = 0; round < 100 && !isDone(); round++) await append(2_000);
  expect(isDone()).toBe(true);
}

/** A message of which nothing is saved by a summary. */
function text(lane: 'event' | 'stock' | 'telemetry', bytes: number) {
  const payload = Buffer.from(seededRandom(++sent).bytes(bytes));
  return message({ lane, topic: `devices/d/${lane}`, channel: undefined, payload });
}

describe('a buffer near its budget', () => {
  it('condenses telemetry, then drops it, and keeps events, stock, budget and ledger', {
    timeout: 120_000,
  }, async () => {
    for (let round = 0; round < 8; round++) {
      await buffer.append(text('event', 200));
      await buffer.append(text('stock', 200));
    }
    let condensedFirst = false;
    for (let round = 0; round < 60; round++) {
      await append(2_000);
      await buffer.seal('telemetry');
      expectBalance();
      const { condensed, dropped } = ledger('telemetry');
      condensedFirst ||= condensed > 0 && dropped === 0;
      expect(statSync(place.file).size).toBeLessThanOrEqual(BUDGET);
    }
    expect(condensedFirst).toBe(true);
    expect(ledger('telemetry').condensed).toBeGreaterThan(50_000);
    // What cannot be condensed is dropped when nothing else is left.
    for (let round = 0; round < 60; round++) {
      await Promise.all(Array.from({ length: 20 }, () => buffer.append(text('telemetry', 4_000))));
      expectBalance();
    }
    expect(ledger('telemetry').dropped).toBeGreaterThan(0);
    expect(ledger('event')).toMatchObject({ accepted: 8, dropped: 0, pending: 8 });
    expect(ledger('stock')).toMatchObject({ accepted: 8, dropped: 0, pending: 8 });
    await expect(buffer.append(text('stock', 1_000))).resolves.toMatchObject({ kind: 'stored' });
    const before = buffer.ledger(new Map());
    buffer = await place.reopen();
    expect(buffer.ledger(new Map())).toEqual(before);
  });

  it('drops the oldest events only when no telemetry is left, and stock never', async () => {
    await Promise.all(Array.from({ length: 40 }, () => buffer.append(text('stock', 4_000))));
    await append(500);
    for (let round = 0; round < 80; round++)
      await Promise.all(Array.from({ length: 20 }, () => buffer.append(text('event', 4_000))));
    expectBalance();
    const event = ledger('event');
    expect(event.dropped).toBeGreaterThan(0);
    expect(event.accepted).toBe(1_600);
    expect(ledger('telemetry').pending).toBe(0);
    expect(ledger('stock')).toMatchObject({ dropped: 0, condensed: 0, pending: 40 });
    await buffer.seal('event');
    const settled = () => buffer.positions().find(({ lane }) => lane === 'event')!.settled;
    await expect
      .poll(() => sealedOf(buffer, 'event')[0]!.range.first)
      .toBe(settled().contiguous + 1n);
  });

  it('gives condensed blocks with range, count and form, condensed when delivered', async () => {
    await appendUntil(() => ledger('telemetry').condensed > 0);
    await buffer.seal('telemetry');
    const heads = sealedOf(buffer, 'telemetry');
    let next = 1n;
    let condensed = 0;
    for (const head of heads) {
      expect(head.range.first).toBe(next);
      next = head.range.last + 1n;
      const block = await buffer.read(head);
      expect(block.count).toBe(Number(head.range.last - head.range.first + 1n));
      if (block.form !== BlockForm.BLOCK_FORM_CONDENSED) continue;
      condensed += block.count;
      const series = decodeCondensed(decompressBody(block.codec, block.body), block);
      const values = series.filter(({ metric }) => metric === 'temperature');
      const counts = values.flatMap(({ minutes }) => [...minutes.values()].map((one) => one.count));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(block.count);
    }
    const accepted = ledger('telemetry').accepted;
    expect(next).toBe(BigInt(accepted) + 1n);
    expect(condensed).toBe(ledger('telemetry').condensed);
    const all = { contiguous: BigInt(accepted), ranges: [] };
    await buffer.acknowledge(buffer.incarnation, 'telemetry', all);
    expect(ledger('telemetry')).toMatchObject({
      condensed,
      delivered: accepted - condensed,
      pending: 0,
    });
  });
});

describe('what was handed out', () => {
  const isHeld = (head: BlockHead): boolean =>
    sealedOf(buffer, 'telemetry').some(
      ({ range, bytes }) =>
        range.first === head.range.first && range.last === head.range.last && bytes === head.bytes,
    );

  it('keeps its bytes, also after a restart, until the cloud has said what it holds', {
    timeout: 60_000,
  }, async () => {
    await append(3_000);
    const [head] = await buffer.seal('telemetry');
    const block = await buffer.read(head!);
    buffer = await place.reopen();
    await appendUntil(() => ledger('telemetry').condensed > 0);
    expect(isHeld(head!)).toBe(true);
    expect(await buffer.read(head!)).toEqual(block);
    await buffer.forgetSent();
    await appendUntil(() => !isHeld(head!));
    await expect(buffer.read(head!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a message that finds no room', () => {
  it('gets it at once where telemetry can go, however large it is', async () => {
    for (let round = 0; round < 20; round++) {
      const outcome = await buffer.append(text('telemetry', PAYLOAD_BYTES_MAX));
      expect(outcome.kind).toBe('stored');
    }
    expectBalance();
    expect(ledger('telemetry').dropped).toBeGreaterThan(10);
  });

  it('waits, with those behind it, and is stored in order when there is some', async () => {
    // Nothing of stock may go, and it goes beyond the budget of the others.
    for (let round = 0; round < 60; round++) await buffer.append(text('stock', 20_000));
    expect(buffer.bytesOnDisk).toBeGreaterThan(BUDGET);
    const settled: string[] = [];
    const wait = (lane: 'event' | 'telemetry') =>
      buffer.append(text(lane, 100)).then((outcome) => {
        settled.push(outcome.kind === 'stored' ? `${lane} ${outcome.sequence}` : outcome.kind);
      });
    const waiting = [wait('telemetry'), wait('event'), wait('telemetry'), wait('event')];
    await expect(buffer.append(text('stock', 100))).resolves.toMatchObject({ kind: 'stored' });
    expect(settled).toEqual([]);
    expectBalance();
    const heads = await buffer.seal('stock');
    const all = { contiguous: heads.at(-1)!.range.last, ranges: [] };
    await buffer.acknowledge(buffer.incarnation, 'stock', all);
    await Promise.all(waiting);
    expect(settled.filter((one) => one.startsWith('event'))).toEqual(['event 1', 'event 2']);
    const telemetry = settled.filter((one) => one.startsWith('telemetry'));
    expect(telemetry).toEqual(['telemetry 1', 'telemetry 2']);
    expectBalance();
  });

  it('is told so when it waited for too long, or when too many wait', async () => {
    await buffer.close();
    const clock = simulatedClock(0);
    buffer = place.open({ runtime: testRuntime({ clock }) });
    for (let round = 0; round < 60; round++) await buffer.append(text('stock', 20_000));
    const early = buffer.append(text('event', 100));
    await clock.advance(31_000);
    await expect(early).resolves.toEqual({ kind: 'full', lane: 'event' });
    const many = Array.from({ length: 10_001 }, () => buffer.append(text('event', 10)));
    await expect(many.at(-1)).resolves.toEqual({ kind: 'full', lane: 'event' });
    await buffer.close();
    await Promise.all(many);
  });
});
