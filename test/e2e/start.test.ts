import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { ROOT } from './process.ts';

const READY_TIMEOUT_MS = 90_000;
const END_TIMEOUT_MS = 30_000;
/** The first customers come before the first goods; each looks a few seconds after the last. */
const SHOP_TIMEOUT_MS = 90_000;

let home: string;
let ports: { http: number; edgeLink: number; mqtt: number; pages: number };
let started: Start | undefined;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
  const [http, edgeLink, mqtt, pages] = (await freePorts(4)) as [number, number, number, number];
  ports = { http, edgeLink, mqtt, pages };
});
afterEach(async () => {
  await started?.signal('SIGTERM');
});
afterAll(() => {
  // What a failed test left running.
  for (const pid of existsSync(processesFile()) ? childPids() : []) {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  }
  rmSync(home, { recursive: true, force: true });
});

interface DevFile {
  readonly pid: number;
  readonly urls: Readonly<Record<'console' | 'docs' | 'cloud' | 'mqtt' | 'gateway', string>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly pids: Readonly<Record<string, number>>;
  readonly logins: readonly { readonly username: string; readonly password: string }[];
}

/** One `npm start`, without the bootstrap before it. */
class Start {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, ['infra/local/dev.ts', ...args], {
      cwd: ROOT,
      env: {
        ...process.env,
        HOLDFAST_HOME: home,
        HOLDFAST_HTTP_PORT: String(ports.http),
        HOLDFAST_EDGE_LINK_PORT: String(ports.edgeLink),
        HOLDFAST_MQTT_PORT: String(ports.mqtt),
        HOLDFAST_PAGES_PORT: String(ports.pages),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout!.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.#child.stderr!.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async ready(): Promise<DevFile> {
    await eventually(
      `READY after:\n${this.stderr}`,
      () => {
        if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.stderr}`);
        return /^READY$/m.test(this.stdout);
      },
      READY_TIMEOUT_MS,
    );
    return devFile();
  }

  /** The exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  signal(name: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(name);
    return this.#ended;
  }
}

const devFilePath = (): string => join(home, 'dev.json');
const devFile = (): DevFile => JSON.parse(readFileSync(devFilePath(), 'utf8')) as DevFile;

const processesFile = (): string => join(home, 'processes.json');

/** The children of the last start, also before READY. */
function childPids(): number[] {
  const { children } = JSON.parse(readFileSync(processesFile(), 'utf8')) as {
    children: Record<string, { pid: number }>;
  };
  return Object.values(children).map(({ pid }) => pid);
}

function start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Start {
  started = new Start(args, env);
  return started;
}

/** Whether the process runs; one that has ended and was not waited for does not. */
function isAlive(pid: number): boolean {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
    } catch {
      return false;
    }
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const gone = (pids: readonly number[]): Promise<true> =>
  eventually(
    `the end of ${pids}`,
    () => (pids.some(isAlive) ? undefined : (true as const)),
    END_TIMEOUT_MS,
  );

async function answerOf<T>(url: string, init: RequestInit): Promise<T> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

let session: { readonly file: DevFile; readonly authorization: string } | undefined;

/** An answer of the API for the administrator of `dev.json`, who signs in once: it is limited. */
async function api<T>(file: DevFile, path: string): Promise<T> {
  if (session?.file !== file) {
    const admin = file.logins.find(({ username }) => username === 'admin');
    const { accessToken } = await answerOf<{ accessToken: string }>(
      `${file.urls.cloud}/v1/auth/token`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(admin),
      },
    );
    session = { file, authorization: `Bearer ${accessToken}` };
  }
  const { authorization } = session;
  return answerOf<T>(file.urls.cloud + path, { headers: { authorization } });
}

interface List<T> {
  readonly items: readonly T[];
}
interface Gateway {
  readonly id: string;
  readonly state: string;
  readonly lanes: readonly { readonly lane: string; readonly cloud: { readonly held: number } }[];
}

const deviceIds = async (file: DevFile): Promise<readonly string[]> => {
  const { items } = await api<List<{ id: string }>>(file, '/v1/devices?limit=100');
  return items.map(({ id }) => id);
};

const connectedGateway = (file: DevFile): Promise<Gateway> =>
  eventually('a connected gateway', async () => {
    const { items } = await api<List<Gateway>>(file, '/v1/gateways');
    return items.find(({ state }) => state === 'connected');
  });

/** The scripted customer's order, from stock that the scanner received, was paid and shipped. */
async function expectWorkingShop(file: DevFile): Promise<void> {
  const fulfilled = await eventually(
    'an order that is fulfilled',
    async () => {
      const { items } = await api<List<Order>>(file, '/v1/orders?state=fulfilled');
      return items[0];
    },
    SHOP_TIMEOUT_MS,
  );
  // Nobody but the gateway's scanner tells of stock here, and nothing is sold that it did not tell.
  const { items } = await api<List<Gateway>>(file, '/v1/gateways');
  const stock = items.flatMap(({ lanes }) => lanes.filter(({ lane }) => lane === 'stock'));
  expect(stock.map(({ cloud }) => cloud.held > 0)).toEqual([true]);
  for (const { item } of fulfilled.lines) {
    const levels = await api<List<object>>(file, `/v1/stock?item=${item}`);
    expect(levels.items).toMatchObject([{ site: fulfilled.sites[0], frozen: false }]);
  }
  const { story } = await api<{ story: readonly StoryEntry[] }>(
    file,
    `/v1/orders/${fulfilled.id}/why`,
  );
  const types = story.flatMap(({ type }) => type ?? []);
  const states = ['placed', 'reserved', 'authorised', 'confirmed'];
  expect(types.slice(0, 4)).toEqual(states.map((state) => `order.${state}.v1`));
  expect(types.at(-1)).toBe('order.fulfilled.v1');
}

interface Order {
  readonly id: string;
  readonly sites: readonly string[];
  readonly lines: readonly { readonly item: string }[];
}
interface StoryEntry {
  readonly type?: string;
}

let firstGateway: Gateway;

describe('npm start', () => {
  it('prints one block with READY, readings come in, and the shop sells and ships', async () => {
    const run = start();
    const file = await run.ready();
    const { console, docs, cloud, mqtt } = file.urls;
    expect(run.stdout).toMatch(/^READY\n( {2}\S.*\n)+$/);
    for (const word of [console, docs, mqtt, ...file.logins.map(({ password }) => password)]) {
      expect(run.stdout).toContain(word);
    }
    expect([cloud, mqtt]).toEqual([
      `http://127.0.0.1:${ports.http}`,
      `mqtt://127.0.0.1:${ports.mqtt}`,
    ]);
    expect(file.pid).toBe(run.pid);
    expect(Object.keys(file.pids)).toEqual(['cloud', 'gateway', 'sensors', 'scanner', 'shop']);
    expect(statSync(devFilePath()).mode & 0o777).toBe(0o600);
    await eventually('readings of the recording', async () =>
      (await deviceIds(file)).some((id) => id.startsWith('cold-01-')),
    );
    for (const page of [console, docs]) {
      expect((await fetch(page)).headers.get('content-type')).toMatch(/^text\/html/);
    }
    await expectWorkingShop(file);
    firstGateway = await connectedGateway(file);

