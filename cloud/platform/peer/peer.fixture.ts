import {
  createServiceTokenVerifier,
  SERVICE_TOKEN_AUDIENCE,
  TOKEN_ALGORITHM,
  TOKEN_ISSUER,
} from '@holdfast/shared/runtime/access-token.ts';
import { type GrpcServer, serveGrpc } from '@holdfast/shared/runtime/grpc.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';
import { serveOnGrpc } from './peer.grpc.server.ts';
import { openGrpcTransport } from './peer.grpc.ts';
import { openInProcessTransport } from './peer.in-process.ts';
import type { PeerClient, PeerHandlers } from './peer.ts';
import { createPeerClient } from './peer-client.ts';
import { createPeerHost, type PeerHost } from './peer-host.ts';
import { openPeerLine } from './peer-line.ts';
import type { PeerTransport } from './peer-transport.ts';
import { createCallerVerifier } from './service-token.ts';

export interface Note {
  text: string;
  parts?: string[];
}

const serialize = (value: Note): Buffer => Buffer.from(JSON.stringify(value));
const deserialize = (bytes: Buffer): Note => JSON.parse(bytes.toString());

function method<S extends boolean>(name: string, responseStream: S) {
  return {
    path: `/holdfast.test.v1.NoteService/${name}`,
    requestStream: false as const,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}

/** A service for tests, with messages in JSON. */
export const NoteService = {
  take: method<false>('Take', false),
  watch: method<true>('Watch', true),
};

/** As a later release would have it. */
export const LaterNoteService = { ...NoteService, forget: method<false>('Forget', false) };

export type NoteHandlers = PeerHandlers<typeof NoteService>;

export interface Claims {
  readonly service?: string;
  readonly audience?: string;
  readonly expiresInSeconds?: number;
  readonly forged?: boolean;
}

export interface TokenMint {
  readonly jwks: () => Promise<JSONWebKeySet>;
  authorization(claims: Claims): Promise<string>;
}

export async function createTokenMint(): Promise<TokenMint> {
  const options = { extractable: true };
  const [own, foreign] = [
    await generateKeyPair(TOKEN_ALGORITHM, options),
    await generateKeyPair(TOKEN_ALGORITHM, options),
  ];
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'key', alg: TOKEN_ALGORITHM, use: 'sig' };
  return {
    jwks: async () => ({ keys: [jwk] }) as JSONWebKeySet,
    async authorization({ service = 'order', audience = SERVICE_TOKEN_AUDIENCE, ...claims }) {
      const seconds = Math.floor(Date.now() / 1000);
      const token = await new SignJWT({ tenant: 't', sites: ['*'], roles: ['administrator'] })
        .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid: 'key', typ: 'JWT' })
        .setSubject(service)
        .setIssuer(TOKEN_ISSUER)
        .setAudience(audience)
        .setJti('tok_test')
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + (claims.expiresInSeconds ?? 600))
        .sign(claims.forged ? foreign.privateKey : own.privateKey);
      return `Bearer ${token}`;
    },
  };
}

export interface NoteWorldOptions {
  readonly runtime?: Runtime;
  readonly callsMax?: number;
  readonly queuedMax?: number;
}

/** A caller and a callee, joined by one of the transports. */
export interface NoteWorld {
  readonly runtime: Runtime;
  readonly mint: TokenMint;
  readonly client: PeerClient<typeof LaterNoteService>;
  /** The value of the header that the client sends from now on. */
  sends(authorization: string | undefined): void;
  /** Replaces handlers of the callee. */
  handles(handlers: Partial<NoteHandlers>): void;
  close(): Promise<void>;
}

export interface PeerAdapter {
  readonly name: string;
  open(options?: NoteWorldOptions): Promise<NoteWorld>;
}

interface Callee {
  readonly transport: PeerTransport;
  close(): Promise<void>;
}

export const inProcess: PeerAdapter = {
  name: 'in process',
  open: (options = {}) =>
    openWorld(options, async (host, runtime) => {
      const transport = openInProcessTransport({ host: () => host, runtime });
      return { transport, close: async () => {} };
    }),
};

export const grpc: PeerAdapter = {
  name: 'gRPC',
  open: (options = {}) =>
    openWorld(options, async (host, runtime) => {
      const served = await serveNotes(host, runtime);
      const address = `127.0.0.1:${served.port}`;
      return { transport: openGrpcTransport({ address, runtime }), close: served.close };
    }),
};

/** The internal listener over one host. */
export async function serveNotes(
  host: PeerHost,
  runtime: Runtime,
  options: { port?: number; tls?: { key: string; cert: string; ca: string } } = {},
): Promise<GrpcServer> {
  const { services, drain } = serveOnGrpc({ hosts: [host], runtime });
  const server = await serveGrpc({
    services,
    host: '127.0.0.1',
    port: options.port ?? 0,
    setting: 'internal.port',
    clients: 'any',
    clock: runtime.clock,
    ...(options.tls ? { tls: options.tls } : {}),
  });
  return {
    port: server.port,
    async close() {
      drain();
      await server.close();
    },
  };
}

export function noteHost(options: {
  readonly handlers: Partial<NoteHandlers>;
  readonly mint: TokenMint;
  readonly runtime: Runtime;
}): PeerHost {
  const { handlers, mint, runtime } = options;
  const { clock } = runtime;
  const service = {
    definition: NoteService,
    handlers: {
      take: (request: Note, call) => handlers.take!(request, call),
      watch: (request: Note, call) => handlers.watch!(request, call),
    } satisfies NoteHandlers,
    callers: ['order', 'graph'],
  };
  const verifier = createServiceTokenVerifier({ jwks: mint.jwks, clock });
  return createPeerHost({ service, verifier: createCallerVerifier(verifier, clock), runtime });
}

async function openWorld(
  options: NoteWorldOptions,
  connect: (host: PeerHost, runtime: Runtime) => Promise<Callee>,
): Promise<NoteWorld> {
  const { runtime = testRuntime(), ...limits } = options;
  const mint = await createTokenMint();
  const handlers: Partial<NoteHandlers> = { take: async (note) => note };
  const callee = await connect(noteHost({ handlers, mint, runtime }), runtime);
  let authorization: string | undefined = await mint.authorization({});
  const client = createPeerClient(LaterNoteService, {
    transport: callee.transport,
    line: openPeerLine({ peer: 'notes', metrics: runtime.metrics, ...limits }),
    tokens: { authorization: () => authorization },
    runtime,
  });
  return {
    runtime,
    mint,
    client,
    sends(header) {
      authorization = header;
    },
    handles: (replaced) => void Object.assign(handlers, replaced),
    async close() {
      callee.transport.close();
      await callee.close();
    },
  };
}
