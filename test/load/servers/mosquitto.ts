import { mkdirSync, writeFileSync } from 'node:fs';
import type { Ground, Started } from '../ground.ts';
import { findProgram, packageVersion } from './debian.ts';
import type { Server } from './server.ts';

const PACKAGE = 'mosquitto';

export const mosquitto: Server = {
  name: 'mosquitto',
  debianPackage: PACKAGE,
  settings: 'defaults: in memory',
  hasKeeper: false,
  version,
  start: (ground, { mqtt }) => startWith(ground, mqtt, []),
};

export const mosquittoAutosave: Server = {
  name: 'mosquitto-autosave',
  debianPackage: PACKAGE,
  settings:
    'persistence, autosave_on_changes, autosave_interval 1, max_queued_messages 0, ' +
    'a durable session away: the whole file written after changes, not before the PUBACK',
  hasKeeper: true,
  version,
  start(ground, { mqtt }) {
    mkdirSync(ground.path('mosquitto'));
    return startWith(ground, mqtt, [
      'persistence true',
      `persistence_location ${ground.path('mosquitto')}/`,
      'autosave_on_changes true',
      'autosave_interval 1',
      'max_queued_messages 0',
    ]);
  },
};

function version(): string | undefined {
  return findProgram('mosquitto') ? packageVersion(PACKAGE) : undefined;
}

function startWith(ground: Ground, port: number, settings: readonly string[]): Started {
  const file = ground.path('mosquitto.conf');
  // Started by root it would become another user, who may not write into the temp folder.
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'user root', ...settings];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return ground.start({
    name: 'mosquitto',
    program: findProgram('mosquitto')!,
    args: ['-c', file],
  });
}
