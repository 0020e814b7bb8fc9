import { SOAP_BYTES_MAX } from '@holdfast/shared/lib/xml-guard.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT, acquirerOf, newKey, PaymentWorld } from '../payment/payment.fixture.ts';
import type { Acquirer } from '../platform/acquirer/acquirer.ts';
import { usernameToken } from '../platform/acquirer/username-token.ts';
import { SKEW_MS_MAX, UsernameTokens } from './domain/username-token.ts';

let world: PaymentWorld;
beforeEach(async () => {
  world = await PaymentWorld.open('sqlite');
});
afterEach(() => world.dispose());

const envelope = (header: string, body: string) =>
  '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">' +
  `<soap:Header>${header}</soap:Header><soap:Body>${body}</soap:Body></soap:Envelope>`;

const queryOf = (reference: string) =>
  `<q:QueryRequest xmlns:q="urn:holdfast:acquirer:1"><q:merchantReference>${reference}` +
  '</q:merchantReference><q:operationId>authorise</q:operationId></q:QueryRequest>';

async function post(document: string | Uint8Array): Promise<{ status: number; text: string }> {
  const body = typeof document === 'string' ? document : Buffer.from(document);
  const headers = { 'content-type': 'text/xml' };
  const answer = await fetch(`${world.sandbox.url()}/soap`, { method: 'POST', headers, body });
  return { status: answer.status, text: await answer.text() };
}

const signed = () => usernameToken({ ...ACCOUNT, runtime: world.runtime });

describe('what the sandbox lets in', () => {
  it('a request that is signed', async () => {
    const answer = await post(envelope(signed(), queryOf('pay_1')));
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('absent');
  });

  it('refuses a document type, before anything parses it', async () => {
    const entity = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>';
    const document = `${entity}${envelope(signed(), queryOf('&b;'))}`;
    expect((await post(document)).status).toBe(400);
    const hidden = Buffer.from(`\ufeff${document}`, 'utf16le');
    expect((await post(hidden)).status).toBe(400);
  });

  it('refuses entities that would grow', async () => {
    expect((await post(envelope(signed(), queryOf('&lol9;')))).status).toBe(400);
  });

  it('refuses what is too large', async () => {
    const answer = await post(envelope(signed(), queryOf('x'.repeat(SOAP_BYTES_MAX))));
    expect(answer.status).toBe(413);
  });

  it('refuses a request that is not signed, or with another password', async () => {
    expect((await post(envelope('', queryOf('pay_1')))).status).toBe(401);
    const wrong = usernameToken({ ...ACCOUNT, secretPassword: 'guess', runtime: world.runtime });
    expect((await post(envelope(wrong, queryOf('pay_1')))).status).toBe(401);
  });

  it('refuses a nonce that was used', async () => {
    const document = envelope(signed(), queryOf('pay_1'));
    expect((await post(document)).status).toBe(200);
    expect((await post(document)).status).toBe(401);
  });

  it('refuses what was signed too long ago, or in the future', async () => {
    for (const offMs of [-SKEW_MS_MAX - 5_000, SKEW_MS_MAX + 5_000]) {
      const clock = simulatedClock(Date.now() + offMs);
      const header = usernameToken({ ...ACCOUNT, runtime: testRuntime({ clock }) });
      expect((await post(envelope(header, queryOf('pay_1')))).status).toBe(401);
    }
  });
});

it('a nonce is forgotten only when its time could no longer be let in', () => {
  const tokens = new UsernameTokens(ACCOUNT);
  const at = (wallMs: number, nonce: Buffer) => ({
    UsernameToken: tokenAt(wallMs, nonce),
  });
  const nonce = Buffer.from('0123456789abcdef');
  const startMs = Date.UTC(2026, 0, 1);
  const header = at(startMs + SKEW_MS_MAX, nonce);
  expect(tokens.check(header, startMs)).toBe('ok');
  expect(tokens.check(header, startMs + 2 * SKEW_MS_MAX)).toBe('replayed');
  expect(tokens.check(header, startMs + 2 * SKEW_MS_MAX + 1)).toBe('skewed');
});

function tokenAt(wallMs: number, nonce: Buffer) {
  const runtime = testRuntime({ clock: simulatedClock(wallMs) });
  const random = { ...runtime.random, bytes: () => nonce };
  const xml = usernameToken({ ...ACCOUNT, runtime: { ...runtime, random } });
  const text = (name: string) => new RegExp(`<\\w+:${name}(?: [^>]*)?>([^<]*)<`).exec(xml)![1]!;
  return {
    Username: text('Username'),
    Password: { attributes: { Type: '…#PasswordDigest' }, $value: text('Password') },
    Nonce: text('Nonce'),
    Created: text('Created'),
  };
}

