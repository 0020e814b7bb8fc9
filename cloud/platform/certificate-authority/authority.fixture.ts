import { join } from 'node:path';
import { type Clock, systemClock } from '@holdfast/shared/runtime/clock.ts';
import { systemRandom } from '@holdfast/shared/runtime/random.ts';
import { openFileSecrets } from '../secrets/secrets.file.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { openX509Authority } from './certificate-authority.x509.ts';
import { issueServerCertificate, type ServerCertificate } from './server-certificate.ts';

export type { ServerCertificate };

/** `place` is a folder, empty at first; opening it again gives the same authority. */
export function openAuthorityIn(place: string, clock: Clock): Promise<CertificateAuthority> {
  const secrets = openFileSecrets({ dir: join(place, 'secrets'), runtime: { clock } });
  return openX509Authority({ secrets, clock, random: systemRandom });
}

/** For a server on loopback that real TLS clients talk to. */
export async function serverCertificateIn(place: string): Promise<ServerCertificate> {
  return issueServerCertificate(await openAuthorityIn(place, systemClock), { names: [] });
}
