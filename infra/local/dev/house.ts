import { join } from 'node:path';
import type { ChildOptions } from './children.ts';
import type { Login } from './enrolment.ts';
import type { DevOptions } from './options.ts';
import { HOME_VARIABLE } from './run-record.ts';

/** Where everything of one development start lives and listens. */
export interface House {
  readonly root: string;
  /** `.holdfast` */
  readonly data: string;
  readonly ports: Readonly<Record<PortName, number>>;
}

export type PortName = 'http' | 'edgeLink' | 'internal' | 'sandbox' | 'mqtt' | 'pages';

/** Architecture §8: default ports, and the settings that stand behind each. */
export const PORTS: Readonly<
  Record<PortName, { standard: number; variable: string; host: string }>
> = {
  http: { standard: 8080, variable: 'HOLDFAST_HTTP_PORT', host: 'HOLDFAST_HTTP_HOST' },
  edgeLink: {
    standard: 8090,
    variable: 'HOLDFAST_EDGE_LINK_PORT',
    host: 'HOLDFAST_EDGE_LINK_HOST',
  },
  internal: {
    standard: 8091,
    variable: 'HOLDFAST_INTERNAL_PORT',
    host: 'HOLDFAST_INTERNAL_HOST',
  },
  sandbox: {
    standard: 8095,
    variable: 'HOLDFAST_PAYMENT_SANDBOX_PORT',
    host: 'HOLDFAST_PAYMENT_SANDBOX_HOST',
  },
  mqtt: { standard: 1883, variable: 'HOLDFAST_MQTT_PORT', host: 'HOLDFAST_MQTT_HOST' },
  pages: { standard: 8070, variable: 'HOLDFAST_PAGES_PORT', host: 'HOLDFAST_PAGES_HOST' },
};

export const cloudUrl = (house: House): string => `http://127.0.0.1:${house.ports.http}`;
export const docsUrl = (house: House): string => `${cloudUrl(house)}/docs`;
export const pagesUrl = (house: House): string => `http://127.0.0.1:${house.ports.pages}`;
export const mqttUrl = (house: House): string => `mqtt://127.0.0.1:${house.ports.mqtt}`;
export const shopLog = (house: House): string => join(house.data, 'shop/log.txt');

export function cloudProcess(house: House, command: readonly string[]): ChildOptions {
  return {
    name: 'cloud',
    args: [join(house.root, 'cloud/main.ts'), ...command],
    env: {
      [HOME_VARIABLE]: house.data,
      HOLDFAST_DATA_DIR: join(house.data, 'cloud'),
      HOLDFAST_HTTP_HOST: '127.0.0.1',
      HOLDFAST_HTTP_PORT: String(house.ports.http),
      HOLDFAST_EDGE_LINK_HOST: '127.0.0.1',
      HOLDFAST_EDGE_LINK_PORT: String(house.ports.edgeLink),
      HOLDFAST_INTERNAL_HOST: '127.0.0.1',
      HOLDFAST_INTERNAL_PORT: String(house.ports.internal),
      HOLDFAST_PAYMENT_SANDBOX_PORT: String(house.ports.sandbox),
      HOLDFAST_AUTH_DEVELOPMENT_USERS: 'true',
    },
    logFile: join(house.data, 'cloud/log.jsonl'),
  };
}

export function gatewayProcess(house: House, command: readonly string[]): ChildOptions {
  return {
    name: 'gateway',
    args: [join(house.root, 'edge/main.ts'), ...command],
    env: {
      [HOME_VARIABLE]: house.data,
      HOLDFAST_DATA_DIR: join(house.data, 'gateway'),
      // Where the cloud is now: since the gateway enrolled, another program may have taken a port.
      HOLDFAST_CLOUD_URL: cloudUrl(house).replace('http:', 'https:'),
      HOLDFAST_CLOUD_GRPC_URL: `127.0.0.1:${house.ports.edgeLink}`,
      HOLDFAST_MQTT_HOST: '127.0.0.1',
      HOLDFAST_MQTT_PORT: String(house.ports.mqtt),
      HOLDFAST_PAGES_HOST: '127.0.0.1',
      HOLDFAST_PAGES_PORT: String(house.ports.pages),
    },
    logFile: join(house.data, 'gateway/log.jsonl'),
  };
}

/**
 * Simulated sensors: the recording of the repository at its own speed, over and over, dated now; or
 * the one given.
 */
export function sensorsProcess(house: House, options: DevOptions): ChildOptions {
  const own = join(house.root, 'firmware-sim/recordings/cold-store.csv');
  const file = options.recording ?? own;
  const looping = options.recording === undefined ? ['--loop', '--now'] : [];
  const speed = options.speed ?? (options.recording === undefined ? '1' : '60');
  const main = join(house.root, 'firmware-sim/main.ts');
  const replay = ['replay', '--csv', file, '--speed', speed, '--url', mqttUrl(house)];
  return {
    name: 'sensors',
    args: [main, ...replay, ...looping],
    env: { [HOME_VARIABLE]: house.data },
    logFile: join(house.data, 'sensors/log.txt'),
    mayEnd: true,
  };
}

/** The scanner at the dock: what it receives and picks is the stock that can be ordered. */
export function scannerProcess(house: House): ChildOptions {
  const main = join(house.root, 'firmware-sim/main.ts');
  const run = ['run', '--scenario', 'cold-store', '--stock', 'only', '--url', mqttUrl(house)];
  return {
    name: 'scanner',
    args: [main, ...run],
    env: { [HOME_VARIABLE]: house.data },
    logFile: join(house.data, 'scanner/log.txt'),
    mayEnd: true,
  };
}

/** A customer who orders, and a storekeeper who ships what is paid. */
export function shopProcess(house: House, logins: readonly Login[]): ChildOptions {
  return {
    name: 'shop',
    args: [join(house.root, 'infra/local/shop.ts'), cloudUrl(house)],
    env: { [HOME_VARIABLE]: house.data, HOLDFAST_SHOP_LOGINS: JSON.stringify(logins) },
    logFile: shopLog(house),
    mayEnd: true,
  };
}
