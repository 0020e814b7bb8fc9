import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { CertificateAuthority } from '../platform/certificate-authority/certificate-authority.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import type { Kv } from '../platform/kv/kv.ts';
import type { Objects } from '../platform/objects/objects.ts';
import type { Secrets } from '../platform/secrets/secrets.ts';
import type { CloudSettings } from '../settings.ts';

/** What a test may put between a port and its users. */
export interface Decoration {
  readonly eventLog?: (log: EventLog) => EventLog;
  readonly sql?: (open: OpenSql) => OpenSql;
}

/** Each port, opened by whoever needs it first. */
export interface Ports {
  sql(): Promise<OpenSql>;
  eventLog(): Promise<EventLog>;
  kv(): Promise<Kv>;
  objects(): Promise<Objects>;
  secrets(): Promise<Secrets>;
  authority(): Promise<CertificateAuthority>;
  policy(): Promise<Policy>;
  close(): Promise<void>;
}

/** Each port once, when it is first asked for. */
export function createPorts(wires: {
  settings: CloudSettings;
  runtime: Runtime;
  decoration?: Decoration;
}): Ports {
  const { settings, runtime, decoration = {} } = wires;
  const opened: { close(): Promise<void> }[] = [];
  const once = <T>(open: () => Promise<T>): (() => Promise<T>) => {
    let port: Promise<T> | undefined;
    return () => {
      port ??= open();
      return port;
    };
  };
  const sql = once(async () => {
    const open = await openSqlPort(settings, runtime);
    return decoration.sql?.(open) ?? open;
  });
  const eventLog = once(async () => {
    const { openEmbeddedLog } = await import('../platform/event-log/event-log.embedded.ts');
    const dir = settings.eventLog.dir ?? join(settings.dataDir, 'event-log');
    const { leaseMs } = settings.eventLog;
    const log = await openEmbeddedLog({ dir, runtime, leaseMs, writes: 'thread' });
    opened.push(log);
    return decoration.eventLog?.(log) ?? log;
  });
  // Of this process alone: what two of them would have to share is not kept in it.
  const kv = once(async () => {
    const { openMemoryKv } = await import('../platform/kv/kv.memory.ts');
    const port = openMemoryKv({ runtime });
    opened.push(port);
    return port;
  });
  const objects = once(async () => {
    const { openFolderObjects } = await import('../platform/objects/objects.folder.ts');
    const dir = settings.objects.dir ?? join(settings.dataDir, 'objects');
    const port = await openFolderObjects({ dir, runtime });
    opened.push(port);
    return port;
  });
  const secrets = once(async () => {
    const port = await openSecretsPort(settings, runtime);
    opened.push(port);
    return port;
  });
  const authority = once(async () => {
    const { openX509Authority } = await import(
      '../platform/certificate-authority/certificate-authority.x509.ts'
    );
    return openX509Authority({
      secrets: await secrets(),
      clock: runtime.clock,
      random: runtime.random,
    });
  });
  const policy = once(async () => {
    const { openWasmPolicy } = await import('@holdfast/shared/platform/policy/policy.wasm.ts');
    const folder = fileURLToPath(new URL('../../policies/bundle', import.meta.url));
    return openWasmPolicy({ folder, runtime });
  });
  const close = async (): Promise<void> => {
    for (const port of opened.toReversed()) await port.close();
  };
  return { sql, eventLog, kv, objects, secrets, authority, policy, close };
}

export async function openSecretsPort(
  settings: CloudSettings,
  runtime: Pick<Runtime, 'clock'>,
): Promise<Secrets> {
  const { openFileSecrets } = await import('../platform/secrets/secrets.file.ts');
  const dir = settings.secrets.dir ?? join(settings.dataDir, 'secrets');
  return openFileSecrets({ dir, runtime });
}

export async function openSqlPort(settings: CloudSettings, runtime: Runtime): Promise<OpenSql> {
  const { secretUrl, poolMax } = settings.sql;
  if (secretUrl) {
    const { openPostgresSql } = await import('@holdfast/shared/platform/sql/sql.postgres.ts');
    return openPostgresSql({ url: secretUrl, poolMax, rt: runtime });
  }
  const { openSqliteSql } = await import('@holdfast/shared/platform/sql/sql.sqlite.ts');
  return openSqliteSql({ dir: join(settings.dataDir, 'sql'), rt: runtime });
}
