import { envelopeFromHeaders } from '@holdfast/shared/contracts/event-envelope.ts';
import { CaseWorld, TECHNOLOGIES } from '@holdfast/shared/platform/sql/sql.fixture.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogRecord } from '../event-log/event-log.ts';
import { type CaseTables, caseOutbox, MIGRATIONS, sampleEvent } from './outbox.fixture.ts';
import { createRelay, type Relay, type RelayOptions } from './relay.ts';
import { RelayLease } from './relay-lease.ts';

const runtime = testRuntime();
const outbox = caseOutbox(runtime);
let world: CaseWorld;
let sql: Sql<CaseTables>;
const relays: Relay[] = [];

for (const { technology, title, skip } of TECHNOLOGIES) {
  describe.skipIf(skip)(title.replace('sql', 'outbox'), () => {
    beforeEach(async () => {
      world = new CaseWorld(technology);
      sql = (await world.open({ migrations: MIGRATIONS })) as unknown as Sql<CaseTables>;
    });
    afterEach(async () => {
      await Promise.all(relays.splice(0).map((relay) => relay.stop()));
      await world.dispose();
    });
    describe('enqueue', enqueueCases);
    describe('the relay', relayCases);
    describe('the lease of the relay', leaseCases);
    const hasOneWriter = technology === 'sqlite';
    it.skipIf(hasOneWriter)(
      `publishes what commits late${hasOneWriter ? ', skipped: one writer, nothing is late' : ''}`,
      publishesWhatCommitsLate,
    );
  });
}

function enqueueCases(): void {
  it('counts each aggregate without gaps, also beside transactions that fail', async () => {
    const enqueue = (subject: string, fail: boolean) =>
      sql.transaction(async (tx) => {
        const sequence = await outbox.enqueue(tx, sampleEvent(subject));
        if (fail) throw new Error('rolled back');
        return sequence;
      });
    const calls = Array.from({ length: 24 }, (_, i) => enqueue(`gw_${i % 2}`, i % 5 === 4));
    const sequences = [[], []] as bigint[][];
    for (const [i, call] of (await Promise.allSettled(calls)).entries()) {
      if (call.status === 'fulfilled') sequences[i % 2]!.push(call.value);
      else expect(String(call.reason)).toContain('rolled back');
    }
    const upTo10 = Array.from({ length: 10 }, (_, i) => BigInt(i + 1));
    for (const each of sequences) expect(each.toSorted(ascending)).toEqual(upTo10);
  });

  it('leaves nothing when the change is rolled back', async () => {
    const failed = sql.transaction(async (tx) => {
      await outbox.enqueue(tx, sampleEvent('gw_1'));
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    expect(await rows()).toEqual([]);
  });

  it('refuses data that does not fit the schema of the event', async () => {
    const wrong = sampleEvent('gw_1', { data: { gatewayId: 'gw_1' } as never });
    const failed = sql.transaction((tx) => outbox.enqueue(tx, wrong));
    await expect(failed).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await rows()).toEqual([]);
  });

  it('refuses an event that the log would not take', async () => {
    const { data } = sampleEvent('gw_1');
    const large = sampleEvent('gw_1', { data: { ...data, site: 'x'.repeat(900 * 1024) } });
    const failed = sql.transaction((tx) => outbox.enqueue(tx, large));
    await expect(failed).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' });
  });
}

function relayCases(): void {
  it('publishes the envelope and the data as JSON, and removes the row', async () => {
    const { relay, published } = await startRelay();
    const event = sampleEvent('gw_1', { key: 'k', actor: 'usr_1', causationId: 'evt_0' });
    await sql.transaction((tx) => outbox.enqueue(tx, event));
    relay.nudge();
    await eventually(() => expect(published).toHaveLength(1));
    const [{ key, headers, value }] = published as [LogRecord];
    expect(key).toBe('k');
    expect(JSON.parse(Buffer.from(value).toString())).toEqual(event.data);
    expect(envelopeFromHeaders(headers)).toMatchObject({
      source: 'edge-link',
      type: 'gateway.disconnected.v1',
      subject: 'gw_1',
      datacontenttype: 'application/json',
      dataschema: 'urn:holdfast:event:gateway.disconnected.v1',
      tenant: 'dev',
      region: 'local',
      sequence: '1',
      actor: 'usr_1',
      causationid: 'evt_0',
    });
    await eventually(async () => expect(await rows()).toEqual([]));
  });

  it('publishes each aggregate in sequence, more rows than one batch has', async () => {
    await Promise.all(
      Array.from({ length: 5 }, async (_, subject) => {
        for (let i = 0; i < 50; i++) {
          await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent(`gw_${subject}`)));
        }
      }),
    );
    const { published } = await startRelay();
    await eventually(async () => expect(await rows()).toEqual([]));
    for (let subject = 0; subject < 5; subject++) {
      const sequences = sequencesOf(published, `gw_${subject}`);
      expect(sequences).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    }
  });

  it('keeps the rows and says so while the log refuses them', async () => {
    let refusals = 2;
    const { relay, published } = await startRelay({
      refuse: () => refusals-- > 0,
    });
    await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent('gw_1')));
    relay.nudge();
    await eventually(() => expect(relay.degraded?.()).toContain('the log is away'));
    expect(await rows()).toHaveLength(1);
    await eventually(() => expect(published).toHaveLength(1));
    await eventually(() => expect(relay.degraded?.()).toBeUndefined());
  });

  it('hands over to another relay when it stops', async () => {
    const first = await startRelay();
    await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent('gw_1')));
    first.relay.nudge();
    await eventually(() => expect(first.published).toHaveLength(1));
    // A relay that sees a row which another one holds would look again only after its long poll.
    await eventually(async () => expect(await rows()).toEqual([]));
    const second = await startRelay();
    await first.relay.stop();
    await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent('gw_1')));
    second.relay.nudge();
    await eventually(() => expect(sequencesOf(second.published, 'gw_1')).toEqual([2]));
    expect(first.published).toHaveLength(1);
  });
}

