import { timingSafeEqual } from 'node:crypto';
import { serviceClientSecretName } from '@holdfast/shared/contracts/service-token.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { TOKEN_TTL_SECONDS } from '@holdfast/shared/runtime/access-token.ts';
import type { Secrets } from '../platform/secrets/secrets.ts';
import type { ServiceClients } from './routes/auth-routes.ts';
import type { SigningKeys } from './signing-keys.ts';

export function createServiceClients(options: {
  readonly secrets: Secrets;
  readonly keys: Pick<SigningKeys, 'signService'>;
}): ServiceClients {
  const { secrets, keys } = options;
  return {
    async token({ client, secret }) {
      const expected = await secrets.read(serviceClientSecretName(client));
      const given = Buffer.from(secret, 'base64url');
      // 256 random bits are not guessed: there is no count of failures.
      if (expected?.byteLength !== given.byteLength || !timingSafeEqual(expected, given)) {
        throw new AppError('CREDENTIALS_WRONG', 'the client or its secret is wrong');
      }
      const accessToken = await keys.signService(client);
      return { accessToken, tokenType: 'Bearer', expiresInSeconds: TOKEN_TTL_SECONDS };
    },
  };
}