    const second = new Start();
    expect(await second.ended()).toBe(1);
    expect(second.stderr).toContain(`already running as process ${run.pid}: ${console}`);
    expect(devFile()).toEqual(file);

    expect(await run.signal('SIGTERM')).toBe(0);
    await gone(Object.values(file.pids));
    expect(existsSync(devFilePath())).toBe(false);
  });

  it('takes the next port when one is in use, says so, and goes on with what it had', async () => {
    const busy = [createServer(), createServer()];
    const busyPorts = [ports.http, ports.edgeLink];
    for (const [at, server] of busy.entries()) {
      await new Promise<void>((resolve) => server.listen(busyPorts[at], '127.0.0.1', resolve));
    }
    const csv = join(home, 'tiny.csv');
    const rows = ['2026-01-05T06:00:00Z,lab-7,ph,6.9', '2026-01-05T06:00:01Z,lab-7,ph,7.1'];
    writeFileSync(csv, ['ts_iso,device,metric,value', ...rows, ''].join('\n'));
    const run = start(['--recording', csv, '--speed', 'max']);
    const file = await run.ready();
    for (const server of busy) server.close();
    expect(run.stderr).toContain(
      `port ${ports.http} is in use, ${file.ports['http']} is taken (HOLDFAST_HTTP_PORT)`,
    );
    expect(run.stderr).toMatch(/port \d+ is in use, \d+ is taken \(HOLDFAST_EDGE_LINK_PORT\)/);
    expect(file.ports['http']).not.toBe(ports.http);

    await eventually('the device of --recording', async () => {
      const ids = await deviceIds(file);
      return ids.includes('lab-7') && ids.some((id) => id.startsWith('cold-01-'));
    });
    const { metrics } = await api<{ metrics: readonly { metric: string; value: number }[] }>(
      file,
      '/v1/devices/lab-7/latest',
    );
    expect(metrics).toMatchObject([{ metric: 'ph', value: 7.1 }]);
    expect((await connectedGateway(file)).id).toBe(firstGateway.id);
  });

  it('stops what a killed start left, and --fresh starts empty', async () => {
    const killed = start(['--no-simulation']);
    const left = Object.values((await killed.ready()).pids);
    expect(left).toHaveLength(2);
    await killed.signal('SIGKILL');
    expect(left.filter(isAlive)).toEqual(left);

    const run = start(['--fresh', '--no-simulation']);
    const file = await run.ready();
    expect(left.filter(isAlive)).toEqual([]);
    expect(run.stderr).toMatch(/stopping the gateway that an earlier start left \(process \d+\)/);
    expect((await connectedGateway(file)).id).not.toBe(firstGateway.id);
    expect(await deviceIds(file)).toEqual([]);
    expect(await run.signal('SIGINT')).toBe(0);
    await gone(Object.values(file.pids));
  });

  it('stops in mid-start without leaving anything', async () => {
    const run = start();
    const children = await eventually('the first child', () => {
      const pids = childPids();
      return pids.length > 0 && pids;
    });
    expect(await run.signal('SIGINT')).toBe(0);
    await gone(children);
    expect(run.stdout).toBe('');
    expect(existsSync(processesFile())).toBe(false);
  });

  it.for([
    ['HOLDFAST_HTTP_HOST', '0.0.0.0', /listens on 127\.0\.0\.1 only, and HOLDFAST_HTTP_HOST is 0/],
    ['HOLDFAST_MQTT_HOST', '::', /listens on 127\.0\.0\.1 only, and HOLDFAST_MQTT_HOST is ::/],
    ['HOLDFAST_MQTT_PORT', 'high', /HOLDFAST_MQTT_PORT=high is no port/],
  ] as const)('refuses %s=%s', async ([variable, value, reason]) => {
    const run = start([], { [variable]: value });
    expect(await run.ended()).toBe(1);
    expect(run.stderr).toMatch(reason);
    expect(run.stdout).toBe('');
  });

  it('names a recording that is not there', async () => {
    const run = start(['--recording', 'nowhere.csv']);
    expect(await run.ended()).toBe(1);
    expect(run.stderr).toMatch(/there is no recording at .*nowhere\.csv \(--recording\)/);
  });
});
