import { writeFileSync } from 'node:fs';
import type { Ground } from '../ground.ts';
import { findProgram, packageVersion } from './debian.ts';
import type { Server } from './server.ts';

const PACKAGE = 'rabbitmq-server';
/** Debian's own `rabbitmq-server` in /usr/sbin changes the user; the one below it does not. */
const FOLDERS = ['/usr/lib/rabbitmq/bin'];

export const rabbitmq: Server = {
  name: 'rabbitmq',
  debianPackage: PACKAGE,
  settings: 'MQTT plug-in, a durable session away (classic queue): on disk',
  hasKeeper: true,
  version: () => (findProgram('rabbitmq-server', FOLDERS) ? packageVersion(PACKAGE) : undefined),
  start(ground, { mqtt, others: [amqp, distribution, names] }) {
    const config = ground.path('rabbitmq.conf');
    const plugins = ground.path('enabled_plugins');
    writeFileSync(
      config,
      `listeners.tcp.1 = 127.0.0.1:${amqp}
mqtt.listeners.tcp.1 = 127.0.0.1:${mqtt}
mqtt.allow_anonymous = true
`,
    );
    writeFileSync(plugins, '[rabbitmq_mqtt].\n');
    const env = {
      ...process.env,
      HOME: ground.dir,
      ERL_EPMD_PORT: String(names),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `holdfast-bench-${process.pid}@localhost`,
      RABBITMQ_MNESIA_BASE: ground.path('mnesia'),
      RABBITMQ_LOG_BASE: ground.path('log'),
      RABBITMQ_PID_FILE: ground.path('rabbitmq.pid'),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_CONFIG_FILE: config,
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    };
    startNameServer(ground, env);
    const program = findProgram('rabbitmq-server', FOLDERS)!;
    return ground.start({ name: 'rabbitmq', program, args: [], env });
  },
};

/** Erlang would start one by itself, and leave it running. */
function startNameServer(ground: Ground, env: NodeJS.ProcessEnv): void {
  const program = findProgram('epmd');
  if (program) ground.start({ name: 'epmd', program, args: [], env });
}
