import { writeFileSync } from 'node:fs';
import { findProgram, packageVersion } from './debian.ts';
import type { Server } from './server.ts';

const PACKAGE = 'nats-server';

export const nats: Server = {
  name: 'nats',
  debianPackage: PACKAGE,
  settings: 'JetStream and MQTT, sync_interval default, a durable session away: in the page cache',
  hasKeeper: true,
  version: () => (findProgram('nats-server') ? packageVersion(PACKAGE) : undefined),
  start(ground, { mqtt, others }) {
    const file = ground.path('nats.conf');
    writeFileSync(
      file,
      `listen: "127.0.0.1:${others[0]}"
server_name: bench
jetstream { store_dir: "${ground.path('nats')}" }
mqtt { listen: "127.0.0.1:${mqtt}" }
`,
    );
    return ground.start({ name: 'nats', program: findProgram('nats-server')!, args: ['-c', file] });
  },
};
