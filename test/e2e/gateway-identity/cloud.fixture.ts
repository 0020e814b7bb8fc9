import { type AuthWorld, openAuthWorld } from '@holdfast/cloud/auth/auth.fixture.ts';
import {
  type ServerCertificate,
  serverCertificateIn,
} from '@holdfast/cloud/platform/certificate-authority/authority.fixture.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { type HttpServer, serveHttp } from '@holdfast/shared/runtime/http-server.ts';

/** What the server hands to the app beside the request. */
interface Env {
  readonly incoming: { readonly socket: { destroy(): void } };
}

/** A cloud with the real `auth` behind a TLS socket, whose clock can be set. */
export interface Cloud {
  readonly url: string;
  readonly world: AuthWorld;
  /** Paths and bodies of what reached it. */
  readonly requests: { readonly path: string; readonly body: string }[];
  /** Does what the cloud does, and cuts the connection instead of answering. */
  loseNextAnswer(): void;
  claim(): Promise<{ claimCode: string; gatewayId: string }>;
  revoke(gatewayId: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * `startMs`: the cloud's time, for certificates that are old by now. TLS itself goes by the system
 * clock.
 */
export async function openCloud(options: { readonly startMs?: number } = {}): Promise<Cloud> {
  const world = await openAuthWorld({ startMs: options.startMs ?? systemClock.now() });
  const tls: ServerCertificate = await serverCertificateIn(world.dir);
  const requests: Cloud['requests'] = [];
  let lose = false;
  const fetch = async (request: Request, env: Env): Promise<Response> => {
    requests.push({ path: new URL(request.url).pathname, body: await request.clone().text() });
    const response = await world.app.fetch(request, env);
    if (lose) env.incoming.socket.destroy();
    lose = false;
    return response;
  };
  const server: HttpServer = await serveHttp(Object.assign(Object.create(world.app), { fetch }), {
    host: '127.0.0.1',
    port: 0,
    setting: 'none',
    tls,
  });
  return {
    url: `https://127.0.0.1:${server.port}`,
    world,
    requests,
    loseNextAnswer: () => {
      lose = true;
    },
    async claim() {
      const token = await world.signedIn({});
      return (await world.post('/v1/gateways/claims', { site: 'site-1' }, token)).body;
    },
    async revoke(gatewayId) {
      const token = await world.signedIn({});
      await world.post(`/v1/gateways/${gatewayId}/revoke`, {}, token);
    },
    async close() {
      await server.close();
      await world.close();
    },
  };
}
