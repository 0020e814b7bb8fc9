import type { Transaction } from 'kysely';
import { AppError } from '../../lib/app-error.ts';
import { assert } from '../../lib/assert.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Body, Engine } from './engine.ts';
import { migrate } from './migrate.ts';
import { type OpenSqlOptions, type Sql, TRANSACTION_MS_MAX } from './sql.ts';
import { assertOutsideWork, runWork } from './work.ts';

/** Also fits a file's name and a schema's. */
const SERVICE_NAME = /^[a-z][a-z0-9-]{0,39}$/;

export interface HandleOptions {
  readonly clock: Clock;
  readonly transactionMsMax?: number;
}

/** Makes the port of an engine: migrates, then guards against misuse and closes in good order. */
export async function openHandle<DB>(
  openEngine: () => Promise<Engine>,
  { service, migrations }: OpenSqlOptions,
  { clock, transactionMsMax = TRANSACTION_MS_MAX }: HandleOptions,
): Promise<Sql<DB>> {
  assert(SERVICE_NAME.test(service), `${service} is a service's name`);
  const engine = await openEngine();
  try {
    await migrate({ engine, clock, service, migrations });
  } catch (cause) {
    await engine.close();
    throw cause;
  }
  return handle<DB>(engine, { service, clock, msMax: transactionMsMax });
}

function handle<DB>(
  engine: Engine,
  { service, clock, msMax }: { service: string; clock: Clock; msMax: number },
): Sql<DB> {
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  const run = <T>(
    transact: (body: Body<T>) => Promise<T>,
    work: (tx: Transaction<DB>) => Promise<T>,
  ): Promise<T> => {
    if (closing) {
      return Promise.reject(new AppError('UNAVAILABLE', `the tables of ${service} are closed`));
    }
    const result = transact((execute) => runWork({ engine, execute, clock, msMax }, work));
    running.add(result);
    const done = (): boolean => running.delete(result);
    result.then(done, done);
    return result;
  };
  return {
    technology: engine.technology,
    read(work) {
      assertOutsideWork('sql.read');
      return run(engine.read, work);
    },
    transaction(work) {
      assertOutsideWork('sql.transaction');
      return run(engine.transaction, work);
    },
    close() {
      assertOutsideWork('sql.close');
      closing ??= Promise.allSettled(running).then(() => engine.close());
      return closing;
    },
  };
}
