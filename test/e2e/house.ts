import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Line, type LineOptions, startLine } from '../network/line.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { COMPILE_CACHE, ROOT, TestProcess } from './process.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** A busy machine takes long to start a process; a process that ended is noticed at once. */
const READY_TIMEOUT_MS = 60_000;

export interface HouseOptions {
  /** Entries that replace the product's own, for a test that decorates a port. */
  readonly cloudEntry?: string;
  readonly gatewayEntry?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The gateway reaches edge-link over a line that the test may slow down or cut. */
  readonly line?: Pick<LineOptions, 'bytesPerSecond' | 'delayMs'>;
}

/**
 * A whole Holdfast in a folder of its own: one cloud process, one gateway, on free ports of
 * loopback.
 */
export interface House {
  readonly dir: string;
  readonly cloud: TestProcess;
  readonly gateway: TestProcess;
  readonly cloudUrl: string;
  readonly mqttPort: number;
  readonly edgeLinkPort: number;
  readonly pagesUrl: string;
  /** Between gateway and edge-link, when it was asked for. */
  readonly line: Line | undefined;
  /** An answer of the cloud for the development administrator. */
  get(path: string): Promise<Response>;
  json<T>(path: string): Promise<T>;
  post(path: string, body: object): Promise<unknown>;
  cloudReady(): Promise<void>;
  gatewayReady(): Promise<void>;
  gatewayCli(...args: string[]): Promise<RunResult>;
  login(): Promise<{ username: string; password: string }>;
  /** Makes a claim and redeems it. */
  enrol(...options: readonly string[]): Promise<void>;
  claim(): Promise<string>;
  close(): Promise<void>;
}

/** Started, enrolled and ready. */
export async function startHouse(options: HouseOptions = {}): Promise<House> {
  const house = await prepareHouse(options);
  try {
    house.cloud.start();
    await house.cloudReady();
    await house.enrol();
    house.gateway.start();
    await house.gatewayReady();
    return house;
  } catch (cause) {
    await house.close();
    throw cause;
  }
}