describe.each(['1.1', '1.2'] as const)('the acquirer port on SOAP %s', (version) => {
  let acquirer: Acquirer;
  beforeEach(async () => {
    acquirer = await acquirerOf(`${world.sandbox.url()}/soap`, world.runtime, {
      version,
      timeoutMs: 2_000,
    });
  });
  afterEach(() => acquirer.close());

  const order = (reference: string, changed = {}) => ({
    kind: 'authorise' as const,
    reference,
    operationId: 'authorise',
    orderId: `ord_${reference}`,
    currency: 'EUR',
    minorUnits: 1_000n,
    token: 'tok_a',
    ...changed,
  });

  it('does an operation once, and answers it again', async () => {
    const key = newKey();
    expect(await acquirer.send(order(key))).toEqual({ kind: 'done' });
    expect(await acquirer.send(order(key))).toEqual({ kind: 'done' });
    expect(await world.charge(key)).toMatchObject({ authorised: 1_000 });
    const other = await acquirer.send(order(key, { minorUnits: 1n }));
    expect(other).toEqual({ kind: 'declined', code: 'invalid:other_amount' });
  });

  it('says what came of an operation', async () => {
    const key = newKey();
    const question = { reference: key, operationId: 'authorise' };
    expect(await acquirer.ask(question)).toEqual({ kind: 'absent' });
    await world.tell({ behaviour: 'decline' });
    const code = 'insufficient_funds';
    expect(await acquirer.send(order(key))).toEqual({ kind: 'declined', code });
    expect(await acquirer.ask(question)).toEqual({ kind: 'declined', code });
  });

  it('remembers a Void of a reference that it does not know', async () => {
    const key = newKey();
    const voiding = order(key, { kind: 'void', operationId: 'void' });
    expect(await acquirer.send(voiding)).toEqual({ kind: 'done' });
    expect(await acquirer.send(order(key))).toEqual({ kind: 'declined', code: 'voided' });
  });

  it('tells apart what was not done and what nobody knows', async () => {
    const kinds: Record<string, string> = {};
    for (const behaviour of ['retryable', 'error', 'malformed', 'drop_after', 'timeout']) {
      await world.tell({ behaviour });
      kinds[behaviour] = (await acquirer.send(order(newKey()))).kind;
    }
    expect(kinds).toEqual({
      retryable: 'retryable',
      error: 'unknown',
      malformed: 'unknown',
      drop_after: 'unknown',
      timeout: 'unknown',
    });
    const nobody = await acquirerOf('http://127.0.0.1:1/soap', world.runtime, { version });
    expect((await nobody.send(order(newKey()))).kind).toBe('retryable');
    await nobody.close();
  });

  it('an answer that came twice is never the answer to the next request', async () => {
    for (let round = 0; round < 5; round++) {
      await world.tell({ behaviour: 'twice' });
      expect((await acquirer.send(order(newKey()))).kind).toBe('done');
      const declined = order(newKey());
      await world.tell({ behaviour: 'decline' });
      expect((await acquirer.send(declined)).kind).not.toBe('done');
    }
  });

  it('lists a day in pages, each operation once', async () => {
    const keys = Array.from({ length: 120 }, newKey);
    for (const key of keys) await acquirer.send(order(key));
    const day = new Date().toISOString().slice(0, 10);
    const first = await acquirer.listDay(day, undefined);
    if (first.kind !== 'page') throw new Error(first.detail);
    const second = await acquirer.listDay(day, first.next);
    if (second.kind !== 'page') throw new Error(second.detail);
    const seen = [...first.operations, ...second.operations].map(({ reference }) => reference);
    expect(seen).toEqual(keys.toSorted());
    expect(second.next).toBeUndefined();
  });
});

it('tells an order that is charged under two references', async () => {
  const acquirer = await acquirerOf(`${world.sandbox.url()}/soap`, world.runtime);
  const twice = { kind: 'authorise' as const, orderId: 'ord_1', currency: 'EUR', minorUnits: 1n };
  for (const reference of ['pay_a', 'pay_b']) {
    await acquirer.send({ ...twice, reference, operationId: 'authorise', token: 'tok_a' });
  }
  expect(await world.doubleCharges()).toEqual(['ord_1']);
  await acquirer.close();
});

describe('what the client lets in', () => {
  const answers = (text: string) => async () => {
    const { createServer } = await import('node:http');
    const server = createServer((_request, response) => response.end(text));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const acquirer = await acquirerOf(`http://127.0.0.1:${port}/soap`, world.runtime);
    const finding = await acquirer.ask({ reference: 'pay_1', operationId: 'authorise' });
    await acquirer.close();
    server.close();
    return finding;
  };
  const answerFor = (reference: string) =>
    envelope(
      '',
      `<q:QueryResponse xmlns:q="urn:holdfast:acquirer:1"><q:merchantReference>${reference}` +
        '</q:merchantReference><q:operationId>authorise</q:operationId><q:outcome>done' +
        '</q:outcome></q:QueryResponse>',
    );

  it('an answer to its question', async () => {
    expect(await answers(answerFor('pay_1'))()).toEqual({ kind: 'done' });
  });

  it.each([
    ['an answer to another question', answerFor('pay_2')],
    ['a document type', `<!DOCTYPE a [<!ENTITY b "c">]>${answerFor('pay_1')}`],
    ['more than the limit', answerFor('pay_1') + ' '.repeat(SOAP_BYTES_MAX)],
    ['half of it', answerFor('pay_1').slice(0, 300)],
    ['nothing', ''],
    ['JSON', '{"outcome":"done"}'],
  ])('%s tells nothing', async (_what, text) => {
    expect((await answers(text)()).kind).toBe('unknown');
  });
});
