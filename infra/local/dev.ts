import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './dev/children.ts';
import { enrolOnce, type Login, readLogins } from './dev/enrolment.ts';
import {
  cloudProcess,
  cloudUrl,
  gatewayProcess,
  type House,
  mqttUrl,
  PORTS,
  type PortName,
  pagesUrl,
  sensorsProcess,
} from './dev/house.ts';
import { type DevOptions, HELP, parseOptions } from './dev/options.ts';
import { choosePort } from './dev/ports.ts';
import { waitReady } from './dev/wait.ts';

const READY_TIMEOUT_MS = 30_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const data = process.env.HOLDFAST_HOME ?? join(root, '.holdfast');
const devFile = join(data, 'dev.json');
/** What belongs to a start and is removed by --fresh. The real engines keep their data. */
const FOLDERS = ['cloud', 'gateway', 'sensors'];

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function refuseSecondStart(): void {
  if (!existsSync(devFile)) return;
  const { pid, urls } = JSON.parse(readFileSync(devFile, 'utf8')) as {
    pid: number;
    urls: { console: string };
  };
  if (!isAlive(pid)) return;
  throw new Error(`already running as process ${pid}: ${urls.console}; stop it with Ctrl-C there`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch {
    return false; // ESRCH: the last start is gone.
  }
}

async function choosePorts(): Promise<House['ports']> {
  const taken = new Set<number>();
  const ports: Partial<Record<PortName, number>> = {};
  for (const name of Object.keys(PORTS) as PortName[]) {
    const { standard, variable } = PORTS[name];
    const choice = await choosePort(Number(process.env[variable] ?? standard), taken);
    if (choice.busy) say(`port ${choice.busy} is in use, ${choice.port} is taken (${variable})`);
    taken.add(choice.port);
    ports[name] = choice.port;
  }
  return ports as House['ports'];
}

async function startHouse(house: House, options: DevOptions, children: Child[]): Promise<Login[]> {
  const start = (child: Parameters<typeof startChild>[0]): Child => {
    const started = startChild(child, say);
    children.push(started);
    return started;
  };
  const cloud = cloudProcess(house, ['run', '--target=all']);
  say('starting the cloud ...');
  const wait = { logFile: cloud.logFile, timeoutMs: READY_TIMEOUT_MS };
  await waitReady(`${cloudUrl(house)}/readyz`, start(cloud), wait);
  const logins = await readLogins(house);
  const administrator = logins.find((login) => login.username === 'admin');
  if (!administrator) throw new Error('the cloud made no development administrator');
  await enrolOnce(house, administrator);
  const gateway = gatewayProcess(house, ['run']);
  say('starting the gateway ...');
  const gatewayWait = { logFile: gateway.logFile, timeoutMs: READY_TIMEOUT_MS };
  await waitReady(`${pagesUrl(house)}/readyz`, start(gateway), gatewayWait);
  if (options.simulate) start(sensorsProcess(house, options));
  return [...logins];
}

function writeDevFile(house: House, logins: readonly Login[], children: readonly Child[]): void {
  const pids = Object.fromEntries(children.map((child) => [child.name, child.pid()]));
  const urls = {
    console: `${cloudUrl(house)}/console/`,
    cloud: cloudUrl(house),
    mqtt: mqttUrl(house),
    gateway: pagesUrl(house),
  };
  const text = JSON.stringify(
    { pid: process.pid, urls, ports: house.ports, pids, logins },
    null,
    2,
  );
  writeFileSync(`${devFile}.new`, `${text}\n`, { mode: 0o600 });
  renameSync(`${devFile}.new`, devFile);
}

function readyBlock(house: House, logins: readonly Login[]): string {
  const lines = [
    'READY',
    `  console   ${cloudUrl(house)}/console/`,
    `  MQTT      ${mqttUrl(house)}`,
    `  gateway   ${pagesUrl(house)}/v1/status`,
    ...logins.map((login) => `  login     ${login.username} / ${login.password}`),
    `  try       mosquitto_pub -p ${house.ports.mqtt} -q 1 -t devices/demo/telemetry/temperature -m 21.5`,
    '  stop      Ctrl-C; what was stored stays in .holdfast/',
  ];
  return lines.join('\n');
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return;
  }
  if (options.recording && !existsSync(resolve(options.recording))) {
    throw new Error(`there is no recording at ${resolve(options.recording)} (--recording)`);
  }
  refuseSecondStart();
  if (options.fresh) {
    for (const folder of FOLDERS) rmSync(join(data, folder), { recursive: true, force: true });
  }
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const house: House = { root, data, ports: await choosePorts() };
  const children: Child[] = [];
  const stop = stopper(children);
  try {
    const logins = await startHouse(house, options, children);
    writeDevFile(house, logins, children);
    process.stdout.write(`${readyBlock(house, logins)}\n`);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Stops in reverse order, once, whatever asks for it. */
function stopper(children: readonly Child[]): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    for (const child of children.toReversed()) await child.stop();
    rmSync(devFile, { force: true });
  };
  const stop = (): Promise<void> => {
    stopping ??= stopAll();
    return stopping;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      say('stopping ...');
      void stop().then(() => process.exit(0));
    });
  }
  return stop;
}

try {
  await main();
} catch (error) {
  say(`holdfast: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
