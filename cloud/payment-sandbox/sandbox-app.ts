import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { guardXml, SOAP_BYTES_MAX } from '@holdfast/shared/lib/xml-guard.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { createApp, type HttpApp, type HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Context } from 'hono';
import { z } from 'zod';
import { type CallContext, createCalls } from './acquirer-calls.ts';
import { Behaviours } from './behaviours.ts';
import { deliver } from './delivery.ts';
import { BEHAVIOURS, CALLS } from './domain/behaviour.ts';
import { UsernameTokens } from './domain/username-token.ts';
import type { PaymentSandboxSettings } from './settings.ts';
import { createSoapService } from './soap-service.ts';
import { doubleCharges, reportCharge } from './store/charges.ts';
import type { SandboxTables } from './store/tables.ts';

const behaviourSchema = z.strictObject({
  call: z.enum(CALLS).default('Authorise'),
  behaviour: z.enum(BEHAVIOURS),
  times: z.int().min(1).max(1_000).default(1),
});

export interface SandboxAppDeps {
  readonly sql: Sql<SandboxTables>;
  readonly runtime: Runtime;
  readonly settings: PaymentSandboxSettings;
  readonly account: { readonly username: string; readonly secretPassword: string };
}

/** `/soap`, and for whoever develops: `/sandbox/behaviour`, `/sandbox/charges/…`. */
export async function createSandboxApp(deps: SandboxAppDeps): Promise<HttpApp> {
  const { sql, runtime, settings, account } = deps;
  const { clock } = runtime;
  const behaviours = new Behaviours();
  const tokens = new UsernameTokens(account);
  const refusals = runtime.metrics.counter(
    'holdfast_sandbox_refused_total',
    'Requests without a good UsernameToken, by reason.',
    ['reason'],
  );
  const soap = await createSoapService<CallContext>({
    authenticate(security) {
      const verdict = tokens.check(security, clock.now());
      if (verdict !== 'ok') refusals.add(1, { reason: verdict });
      return verdict === 'ok';
    },
    handle: createCalls({ sql, clock, behaviours }),
  });
  const app = createApp(runtime, { bodyBytesMax: SOAP_BYTES_MAX });
  app.post('/soap', async (c) => {
    const verdict = guardXml(new Uint8Array(await c.req.arrayBuffer()));
    if (verdict.kind === 'refused') {
      throw new AppError('REQUEST_INVALID', `the document has ${verdict.reason}`);
    }
    const context: CallContext = { delivery: 'answer' };
    const soapAction = c.req.header('soapaction') ?? '';
    const reply = await soap.answer({ text: verdict.text, soapAction, context });
    return deliver(c, { reply, delivery: context.delivery, clock, lateMs: settings.lateMs });
  });
  addControl(app, { behaviours, sql });
  return app;
}

function addControl(
  app: HttpApp,
  { behaviours, sql }: { behaviours: Behaviours; sql: Sql<SandboxTables> },
): void {
  app.get('/sandbox/behaviour', (c) => c.json({ waiting: behaviours.waiting }));
  app.post('/sandbox/behaviour', async (c) => {
    const order = behaviourSchema.parse(await readJson(c));
    if (!behaviours.add(order)) throw new AppError('RATE_LIMITED', 'too many behaviours wait');
    return c.json(order, 201);
  });
  app.delete('/sandbox/behaviour', (c) => {
    behaviours.clear();
    return c.body(null, 204);
  });
  app.get('/sandbox/charges/:reference', async (c) => {
    const report = await reportCharge(sql, c.req.param('reference'));
    if (!report) throw new AppError('NOT_FOUND', 'there is no such charge');
    const { authorised, captured, refunded, ...rest } = report;
    const amounts = { authorised, captured, refunded };
    const numbers = Object.entries(amounts).map(([name, value]) => [name, Number(value)]);
    return c.json({ ...rest, ...Object.fromEntries(numbers) });
  });
  app.get('/sandbox/double-charges', async (c) => c.json({ orders: await doubleCharges(sql) }));
}

/** A page of another origin can send no JSON without being asked first. */
async function readJson(c: Context<HttpEnv>): Promise<unknown> {
  if (!/^application\/json\b/.test(c.req.header('content-type') ?? '')) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'send application/json');
  }
  return c.req.json();
}
