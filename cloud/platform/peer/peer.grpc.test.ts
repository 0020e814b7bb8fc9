import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { secureTarget } from '@holdfast/shared/runtime/grpc.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drawGatewayKey } from '../../auth/auth.fixture.ts';
import { openAuthorityIn } from '../certificate-authority/authority.fixture.ts';
import { issueServerCertificate } from '../certificate-authority/server-certificate.ts';
import {
  createTokenMint,
  type NoteHandlers,
  NoteService,
  noteHost,
  serveNotes,
  type TokenMint,
} from './peer.fixture.ts';
import { openGrpcTransport } from './peer.grpc.ts';
import { createPeerClient } from './peer-client.ts';
import { openPeerLine } from './peer-line.ts';
import { rawCall } from './raw-call.fixture.ts';

const scope = { tenant: 'dev', actor: 'usr_1' };
const runtime = testRuntime();
const take = { method: NoteService.take, request: { text: '' } };
let mint: TokenMint;
let undo: (() => unknown)[] = [];
beforeEach(async () => {
  mint = await createTokenMint();
  undo = [];
});
afterEach(async () => {
  for (const each of undo.toReversed()) await each();
});

async function clientOf(address: string, ca?: string) {
  const authorization = await mint.authorization({});
  const transport = openGrpcTransport({ address, ca, runtime });
  undo.push(() => transport.close());
  const line = openPeerLine({ peer: 'notes', metrics: runtime.metrics });
  const tokens = { authorization: () => authorization };
  return createPeerClient(NoteService, { transport, line, tokens, runtime });
}

const serve = (handlers: Partial<NoteHandlers>, options = {}) =>
  serveNotes(noteHost({ handlers, mint, runtime }), runtime, options);

describe('a peer in another process', () => {
  it('that dies in mid-call is asked again when it is back, within the deadline', async () => {
    let asked = 0;
    const dying = await serve({
      take() {
        asked++;
        return new Promise(() => {});
      },
    });
    const client = await clientOf(`127.0.0.1:${dying.port}`);
    const answer = client.take({ text: 'x' }, { scope });
    await expect.poll(() => asked).toBe(1);
    const { port } = dying;
    await dying.close();
    const back = await serve({ take: async ({ text }) => ({ text: `${text}!` }) }, { port });
    undo.push(() => back.close());
    expect(await answer).toEqual({ text: 'x!' });
  });

  it('that accepts connections and never speaks is met by the deadline', async () => {
    const sockets: Socket[] = [];
    const silent = await listening((socket) => sockets.push(socket));
    const port = (silent.address() as { port: number }).port;
    const client = await clientOf(`127.0.0.1:${port}`);
    const call = () => client.take({ text: '' }, { scope, timeoutMs: 1_200 });
    for (let index = 0; index < 2; index++) {
      await expect(call()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
    // The second call did not wait on the line of the first.
    expect(sockets.length).toBe(2);
    await new Promise((resolve) => {
      // The silent connections stay as they are; who listens from now on is found all the same.
      silent.close();
      setImmediate(resolve);
    });
    const well = await serve({ take: async (note) => note }, { port });
    undo.push(() => well.close());
    await expect
      .poll(() => client.take({ text: 'x' }, { scope }).then(({ text }) => text, String))
      .toBe('x');
    for (const socket of sockets) socket.destroy();
  });

  it('that stops ends its streams with UNAVAILABLE', async () => {
    const server = await serve({
      async *watch(note) {
        yield note;
        await new Promise(() => {});
      },
    });
    const client = await clientOf(`127.0.0.1:${server.port}`);
    const { signal } = new AbortController();
    const iterator = client.watch({ text: 'x' }, { scope, signal })[Symbol.asyncIterator]();
    await iterator.next();
    const ended = iterator.next().then(String, (error: unknown) => error);
    await server.close();
    expect(await ended).toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('the internal port', () => {
  it('off loopback proves who it is, and refuses the certificate of a gateway', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-peer-'));
    undo.push(() => rmSync(dir, { recursive: true, force: true }));
    const authority = await openAuthorityIn(dir, systemClock);
    const tls = await issueServerCertificate(authority, { names: [] });
    const server = await serve({ take: async (note) => note }, { tls });
    undo.push(() => server.close());
    const address = `127.0.0.1:${server.port}`;
    const client = await clientOf(address, authority.certificate);
    expect(await client.take({ text: 'x' }, { scope })).toEqual({ text: 'x' });
    const { privateKey, csr } = await drawGatewayKey();
    const { certificate } = await authority.issue({
      purpose: 'client',
      publicKey: await authority.readRequest(csr),
      subject: { commonName: 'gw_1' },
      names: [{ type: 'uri', value: 'urn:holdfast:gateway:gw_1' }],
      validityMs: 3_600_000,
    });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const pem = { ca: authority.certificate, key, certificate };
    const secure = secureTarget(address, pem);
    const error = await rawCall({
      ...take,
      address,
      secure,
      authorization: await mint.authorization({}),
    });
    expect(error?.code).toBe(status.PERMISSION_DENIED);
    expect(error?.metadata.get('holdfast-code')).toEqual(['FORBIDDEN']);
  });

  it('answers UNIMPLEMENTED to an unknown method, UNAUTHENTICATED without a token', async () => {
    const server = await serve({ take: async (note) => note });
    undo.push(() => server.close());
    const address = `127.0.0.1:${server.port}`;
    const method = { ...NoteService.take, path: '/holdfast.test.v1.NoteService/Nothing' };
    expect((await rawCall({ ...take, address, method }))?.code).toBe(status.UNIMPLEMENTED);
    expect((await rawCall({ ...take, address }))?.code).toBe(status.UNAUTHENTICATED);
  });
});

function listening(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
