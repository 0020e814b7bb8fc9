import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openPlace, type Place, requestOf } from './idempotency.fixture.ts';
import { createIdempotency } from './idempotency.ts';

/** The other process of a race: it uses each key once, when it is told to begin. */
const { place, keys, name } = JSON.parse(process.argv[2]!) as {
  place: Place;
  keys: readonly string[];
  name: string;
};
const runtime = testRuntime();
const sql = await openPlace(place, runtime);
const idempotency = createIdempotency({ sql, runtime });
process.once('message', async () => {
  const answers = await Promise.all(
    keys.map((key) =>
      idempotency.once(requestOf(key), async (tx) => {
        await tx.insertInto('effects').values({ key, by: name }).execute();
        return { status: 202, headers: { location: `/v1/orders/${key}` }, body: { by: name } };
      }),
    ),
  );
  process.send!(answers, async () => {
    await sql.close();
    process.disconnect();
  });
});
process.send!('ready');
