import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { TOKEN_AUDIENCE } from '@holdfast/shared/runtime/access-token.ts';
import { GRPC_MESSAGE_BYTES_MAX } from '@holdfast/shared/runtime/grpc.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { startTracing } from '@holdfast/shared/runtime/tracing.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { grpc, inProcess, type Note, type NoteWorld, type PeerAdapter } from './peer.fixture.ts';
import type { PeerCall } from './peer.ts';
import { FAILURES_MAX } from './peer-line.ts';

const scope = { tenant: 'dev', actor: 'usr_1' };
const opened: NoteWorld[] = [];
afterEach(async () => {
  for (const world of opened.splice(0)) await world.close();
});

for (const adapter of [inProcess, grpc]) {
  const open: PeerAdapter['open'] = async (options) => {
    const world = await adapter.open(options);
    opened.push(world);
    return world;
  };
  describe(`peers by ${adapter.name}: calls`, () => callCases(open));
  describe(`peers by ${adapter.name}: who calls`, () => callerCases(open));
  describe(`peers by ${adapter.name}: deadlines and failures`, () => failureCases(open));
  describe(`peers by ${adapter.name}: streams`, () => streamCases(open));
}

type Open = PeerAdapter['open'];
const refused = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

function callCases(open: Open): void {
  it('share no message by reference, on either way', async () => {
    const { client, handles } = await open();
    let seen: Note | undefined;
    const kept: Note = { text: 'kept', parts: ['a'] };
    handles({
      async take(note) {
        seen = note;
        note.parts?.push('callee');
        return kept;
      },
    });
    const request = { text: 'sent', parts: ['caller'] };
    const answer = await client.take(request, { scope });
    answer.parts?.push('caller');
    expect(seen).toEqual({ text: 'sent', parts: ['caller', 'callee'] });
    expect(request.parts).toEqual(['caller']);
    expect(kept.parts).toEqual(['a']);
  });

  it('bring the caller, the tenant and the actor, whatever letters they have', async () => {
    const { client, handles } = await open();
    let call: PeerCall | undefined;
    handles({
      async take(note, its) {
        call = its;
        return note;
      },
    });
    await client.take({ text: '' }, { scope: { tenant: 'Löwe 狮', actor: 'usr_ß' } });
    expect(call?.caller).toBe('order');
    expect(call?.scope).toEqual({ tenant: 'Löwe 狮', actor: 'usr_ß' });
    const nobody = client.take({ text: '' }, { scope: { tenant: '', actor: 'usr_1' } });
    await expect(nobody).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('are a span on each side, in one trace', async () => {
    const tracing = await startTracing('peer', { exporter: 'memory' });
    const { client, runtime } = await open({ runtime: testRuntime({ tracing }) });
    await runtime.tracing.span('outer', {}, () => client.take({ text: '' }, { scope }));
    const spans = tracing.finished();
    const named = (name: string) => spans.find((span) => span.name === name);
    expect(named('peer.call')?.parentSpanId).toBe(named('outer')?.spanId);
    expect(named('peer.handle')?.parentSpanId).toBe(named('peer.call')?.spanId);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  it('refuse a method that the callee does not have', async () => {
    const { client } = await open();
    const error = await refused(client.forget({ text: '' }, { scope }));
    expect(error).toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
  });

  it('refuse a message that is too large, on either way', async () => {
    const { client, handles } = await open();
    const large = { text: 'x'.repeat(GRPC_MESSAGE_BYTES_MAX) };
    const request = await refused(client.take(large, { scope }));
    expect(request).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    handles({ take: async () => large });
    const answer = await refused(client.take({ text: '' }, { scope }));
    expect(answer).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  });
}

function callerCases(open: Open): void {
  it('let in only who has a service token of ours, and is named', async () => {
    const { client, mint, sends, handles } = await open();
    let handled = 0;
    handles({
      async take(note) {
        handled++;
        return note;
      },
    });
    const cases = [
      ['TOKEN_MISSING', undefined],
      ['TOKEN_INVALID', 'Bearer e30.e30.e30'],
      ['TOKEN_INVALID', 'Basic b3JkZXI6'],
      ['TOKEN_INVALID', await mint.authorization({ forged: true })],
      ['TOKEN_INVALID', await mint.authorization({ expiresInSeconds: -60 })],
      ['TOKEN_INVALID', await mint.authorization({ audience: TOKEN_AUDIENCE })],
      ['FORBIDDEN', await mint.authorization({ service: 'console' })],
    ] as const;
    for (const [code, header] of cases) {
      sends(header);
      for (const again of [false, true]) {
        const error = await refused(client.take({ text: '' }, { scope }));
        expect(error, `${code} ${header} ${again}`).toMatchObject({ code });
      }
    }
    expect(handled).toBe(0);
    sends(await mint.authorization({ service: 'graph' }));
    await client.take({ text: '' }, { scope });
    expect(handled).toBe(1);
  });

  it('refuse a stream as they refuse a call', async () => {
    const { client, sends } = await open();
    sends(undefined);
    const { signal } = new AbortController();
    const stream = client.watch({ text: '' }, { scope, signal });
    const error = await refused(stream[Symbol.asyncIterator]().next());
    expect(error).toMatchObject({ code: 'TOKEN_MISSING' });
  });
}

function failureCases(open: Open): void {
  it('throw what the callee threw', async () => {
    const { client, handles } = await open();
    const thrown = new AppError('BUFFER_FULL', 'no space — left', {
      retry: 'now',
      retryAfterMs: 1_234,
      hint: 'make räum',
      fields: [{ pointer: '/lines/0', detail: 'too many' }],
    });
    handles({
      async take() {
        throw thrown;
      },
    });
    const error = await refused(client.take({ text: '' }, { scope }));
    expect(error).not.toBe(thrown);
    expect(error).toBeInstanceOf(AppError);
    const { code, message, retry, retryAfterMs, hint, fields, status } = thrown;
    const same = { code, message, retry, retryAfterMs, hint, fields, status };
    expect(error).toMatchObject(same);
  });

  it.each([
    [new Error('password hunter2'), 'INTERNAL'],
    [
      new AppError('STORE_DAMAGED', 'hunter2', { hint: 'hunter2', operatorOnly: true }),
      'STORE_DAMAGED',
    ],
  ])('say nothing about the inside of a callee that fails: %s', async (thrown, code) => {
    const { client, handles } = await open();
    handles({
      async take() {
        throw thrown;
      },
    });
    const error = await refused(client.take({ text: '' }, { scope }));
    expect(error).toMatchObject({ code });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2');
  });

  it('end with DEADLINE_EXCEEDED, and the callee is told by its signal', async () => {
    const { client, handles } = await open();
    const signals: AbortSignal[] = [];
    handles({
      take(_, { signal }) {
        signals.push(signal);
        return new Promise(() => {});
      },
    });
    const error = await refused(client.take({ text: '' }, { scope, timeoutMs: 50 }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('are tried again after UNAVAILABLE, and after nothing else', async () => {
    const { client, handles } = await open();
    let asked = 0;
    const failing = (code: 'UNAVAILABLE' | 'CONFLICT', options = {}) => ({
      async take(note: Note) {
        asked++;
        if (asked < 3) throw new AppError(code, 'not now', options);
        return note;
      },
    });
    handles(failing('UNAVAILABLE'));
    await client.take({ text: '' }, { scope });
    expect(asked).toBe(3);
    asked = 0;
    handles(failing('CONFLICT'));
    const conflict = await refused(client.take({ text: '' }, { scope }));
    expect(conflict).toMatchObject({ code: 'CONFLICT' });
    handles(failing('UNAVAILABLE', { retryAfterMs: 60_000 }));
    asked = 0;
    const later = await refused(client.take({ text: '' }, { scope }));
    expect(later).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 60_000 });
    expect(asked).toBe(1);
  });

  it('leave a peer alone that keeps failing, and come back when it recovered', async () => {
    const { client, handles, runtime } = await open();
    let asked = 0;
    let well = false;
    handles({
      async take(note) {
        asked++;
        if (well) return note;
        throw new AppError('UNAVAILABLE', 'away', { retryAfterMs: 1 });
      },
    });
    const call = () => client.take({ text: '' }, { scope });
    for (let index = 0; index < FAILURES_MAX + 5; index++) {
      expect(await refused(call())).toMatchObject({ code: 'UNAVAILABLE' });
    }
    expect(asked).toBe(FAILURES_MAX);
    expect(await runtime.metrics.text()).toContain('holdfast_peer_breaker_state{peer="notes"} 2');
    well = true;
    await expect.poll(() => call().then(({ text }) => text, String)).toBe('');
    const metrics = await runtime.metrics.text();
    expect(metrics).toContain('holdfast_peer_breaker_state{peer="notes"} 0');
    expect(metrics).toContain('holdfast_peer_calls_in_flight{peer="notes"} 0');
    expect(metrics).toMatch(/holdfast_peer_calls_total\{peer="notes",method="take",code="OK"\} 1/);
    expect(metrics).toContain('method="take",code="UNAVAILABLE"');
  });

  it('run up to the limit at once, then wait, then are refused', async () => {
    const { client, handles } = await open({ callsMax: 2, queuedMax: 1 });
    const release: (() => void)[] = [];
    handles({
      take: (note) => new Promise((resolve) => release.push(() => resolve(note))),
    });
    const calls = ['a', 'b', 'c', 'd'].map((text) => refused(client.take({ text }, { scope })));
    expect(await calls[3]).toMatchObject({ code: 'UNAVAILABLE' });
    await expect.poll(() => release.length).toBe(2);
    release.shift()!();
    await expect.poll(() => release.length).toBe(2);
    for (const each of release) each();
    const answers = await Promise.all(calls.slice(0, 3));
    expect(answers).toEqual([{ text: 'a' }, { text: 'b' }, { text: 'c' }]);
  });
}

function streamCases(open: Open): void {
  const texts = (count: number) =>
    async function* () {
      for (let index = 0; index < count; index++) yield { text: String(index) };
    };

  it('bring every answer in order, and end', async () => {
    const { client, handles } = await open();
    handles({ watch: texts(100) });
    const got: string[] = [];
    const { signal } = new AbortController();
    for await (const { text } of client.watch({ text: '' }, { scope, signal })) got.push(text);
    expect(got).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));
  });

  it('end without an error when the caller aborts, and the callee is told', async () => {
    const { client, handles } = await open();
    let aborted = false;
    handles({
      async *watch(note, { signal }) {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        yield note;
        await new Promise(() => {});
      },
    });
    const controller = new AbortController();
    const got: Note[] = [];
    for await (const note of client.watch({ text: 'x' }, { scope, signal: controller.signal })) {
      got.push(note);
      queueMicrotask(() => controller.abort());
    }
    expect(got).toEqual([{ text: 'x' }]);
    await expect.poll(() => aborted).toBe(true);
  });

  it('end at the callee when the caller stops to read', async () => {
    const { client, handles } = await open();
    let ended = false;
    handles({
      async *watch(note, { signal }) {
        try {
          while (!signal.aborted) {
            yield note;
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          ended = true;
        }
      },
    });
    const { signal } = new AbortController();
    for await (const _ of client.watch({ text: 'x' }, { scope, signal })) break;
    await expect.poll(() => ended).toBe(true);
  });

  it('ask the callee for no more than the caller takes', async () => {
    const { client, handles } = await open();
    const text = 'x'.repeat(100_000);
    let made = 0;
    handles({
      async *watch() {
        for (; made < 10_000; made++) yield { text };
      },
    });
    const controller = new AbortController();
    const stream = client.watch({ text: '' }, { scope, signal: controller.signal });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    let before = -1;
    // Until the callee stands still: what is on the way is bounded by the windows, not by us.
    await expect
      .poll(() => {
        const still = made === before;
        before = made;
        return still;
      })
      .toBe(true);
    expect(made).toBeLessThan(1_000);
    controller.abort();
    await iterator.return?.();
  });

  it('end with the error of the callee, after what came before it', async () => {
    const { client, handles } = await open();
    handles({
      async *watch(note) {
        yield note;
        throw new AppError('NOT_FOUND', 'it is gone');
      },
    });
    const { signal } = new AbortController();
    const iterator = client.watch({ text: 'x' }, { scope, signal })[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: { text: 'x' } });
    const error = await refused(iterator.next());
    expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'it is gone' });
  });
}
