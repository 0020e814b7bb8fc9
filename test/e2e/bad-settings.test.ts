import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from './free-ports.ts';
import { type RunResult, runEntry } from './house.ts';

const CLOUD = ['cloud/main.ts', 'run', '--target=all'] as const;
const GATEWAY = ['edge/main.ts', 'run'] as const;
type Binary = typeof CLOUD | typeof GATEWAY;
const BINARIES: readonly { readonly name: string; readonly binary: Binary }[] = [
  { name: 'holdfast-cloud', binary: CLOUD },
  { name: 'holdfast-gateway', binary: GATEWAY },
];

let dir: string;
let taken: Server;
let takenPort: number;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-settings-'));
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  takenPort = (taken.address() as AddressInfo).port;
});
afterAll(() => {
  taken?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs a binary that is expected to end by itself; its other ports are free ones. */
async function run(
  [entry, ...args]: Binary,
  more: { args?: readonly string[]; env?: Readonly<Record<string, string>> },
): Promise<RunResult> {
  const [http, edgeLink, mqtt, pages] = await freePorts(4);
  return runEntry(entry, [...args, ...(more.args ?? [])], {
    HOLDFAST_DATA_DIR: mkdtempSync(join(dir, 'data-')),
    HOLDFAST_HTTP_PORT: String(http),
    HOLDFAST_EDGE_LINK_PORT: String(edgeLink),
    HOLDFAST_INTERNAL_PORT: '0',
    HOLDFAST_PAYMENT_SANDBOX_PORT: '0',
    HOLDFAST_MQTT_PORT: String(mqtt),
    HOLDFAST_PAGES_PORT: String(pages),
    ...more.env,
  });
}

function configFile(text: string): string {
  const file = join(mkdtempSync(join(dir, 'config-')), 'holdfast.yaml');
  writeFileSync(file, text);
  return file;
}

describe.for(BINARIES)('$name ends with code 2 and names', ({ binary }) => {
  const withConfig = (text: string) => {
    const file = configFile(text);
    return run(binary, { args: ['--config', file] }).then((result) => ({ ...result, file }));
  };

  it('the line of a config file that is no YAML', async () => {
    const { code, stderr, file } = await withConfig('logLevel: info\ntracing: [\n');
    expect(code).toBe(2);
    expect(stderr).toContain(`CONFIG_INVALID: ${file} is not valid YAML`);
    expect(stderr).toMatch(/at line \d, column \d/);
  });

  it('each unknown setting with its line', async () => {
    const { code, stderr, file } = await withConfig(
      'logLevel: info\nlogFile: x\ntracing:\n  colour: red\n',
    );
    expect(code).toBe(2);
    expect(stderr).toContain(`logFile (${file} line 2): there is no such setting`);
    expect(stderr).toContain(`tracing.colour (${file} line 4): there is no such setting`);
  });

  it('a setting with a wrong value, and its line', async () => {
    const { code, stderr, file } = await withConfig('# what is logged\nlogLevel: loud\n');
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`logLevel \\(${file} line 2\\): .*info`));
  });

  it('a variable with a wrong value, and one that is no setting', async () => {
    const env = { HOLDFAST_LOG_LEVEL: 'loud', HOLDFAST_TRACING_COLOUR: 'red' };
    const { code, stderr } = await run(binary, { env });
    expect(code).toBe(2);
    expect(stderr).toMatch(/logLevel \(HOLDFAST_LOG_LEVEL\): /);
    expect(stderr).toContain('HOLDFAST_TRACING_COLOUR: there is no such setting');
  });

  it('a config file that is not there', async () => {
    const { code, stderr } = await run(binary, { args: ['--config', '/nowhere/holdfast.yaml'] });
    expect(code).toBe(2);
    expect(stderr).toMatch(/cannot read the config file \/nowhere\/holdfast\.yaml/);
  });
});

it('an unknown target is named, with those that there are', async () => {
  const { code, stderr } = await runEntry('cloud/main.ts', ['run', '--target=telemetri'], {});
  expect(code).toBe(2);
  expect(stderr).toMatch(/there is no target "telemetri"/);
  for (const target of ['edge-link', 'auth', 'telemetry', 'console']) {
    expect(stderr).toMatch(new RegExp(`^${target} `, 'm'));
  }
});

it.for([
  { binary: CLOUD, variable: 'HOLDFAST_HTTP_PORT', setting: 'http.port' },
  { binary: CLOUD, variable: 'HOLDFAST_EDGE_LINK_PORT', setting: 'edgeLink.port' },
  { binary: GATEWAY, variable: 'HOLDFAST_MQTT_PORT', setting: 'mqtt.port' },
  { binary: GATEWAY, variable: 'HOLDFAST_PAGES_PORT', setting: 'pages.port' },
])('a port in use is named with its setting: $setting', async ({ binary, variable, setting }) => {
  const { code, stderr } = await run(binary, { env: { [variable]: String(takenPort) } });
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`PORT_IN_USE: .*127\\.0\\.0\\.1:${takenPort}`));
  expect(stderr).toMatch(new RegExp(`choose another .*port with the setting ${setting}`));
});

it.for([
  { binary: CLOUD, file: 'sql/order.sqlite' },
  { binary: CLOUD, file: 'event-log/groups.db' },
  { binary: GATEWAY, file: 'sessions.sqlite' },
])(
  'a file that cannot be opened is named, and the process ends: $file',
  async ({ binary, file }) => {
    const dataDir = mkdtempSync(join(dir, 'data-'));
    // A folder in its place: nobody can open that, not even root.
    mkdirSync(join(dataDir, file), { recursive: true });
    const { code, stderr } = await run(binary, { env: { HOLDFAST_DATA_DIR: dataDir } });
    expect(code).toBe(1);
    expect(stderr).toContain(`UNAVAILABLE: cannot open ${join(dataDir, file)}`);
    expect(stderr).not.toMatch(/^ {4}at /m);
  },
);

it('the gateway serves its pages on loopback only', async () => {
  const { code, stderr } = await run(GATEWAY, { env: { HOLDFAST_PAGES_HOST: '0.0.0.0' } });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/CONFIG_INVALID: plain HTTP is not served on 0\.0\.0\.0/);
});
