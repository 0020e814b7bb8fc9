import type { Secrets } from '@holdfast/cloud/platform/secrets/secrets.ts';
import { type CloudSettings, cloudSettingsSchema } from '@holdfast/cloud/settings.ts';
import { fetchServiceToken, type PeerWires, wirePeers } from '@holdfast/cloud/wiring/peers.ts';
import {
  SERVICE_CLIENT_SECRET_BYTES,
  serviceClientSecretName,
} from '@holdfast/shared/contracts/service-token.ts';
import { unreachable } from '@holdfast/shared/lib/assert.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';

export interface AskingPeers {
  readonly secrets: Secrets;
  readonly runtime: Runtime;
  /** Where `auth` and the internal ports are. */
  readonly peers: Partial<CloudSettings['peers']> & { readonly auth: string };
}

/** What the wiring of a process without the target `auth`, and without peers, makes of settings. */
export function askPeers({ secrets, runtime, peers }: AskingPeers): PeerWires {
  const never = (): never => unreachable('not asked for on loopback' as never);
  return wirePeers({
    targets: [],
    settings: cloudSettingsSchema.parse({ peers }),
    runtime,
    jwks: never,
    issue: async (target) =>
      fetchServiceToken({
        url: peers.auth,
        target,
        secret: await serviceSecret(secrets, target, runtime),
        nowMs: runtime.clock.now(),
      }),
    serverCertificate: never,
    authorityCertificate: never,
  });
}

/** What a target shows to get its tokens; the processes of an installation share it. */
export function serviceSecret(
  secrets: Secrets,
  target: string,
  { random }: Pick<Runtime, 'random'>,
): Promise<Uint8Array> {
  const draw = async (): Promise<Buffer> => random.bytes(SERVICE_CLIENT_SECRET_BYTES);
  return secrets.ensure(serviceClientSecretName(target), draw);
}