/** Nothing runs yet. */
export async function prepareHouse(options: HouseOptions = {}): Promise<House> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-house-'));
  const ports = (await freePorts(5)) as [number, number, number, number, number];
  const [http, edgeLink, mqtt, pages, linePort] = ports;
  for (const name of ['cloud', 'gateway']) mkdirSync(join(dir, name), { mode: 0o700 });
  const { cloudEnv, gatewayEnv } = environments(
    dir,
    { http, edgeLink, mqtt, pages, linePort },
    options,
  );
  const cloud = new TestProcess({
    entry: options.cloudEntry ?? 'cloud/main.ts',
    args: ['run', '--target=all'],
    env: cloudEnv,
    logFile: join(dir, 'cloud.log'),
  });
  const gateway = new TestProcess({
    entry: options.gatewayEntry ?? 'edge/main.ts',
    args: ['run'],
    env: gatewayEnv,
    logFile: join(dir, 'gateway.log'),
  });
  const line =
    options.line &&
    (await startLine({ ...options.line, listenPort: linePort, targetPort: edgeLink }));
  const cloudUrl = `http://127.0.0.1:${http}`;
  const pagesUrl = `http://127.0.0.1:${pages}`;
  const session = createSession(cloudUrl, () =>
    runEntry('cloud/main.ts', ['development-logins'], cloudEnv),
  );
  const cli = (...args: string[]) => runEntry('edge/main.ts', args, gatewayEnv);
  const claim = async (): Promise<string> => {
    const made = await session.post('/v1/gateways/claims', { site: 'site-1' });
    return (made as { claimCode: string }).claimCode;
  };
  return {
    dir,
    cloud,
    gateway,
    cloudUrl,
    pagesUrl,
    mqttPort: mqtt,
    edgeLinkPort: edgeLink,
    line,
    get: session.get,
    json: async <T>(path: string) => (await expectOk(await session.get(path))) as T,
    post: session.post,
    cloudReady: () => readyAt(cloud, cloudUrl),
    gatewayReady: () => readyAt(gateway, pagesUrl),
    gatewayCli: cli,
    login: session.login,
    claim,
    async enrol(...options) {
      const https = cloudUrl.replace('http:', 'https:');
      const done = await cli('enroll', await claim(), '--cloud', https, ...options);
      if (done.code !== 0) throw new Error(`enroll failed: ${done.stderr}`);
    },
    async close() {
      await gateway.stop();
      await cloud.stop();
      await line?.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface Ports {
  readonly http: number;
  readonly edgeLink: number;
  readonly mqtt: number;
  readonly pages: number;
  readonly linePort: number;
}

function environments(dir: string, ports: Ports, options: HouseOptions) {
  const line = { HOLDFAST_EDGE_LINK_PUBLIC_URL: `127.0.0.1:${ports.linePort}` };
  const cloudEnv = {
    HOLDFAST_DATA_DIR: join(dir, 'cloud'),
    HOLDFAST_HTTP_PORT: String(ports.http),
    HOLDFAST_EDGE_LINK_PORT: String(ports.edgeLink),
    HOLDFAST_INTERNAL_PORT: '0',
    HOLDFAST_PAYMENT_SANDBOX_PORT: '0',
    HOLDFAST_AUTH_DEVELOPMENT_USERS: 'true',
    ...(options.line && line),
    ...options.env,
  };
  const gatewayEnv = {
    HOLDFAST_DATA_DIR: join(dir, 'gateway'),
    HOLDFAST_MQTT_PORT: String(ports.mqtt),
    HOLDFAST_PAGES_PORT: String(ports.pages),
    ...options.env,
  };
  return { cloudEnv, gatewayEnv };
}

async function readyAt(server: TestProcess, url: string): Promise<void> {
  const check = async (): Promise<'ready' | 'ended'> => {
    if (!server.running) return 'ended';
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    if (!answer.ok) throw new Error(await answer.text());
    return 'ready';
  };
  const log = (): string => `its log ends with:\n${server.log().slice(-4_000)}`;
  const state = await eventually(`${url}/readyz`, check, READY_TIMEOUT_MS).catch((cause) => {
    throw new Error(`not ready; ${log()}`, { cause });
  });
  if (state === 'ended') throw new Error(`the process ended; ${log()}`);
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const RUN_MS_MAX = 30_000;

/** Runs a command of the product to its end; throws when it does not come to one. */
export async function runEntry(
  entry: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<RunResult> {
  const options = { env: { ...process.env, ...COMPILE_CACHE, ...env }, timeout: RUN_MS_MAX };
  try {
    const done = await promisify(execFile)(process.execPath, [`${ROOT}${entry}`, ...args], options);
    return { code: 0, ...done };
  } catch (error) {
    const failed = error as Partial<RunResult> & { killed?: boolean };
    if (failed.killed) throw new Error(`${entry} did not end`, { cause: error });
    return { code: failed.code ?? 1, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
  }
}

interface Login {
  readonly username: string;
  readonly password: string;
}

/**
 * Signs in as the development administrator when a token is first needed, and again when it was
 * refused.
 */
export function createSession(
  url: string,
  readLogins: () => Promise<Pick<RunResult, 'stdout' | 'stderr'>>,
) {
  let token: string | undefined;
  const login = async (): Promise<Login> => {
    const done = await readLogins();
    const logins = JSON.parse(done.stdout) as Login[];
    return logins.find((found) => found.username === 'admin')!;
  };
  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  const json = { 'content-type': 'application/json' };
  const signIn = async (): Promise<string> => {
    const body = JSON.stringify(await login());
    const answer = await request('/v1/auth/token', { method: 'POST', headers: json, body });
    return ((await expectOk(answer)) as { accessToken: string }).accessToken;
  };
  const withToken = async (path: string, init: RequestInit = {}): Promise<Response> => {
    token ??= await signIn();
    const send = () =>
      request(path, { ...init, headers: { ...json, authorization: `Bearer ${token}` } });
    const answer = await send();
    if (answer.status !== 401) return answer;
    token = await signIn();
    return send();
  };
  return {
    login,
    get: (path: string) => withToken(path),
    post: async (path: string, body: unknown) =>
      expectOk(await withToken(path, { method: 'POST', body: JSON.stringify(body) })),
  };
}

async function expectOk(answer: Response): Promise<unknown> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
