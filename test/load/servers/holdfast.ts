import { mkdirSync } from 'node:fs';
import { VERSION } from '@holdfast/edge/version.ts';
import { COMPILE_CACHE, ROOT } from '../../e2e/process.ts';
import type { Server } from './server.ts';

/** The gateway as a site runs it, alone: not enrolled, default settings. */
export const holdfast: Server = {
  name: 'holdfast',
  settings: 'the gateway with its defaults, not enrolled: on disk and synced',
  hasKeeper: false,
  version: () => `${VERSION} on Node ${process.versions.node}`,
  start(ground, { mqtt, others }) {
    const dataDir = ground.path('gateway');
    mkdirSync(dataDir, { mode: 0o700 });
    return ground.start({
      name: 'holdfast',
      program: process.execPath,
      args: [`${ROOT}edge/main.ts`, 'run'],
      env: {
        ...withoutSettings(process.env),
        ...COMPILE_CACHE,
        HOLDFAST_DATA_DIR: dataDir,
        HOLDFAST_MQTT_PORT: String(mqtt),
        HOLDFAST_PAGES_PORT: String(others[0]),
      },
    });
  },
};

/** Settings of the person's own shell would not be the defaults. */
export function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('HOLDFAST_')));
}
