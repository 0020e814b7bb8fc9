import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Server } from './server.ts';

const BROKER = fileURLToPath(new URL('aedes-broker.ts', import.meta.url));

/** Bare Aedes, the very copy that the gateway stands on: what ours costs on top of it. */
export const aedes: Server = {
  name: 'aedes',
  settings: 'defaults: in memory',
  hasKeeper: false,
  version() {
    const entry = fileURLToPath(import.meta.resolve('aedes'));
    const manifest = readFileSync(join(dirname(entry), 'package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    return `${version} on Node ${process.versions.node}`;
  },
  start(ground, { mqtt }) {
    return ground.start({ name: 'aedes', program: process.execPath, args: [BROKER, String(mqtt)] });
  },
};
