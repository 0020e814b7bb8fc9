import { CaseWorld, TECHNOLOGIES } from '@holdfast/shared/platform/sql/sql.fixture.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { type SimulatedClock, simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog, LogBatch, LogEvent, LogRecord } from '../event-log/event-log.ts';
import { createInbox, eventData, type Inbox, type InboxOptions, SequenceGap } from './inbox.ts';
import { type CaseTables, effectsOf, MIGRATIONS, noteEffect } from './outbox.fixture.ts';

const GAP_WAIT_MS = 1000;

let world: CaseWorld;
let sql: Sql<CaseTables>;
let clock: SimulatedClock;
let parked: { topic: string; record: LogRecord }[];

for (const { technology, title, skip } of TECHNOLOGIES) {
  describe.skipIf(skip)(title.replace('sql', 'inbox'), () => {
    beforeEach(async () => {
      world = new CaseWorld(technology);
      sql = (await world.open({ migrations: MIGRATIONS })) as unknown as Sql<CaseTables>;
      clock = simulatedClock();
      parked = [];
    });
    afterEach(() => world.dispose());
    describe('an effect', effectCases);
    describe('a gap', gapCases);
    describe('an event that cannot be read', unreadableCases);
  });
}

function effectCases(): void {
  it('happens once and in order, whatever comes again', async () => {
    const inbox = open();
    await inbox.handle(batch([1, 2, 3]));
    await inbox.handle(batch([2, 3]));
    await inbox.handle(batch([1, 2, 3, 4, 4]));
    expect(await effects()).toEqual([1, 2, 3, 4]);
  });

  it('and its position are one: when it fails, the event comes again', async () => {
    let failures = 1;
    const inbox = open({
      apply: async (tx, event) => {
        await noteEffect(tx as never, event);
        if (event.envelope.sequence === '2' && failures-- > 0) throw new Error('broken');
      },
    });
    await expect(inbox.handle(batch([1, 2]))).rejects.toThrow('broken');
    expect(await effects()).toEqual([]);
    await inbox.handle(batch([1, 2]));
    expect(await effects()).toEqual([1, 2]);
  });

  it('of two consumers happens once for each', async () => {
    await open({ consumer: 'a' }).handle(batch([1]));
    await open({ consumer: 'b' }).handle(batch([1]));
    expect(await effects()).toEqual([1, 1]);
  });

  it('is the same for any redelivery that goes back', async () => {
    const goesBack = fc.array(
      fc.record({ back: fc.nat(6), ahead: fc.integer({ min: 1, max: 6 }) }),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(goesBack, async (deliveries) => {
        const subject = `gw_${run++}`;
        const inbox = open();
        let reached = 0;
        for (const { back, ahead } of deliveries) {
          const first = Math.max(1, reached + 1 - back);
          const last = Math.max(reached, first + ahead - 1);
          await inbox.handle(batch(range(first, last), subject));
          reached = last;
        }
        expect(await effects(subject)).toEqual(range(1, reached));
      }),
      { numRuns: 15 },
    );
  });

  it('gets the data of the event, checked', async () => {
    const seen: unknown[] = [];
    const inbox = open({
      apply: async (_, event) => void seen.push(eventData('gateway.disconnected.v1', event)),
    });
    await inbox.handle(batch([1]));
    expect(seen).toEqual([{ gatewayId: 'g', site: 's', incarnation: 'i', reason: 'lost' }]);
  });
}

