import { existsSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ChildOptions, type Children, createChildren } from './dev/children.ts';
import { enrolOnce, isEnrolled, type Login, readLogins } from './dev/enrolment.ts';
import {
  cloudProcess,
  cloudUrl,
  docsUrl,
  gatewayProcess,
  type House,
  mqttUrl,
  PORTS,
  type PortName,
  pagesUrl,
  scannerProcess,
  sensorsProcess,
  shopLog,
  shopProcess,
} from './dev/house.ts';
import { type DevOptions, HELP, parseOptions } from './dev/options.ts';
import { choosePort, wantedPort } from './dev/ports.ts';
import { type DevFile, takeFolder } from './dev/run-record.ts';
import { waitReady } from './dev/wait.ts';

const READY_TIMEOUT_MS = 30_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const data = resolve(process.env.HOLDFAST_HOME ?? join(root, '.holdfast'));
/** What belongs to a start and is removed by --fresh. The real engines keep their data. */
const FOLDERS = ['cloud', 'gateway', 'sensors', 'scanner', 'shop'];

const DEMO_TOPIC = 'devices/demo/telemetry/temperature';

// Compiled code is kept between starts: each of the children starts in half the time.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules/.cache/node');

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/**
 * What starts here has development logins and no passwords for devices: it must not be seen from
 * another machine.
 */
function refuseOtherHosts(): void {
  for (const { host } of Object.values(PORTS)) {
    const wanted = process.env[host] ?? '127.0.0.1';
    if (wanted === '127.0.0.1' || wanted === 'localhost') continue;
    throw new Error(
      `npm start listens on 127.0.0.1 only, and ${host} is ${wanted}; unset it, ` +
        'or run holdfast-cloud and holdfast-gateway with settings of their own',
    );
  }
}

async function choosePorts(): Promise<House['ports']> {
  const taken = new Set<number>();
  const ports: Partial<Record<PortName, number>> = {};
  for (const name of Object.keys(PORTS) as PortName[]) {
    const { standard, variable } = PORTS[name];
    const choice = await choosePort(wantedPort(variable, standard), taken);
    if (choice.busy) say(`port ${choice.busy} is in use, ${choice.port} is taken (${variable})`);
    taken.add(choice.port);
    ports[name] = choice.port;
  }
  return ports as House['ports'];
}

async function startHouse(
  house: House,
  options: DevOptions,
  children: Children,
): Promise<readonly Login[]> {
  const startAndWait = async (child: ChildOptions, url: string): Promise<void> => {
    say(`starting the ${child.name} ...`);
    const started = children.start(child);
    const { logFile } = child;
    await waitReady(`${url}/readyz`, started, { logFile, timeoutMs: READY_TIMEOUT_MS });
  };
  const cloud = startAndWait(cloudProcess(house, ['run', '--target=all']), cloudUrl(house));
  const startGateway = () => startAndWait(gatewayProcess(house, ['run']), pagesUrl(house));
  // A gateway that is enrolled waits for nobody: it takes messages while the cloud still starts.
  if (isEnrolled(house)) {
    const [logins] = await Promise.all([cloud.then(() => readLogins(house)), startGateway()]);
    if (options.simulate) startSimulation(house, { options, logins, children });
    return logins;
  }
  await cloud;
  const logins = await readLogins(house);
  const administrator = logins.find((login) => login.username === 'admin');
  if (!administrator) throw new Error('the cloud made no development administrator');
  await enrolOnce(house, administrator);
  await startGateway();
  if (options.simulate) startSimulation(house, { options, logins, children });
  return logins;
}

function startSimulation(
  house: House,
  what: { options: DevOptions; logins: readonly Login[]; children: Children },
): void {
  const { options, logins, children } = what;
  children.start(sensorsProcess(house, options));
  children.start(scannerProcess(house));
  children.start(shopProcess(house, logins));
}

function devFileOf(house: House, logins: readonly Login[]): DevFile {
  const urls = {
    console: `${cloudUrl(house)}/console/`,
    docs: docsUrl(house),
    cloud: cloudUrl(house),
    mqtt: mqttUrl(house),
    gateway: pagesUrl(house),
  };
  return { urls, ports: house.ports, logins };
}

function readyBlock(
  house: House,
  { options, logins }: { readonly options: DevOptions; readonly logins: readonly Login[] },
): string {
  const shop = `  shop      a customer orders and a storekeeper ships: ${shopLog(house)}`;
  const lines = [
    'READY',
    `  console   ${cloudUrl(house)}/console/`,
    `  API       ${docsUrl(house)}`,
    ...(options.simulate ? [shop] : []),
    `  MQTT      ${mqttUrl(house)}`,
    `  gateway   ${pagesUrl(house)}/v1/status`,
    ...logins.map((login) => `  login     ${login.username} / ${login.password}`),
    `  try       mosquitto_pub -p ${house.ports.mqtt} -q 1 -t ${DEMO_TOPIC} -m 21.5`,
    `  stop      Ctrl-C; what was stored stays in ${data}`,
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
  refuseOtherHosts();
  const record = await takeFolder(data, say);
  const children = createChildren({ say, started: record.started });
  const stop = async (): Promise<void> => {
    await children.stop();
    record.remove();
  };
  stopOnSignals(stop);
  try {
    if (options.fresh) {
      for (const folder of FOLDERS) rmSync(join(data, folder), { recursive: true, force: true });
    }
    const house: House = { root, data, ports: await choosePorts() };
    const logins = await startHouse(house, options, children);
    if (children.isStopping) return;
    record.ready(devFileOf(house, logins));
    process.stdout.write(`${readyBlock(house, { options, logins })}\n`);
  } catch (error) {
    const isAsked = children.isStopping;
    await stop();
    if (!isAsked) throw error;
  }
}

function stopOnSignals(stop: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      say('stopping ...');
      void stop().then(() => process.exit(0));
    });
  }
}

// A terminal that was closed takes no more lines, and must not keep us from stopping the children.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

try {
  await main();
} catch (error) {
  say(`holdfast: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
