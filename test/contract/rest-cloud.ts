import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken, type TokenChanges } from '@holdfast/cloud/auth/tokens.fixture.ts';
import type { Document } from '@holdfast/cloud/platform/http/document.fixture.ts';
import { openFileSecrets } from '@holdfast/cloud/platform/secrets/secrets.file.ts';
import { startCloud } from '@holdfast/cloud/process.ts';
import { cloudSettingsSchema } from '@holdfast/cloud/settings.ts';
import { TARGET_NAMES } from '@holdfast/cloud/targets.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';

/** The whole cloud in this process, as `run --target=all` starts it, on data of its own. */
export interface RestCloud {
  readonly url: string;
  readonly document: Document;
  /** An access token, signed with the cloud's key. */
  tokenOf(principal: Principal, changes?: TokenChanges): Promise<string>;
  close(): Promise<void>;
}

export async function openRestCloud(): Promise<RestCloud> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-rest-'));
  const runtime = testRuntime();
  const settings = cloudSettingsSchema.parse({
    dataDir,
    http: { port: 0 },
    edgeLink: { port: 0 },
    internal: { port: 0 },
    paymentSandbox: { port: 0 },
  });
  const cloud = await startCloud({ targets: TARGET_NAMES, settings, runtime });
  const url = `http://127.0.0.1:${cloud.httpPort}`;
  const secrets = openFileSecrets({ dir: join(dataDir, 'secrets'), runtime });
  return {
    url,
    document: await (await fetch(`${url}/openapi.json`)).json(),
    tokenOf: (principal, changes) => signToken(secrets, principal, changes),
    async close() {
      await cloud.stop();
      await secrets.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
