import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CloudProcess, startCloud } from '@holdfast/cloud/process.ts';
import { cloudSettingsSchema } from '@holdfast/cloud/settings.ts';
import { TARGET_NAMES } from '@holdfast/cloud/targets.ts';
import { openLogins } from '@holdfast/cloud/wiring.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';

export type PersonName = 'customer' | 'operator' | 'manager' | 'admin';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what the steps look at.
  readonly body: any;
}

/** A whole cloud in this process, in a folder of its own, and the people of the development. */
export class Shop {
  readonly #cloud: CloudProcess;
  readonly #folder: string;
  readonly #tokens: ReadonlyMap<string, string>;

  private constructor(cloud: CloudProcess, folder: string, tokens: ReadonlyMap<string, string>) {
    this.#cloud = cloud;
    this.#folder = folder;
    this.#tokens = tokens;
  }

  static async open(): Promise<Shop> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-shop-'));
    const settings = cloudSettingsSchema.parse({
      dataDir: folder,
      http: { port: 0 },
      edgeLink: { port: 0 },
      internal: { port: 0 },
      auth: { developmentUsers: true },
      paymentSandbox: { port: 0 },
    });
    const cloud = await startCloud({ targets: TARGET_NAMES, settings, runtime: testRuntime() });
    const tokens = new Map<string, string>();
    for (const login of await openLogins(settings)) {
      const { body } = await send(cloud, { method: 'POST', path: '/v1/auth/token', body: login });
      tokens.set(login.username, body.accessToken);
    }
    return new Shop(cloud, folder, tokens);
  }

  async close(): Promise<void> {
    await this.#cloud.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get(person: PersonName, path: string): Promise<Reply> {
    return send(this.#cloud, { method: 'GET', path, token: this.#tokens.get(person) });
  }

  /** With a key of its own, unless one is given. */
  post(
    person: PersonName,
    path: string,
    { key = randomUUID(), ...body }: object & { readonly key?: string },
  ): Promise<Reply> {
    const token = this.#tokens.get(person);
    return send(this.#cloud, { method: 'POST', path, token, body, key });
  }
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly body?: object;
  readonly key?: string;
}

async function send(
  { httpPort }: CloudProcess,
  { method, path, token, body, key }: Sent,
): Promise<Reply> {
  const response = await fetch(`http://127.0.0.1:${httpPort}${path}`, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
      ...(key && { 'idempotency-key': key }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text ? JSON.parse(text) : undefined,
  };
}