function gapCases(): void {
  it('makes the batch come again; what is before it is applied', async () => {
    const inbox = open();
    const failure: unknown = await inbox.handle(batch([1, 2, 4])).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SequenceGap);
    expect(failure).toMatchObject({ subject: 'gw_1', expected: 3n, received: 4n });
    expect(await effects()).toEqual([1, 2]);
    await inbox.handle(batch([3]));
    await inbox.handle(batch([1, 2, 4]));
    expect(await effects()).toEqual([1, 2, 3, 4]);
    expect(parked).toEqual([]);
  });

  it('that does not close in time parks what follows of its subject, and of no other', async () => {
    const inbox = open();
    const events = [...batch([2, 3]).events, ...batch([1, 2], 'gw_2').events, ...batch([4]).events];
    const mixed = { ...batch([]), events };
    await expect(inbox.handle(mixed)).rejects.toBeInstanceOf(SequenceGap);
    await clock.advance(GAP_WAIT_MS - 1);
    await expect(inbox.handle(mixed)).rejects.toBeInstanceOf(SequenceGap);
    await clock.advance(1);
    await inbox.handle(mixed);
    expect(parked.map(({ topic, record }) => [topic, record.headers['ce_sequence']])).toEqual([
      ['gateways.dead', '2'],
      ['gateways.dead', '3'],
      ['gateways.dead', '4'],
    ]);
    expect(parked[0]?.record.headers).toMatchObject({
      holdfast_parked_by: 'case',
      holdfast_parked_reason: 'gap',
      holdfast_parked_from: '0/2',
    });
    expect(await effects()).toEqual([]);
    expect(await effects('gw_2')).toEqual([1, 2]);
  });

  it('closes when what is missing comes and what was parked is replayed', async () => {
    const inbox = open();
    await expect(inbox.handle(batch([2, 3]))).rejects.toBeInstanceOf(SequenceGap);
    await clock.advance(GAP_WAIT_MS);
    await inbox.handle(batch([2, 3]));
    await inbox.handle(batch([1, 2, 3]));
    await inbox.handle(batch([4]));
    expect(await effects()).toEqual([1, 2, 3, 4]);
    // Not frozen any more: the next gap waits again.
    await expect(inbox.handle(batch([6]))).rejects.toBeInstanceOf(SequenceGap);
    expect(parked).toHaveLength(2);
  });

  it('before the first is one, unless the consumer begins with what is kept', async () => {
    await expect(open().handle(batch([7]))).rejects.toBeInstanceOf(SequenceGap);
    const inbox = open({ begin: 'kept' });
    await inbox.handle(batch([7, 8]));
    await inbox.handle(batch([6, 7]));
    await expect(inbox.handle(batch([10]))).rejects.toBeInstanceOf(SequenceGap);
    expect(await effects()).toEqual([7, 8]);
  });
}

function unreadableCases(): void {
  it('is parked at once, and the rest is applied', async () => {
    const [good, bad] = batch([1, 2]).events as [LogEvent, LogEvent];
    const { ce_type: _, ...headers } = bad.headers;
    await open().handle({ ...batch([]), events: [{ ...bad, headers }, good] });
    expect(parked.map(({ record }) => record.headers['holdfast_parked_reason'])).toEqual([
      'unreadable',
    ]);
    expect(await effects()).toEqual([1]);
  });

  it('is not passed over while it cannot be parked', async () => {
    const [bad] = batch([1]).events as [LogEvent];
    const append = () => Promise.reject(new Error('the log is away'));
    const inbox = open({ log: { append } as unknown as EventLog });
    const unreadable = { ...batch([]), events: [{ ...bad, headers: {} }] };
    await expect(inbox.handle(unreadable)).rejects.toThrow('the log is away');
  });
}

function open(replaced: Partial<InboxOptions<CaseTables>> = {}): Inbox {
  const append = async (topic: string, records: readonly LogRecord[]) => {
    for (const record of records) parked.push({ topic, record });
    return [];
  };
  return createInbox<CaseTables>({
    consumer: 'case',
    sql,
    log: { append } as unknown as EventLog,
    runtime: testRuntime({ clock }),
    gapWaitMs: GAP_WAIT_MS,
    apply: noteEffect,
    ...replaced,
  });
}

function batch(sequences: readonly number[], subject = 'gw_1'): LogBatch {
  const events = sequences.map((sequence) => ({
    topic: 'gateways' as const,
    partition: 0,
    offset: BigInt(sequence),
    key: subject,
    value: Buffer.from('{"gatewayId":"g","site":"s","incarnation":"i","reason":"lost"}'),
    headers: {
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: `evt_${subject}_${sequence}`,
      ce_source: 'edge-link',
      ce_type: 'gateway.disconnected.v1',
      ce_subject: subject,
      ce_time: '2026-01-01T00:00:00.000Z',
      ce_dataschema: 'urn:holdfast:event:gateway.disconnected.v1',
      ce_tenant: 'dev',
      ce_region: 'local',
      ce_sequence: String(sequence),
    },
  }));
  return { topic: 'gateways', partition: 0, leaseEpoch: 1n, events };
}

async function effects(subject = 'gw_1'): Promise<number[]> {
  return (await effectsOf(sql)).get(subject) ?? [];
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
