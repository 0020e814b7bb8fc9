import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CaseTables,
  dispose,
  openPlace,
  type Place,
  placeOn,
  requestOf,
  TECHNOLOGIES,
} from './idempotency.fixture.ts';
import {
  answerOnce,
  createIdempotency,
  IDEMPOTENCY_KEPT_MS,
  type Idempotency,
  type OnceAnswer,
  SWEPT_MAX,
} from './idempotency.ts';
import { createIdempotencySweep } from './idempotency-sweep.ts';

for (const technology of TECHNOLOGIES) {
  describe(`idempotency on ${technology}`, () => {
    let place: Place;
    let sql: Sql<CaseTables>;
    let idempotency: Idempotency<CaseTables>;
    const clock = simulatedClock();
    beforeEach(async () => {
      place = placeOn(technology);
      const runtime = testRuntime();
      sql = await openPlace(place, runtime);
      idempotency = createIdempotency({ sql, runtime: { clock } });
    });
    afterEach(() => dispose(place, sql));

    const place1 = (key: string, changes = {}): Promise<OnceAnswer> =>
      idempotency.once(requestOf(key, changes), async (tx) => {
        await tx.insertInto('effects').values({ key, by: 'here' }).execute();
        return { status: 202, headers: { location: `/v1/orders/${key}` }, body: { id: key } };
      });
    const effects = () => sql.read((db) => db.selectFrom('effects').selectAll().execute());
    const codeOf = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'answered',
        (error) => error.code ?? error.message,
      );

    it('has its effect once, and gives the first answer again', async () => {
      const first = await place1('k');
      const again = await place1('k');
      expect(first.replayed).toBe(false);
      expect(again).toEqual({ ...first, replayed: true });
      expect(await effects()).toEqual([{ key: 'k', by: 'here' }]);
      const response = answerOnce(again);
      expect([response.status, await response.json()]).toEqual([202, { id: 'k' }]);
      expect(Object.fromEntries(response.headers)).toEqual({
        'content-type': 'application/json',
        location: '/v1/orders/k',
        'idempotent-replayed': 'true',
      });
      expect(answerOnce(first).headers.get('idempotent-replayed')).toBeNull();
    });

    it('refuses the key for another body, and keeps people and routes apart', async () => {
      await place1('k');
      expect(await codeOf(place1('k', { fingerprint: 'g' }))).toBe('IDEMPOTENCY_KEY_REUSED');
      const { principal } = requestOf('k');
      expect((await place1('k', { principal: { ...principal, subject: 'usr_2' } })).replayed).toBe(
        false,
      );
      expect((await place1('k', { principal: { ...principal, tenant: 'b' } })).replayed).toBe(
        false,
      );
      expect((await place1('k', { route: 'POST /v1/products' })).replayed).toBe(false);
    });

    it('says that the first one is not answered yet', async () => {
      const calls = await Promise.all([place1('k'), place1('k'), place1('l')].map(codeOf));
      expect(calls).toEqual(['answered', 'IDEMPOTENCY_IN_FLIGHT', 'answered']);
      expect((await place1('k')).replayed).toBe(true);
    });

    it('forgets what failed: nothing of it is left, and the key may try again', async () => {
      const failing = idempotency.once(requestOf('k'), async (tx) => {
        await tx.insertInto('effects').values({ key: 'k', by: 'failed' }).execute();
        throw new Error('no stock');
      });
      expect(await codeOf(failing)).toBe('no stock');
      expect((await place1('k')).replayed).toBe(false);
      expect(await effects()).toEqual([{ key: 'k', by: 'here' }]);
    });

    it('keeps answers for a day, and forgets them in batches', async () => {
      const keys = Array.from({ length: SWEPT_MAX + 1 }, (_, index) => `k${index}`);
      await Promise.all(keys.map((key) => place1(key)));
      await clock.advance(IDEMPOTENCY_KEPT_MS);
      expect(await idempotency.sweep()).toBe(0);
      await clock.advance(1);
      await place1('young');
      expect([await idempotency.sweep(), await idempotency.sweep()]).toEqual([SWEPT_MAX, 1]);
      expect([await idempotency.sweep(), (await place1('young')).replayed]).toEqual([0, true]);
    });

    it('shows a sweep that fails, and goes on with it', async () => {
      let fails = true;
      let swept = 0;
      const sweep = async (): Promise<number> => {
        swept += 1;
        if (fails) throw new Error('disk full');
        return 0;
      };
      const { log } = testRuntime();
      const sweeping = createIdempotencySweep({ sweep }, { clock, log });
      sweeping.start();
      await expect.poll(() => sweeping.failure()).toMatch(/disk full/);
      fails = false;
      await clock.advance(60_000);
      await expect.poll(() => sweeping.failure()).toBeUndefined();
      await sweeping.stop();
      expect(swept).toBeGreaterThanOrEqual(2);
    });

    it('has each effect once when two processes race for the same keys', {
      timeout: 60_000,
    }, async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `race-${index}`);
      const children = ['one', 'two'].map((name) => start({ place, keys, name }));
      await Promise.all(children.map((child) => once(child, 'message')));
      const answers = children.map((child) => once(child, 'message'));
      for (const child of children) child.send('begin');
      const [one, two] = (await Promise.all(answers)).map(([list]) => list as OnceAnswer[]);
      await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
      const rows = await effects();
      expect(rows.map(({ key }) => key).sort()).toEqual([...keys].sort());
      const by = new Map(rows.map((row) => [row.key, row.by]));
      for (const [index, key] of keys.entries()) {
        const pair = [one![index]!, two![index]!];
        expect(pair.map(({ body }) => body)).toEqual([{ by: by.get(key) }, { by: by.get(key) }]);
        expect(pair.filter(({ replayed }) => replayed)).toHaveLength(1);
      }
    });
  });
}

function start(task: object): ChildProcess {
  const file = join(import.meta.dirname, 'idempotency.case.child.ts');
  return fork(file, [JSON.stringify(task)], { execArgv: [] });
}