function leaseCases(): void {
  const lease = (holder: string): RelayLease =>
    new RelayLease({
      sql: sql as unknown as RelayOptions<CaseTables>['sql'],
      holder,
      leaseMs: 60_000,
    } as never);
  const endTime = () =>
    sql.transaction((tx) => tx.updateTable('outbox_lease').set({ renewed_at: 0n }).execute());
  const epoch = async () =>
    (await sql.read((db) => db.selectFrom('outbox_lease').select('epoch').execute()))[0]?.epoch;

  it('is held by one at a time', async () => {
    const [a, b] = [lease('a'), lease('b')];
    expect([await a.hold(), await b.hold(), await a.hold()]).toEqual([true, false, true]);
    await a.release();
    expect([await b.hold(), await a.hold()]).toEqual([true, false]);
  });

  it('passes on when its time is over, and is not the first one’s to release', async () => {
    const [a, b] = [lease('a'), lease('b')];
    await a.hold();
    const before = await epoch();
    await endTime();
    expect(await b.hold()).toBe(true);
    expect(await epoch()).toBeGreaterThan(before!);
    await a.release();
    expect([await a.hold(), await b.hold()]).toEqual([false, true]);
  });

  it('does not last longer because the database’s clock was set back', async () => {
    const [a, b] = [lease('a'), lease('b')];
    await a.hold();
    const future = runtime.clock.nowMicros() + 3_600_000_000n;
    await sql.transaction((tx) =>
      tx.updateTable('outbox_lease').set({ renewed_at: future }).execute(),
    );
    expect(await b.hold()).toBe(true);
  });
}

/** Its row has the lower id: a relay that asked for higher ids than the last would never see it. */
async function publishesWhatCommitsLate(): Promise<void> {
  const { relay, published } = await startRelay();
  const gate = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const late = sql.transaction(async (tx) => {
    await outbox.enqueue(tx, sampleEvent('late'));
    written.resolve();
    await gate.promise;
  });
  await written.promise;
  await sql.transaction((tx) => outbox.enqueue(tx, sampleEvent('early')));
  relay.nudge();
  await eventually(() => expect(sequencesOf(published, 'early')).toEqual([1]));
  gate.resolve();
  await late;
  relay.nudge();
  await eventually(() => expect(sequencesOf(published, 'late')).toEqual([1]));
}

async function startRelay({ refuse = (): boolean => false } = {}) {
  const published: LogRecord[] = [];
  const append = async (_topic: string, records: readonly LogRecord[]) => {
    if (refuse()) throw new Error('the log is away');
    published.push(...records);
    return [];
  };
  const log = { append } as unknown as RelayOptions<CaseTables>['log'];
  // Polls so seldom that a nudge which does not wake it fails the test.
  const relay = createRelay({ service: 'case', sql, log, runtime, pollMs: 60_000 });
  relays.push(relay);
  await relay.start();
  return { relay, published };
}

function eventually(expectation: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(expectation, { timeout: 10_000, interval: 10 });
}

function rows() {
  return sql.read((db) => db.selectFrom('outbox').select(['subject', 'sequence']).execute());
}

function sequencesOf(published: readonly LogRecord[], subject: string): number[] {
  return published.flatMap(({ headers }) =>
    headers['ce_subject'] === subject ? [Number(headers['ce_sequence'])] : [],
  );
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}
