import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createTokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { createApp, type HttpApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../platform/http/api.ts';
import { BUNDLE_BYTES_MAX } from './bundle.ts';
import { openConsole } from './console.module.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-console-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SCRIPT = 'console.log(1);'.repeat(100);
const FILES = {
  'dist/index.html': '<!doctype html><title>Holdfast</title>',
  'dist/assets/index-abc123.js': SCRIPT,
  'dist/assets/index-abc123.css': 'body { margin: 0 }',
  'dist/left-over.txt': 'not of the bundle',
  'secret.txt': 'not of the console',
};
const LISTED = ['index.html', 'assets/index-abc123.js', 'assets/index-abc123.css'];

function write(files: Record<string, string>, listed: unknown): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  writeFileSync(join(folder, 'dist/files.json'), JSON.stringify({ files: listed }));
}

async function open(): Promise<HttpApp> {
  const runtime = testRuntime();
  const app = createApp(runtime);
  const service = await openConsole({ distDir: join(folder, 'dist'), runtime });
  const verifier = createTokenVerifier({ jwks: async () => ({ keys: [] }), clock: runtime.clock });
  service.routes?.(createApi({ app, verifier }));
  return app;
}

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return (await open()).fetch(new Request(`http://holdfast.test${path}`, { headers }));
}

describe('the console, built', () => {
  beforeEach(() => write(FILES, LISTED));

  it('answers the page, which is asked for anew each time', async () => {
    const answer = await get('/console/');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(await answer.text()).toContain('<title>Holdfast</title>');
  });

  it.each(['devices', 'devices/cold-01.a?range=1h', 'devices/%2e%2e%2f'])(
    'answers the page for its own address %s, so that a reload works',
    async (path) => {
      const answer = await get(`/console/${path}`);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('<title>Holdfast</title>');
    },
  );

  it('leads from /console to /console/', async () => {
    const answer = await get('/console');
    expect(answer.status).toBe(308);
    expect(answer.headers.get('location')).toBe('/console/');
  });

  it('answers hashed files as what they are, to be kept for ever', async () => {
    const script = await get('/console/assets/index-abc123.js');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(await script.text()).toBe(SCRIPT);
    const style = await get('/console/assets/index-abc123.css');
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
  });

  it('compresses for whom it may, under an etag of its own', async () => {
    const path = '/console/assets/index-abc123.js';
    const plain = await get(path);
    const small = await get(path, { 'accept-encoding': 'br, gzip' });
    expect(small.headers.get('content-encoding')).toBe('gzip');
    expect(gunzipSync(await small.arrayBuffer()).toString()).toBe(SCRIPT);
    expect(small.headers.get('etag')).not.toBe(plain.headers.get('etag'));
    const refused = await get(path, { 'accept-encoding': 'gzip;q=0, br' });
    expect(refused.headers.get('content-encoding')).toBeNull();
  });

  it('answers 304 to who holds the page already', async () => {
    const etag = (await get('/console/')).headers.get('etag')!;
    const again = await get('/console/', { 'if-none-match': `"other", W/${etag}` });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });

  it('forbids inline scripts and styles, frames and foreign hosts', async () => {
    const { headers } = await get('/console/');
    const policy = headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("style-src 'self';");
    expect(policy).toContain("img-src 'self' blob:;");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  it.each([
    '/console/assets/../../secret.txt',
    '/console/assets/%2e%2e/%2e%2e/secret.txt',
    '/console/assets/..%2f..%2fsecret.txt',
    '/console/assets/..\\..\\secret.txt',
    '/console/../secret.txt',
    '/console/%2e%2e%2fsecret.txt',
    '/console//etc/passwd',
    '/console/left-over.txt',
    '/console/files.json',
  ])('never answers a file outside the bundle: %s', async (path) => {
    const text = await (await get(path)).text();
    expect(text).not.toContain('not of the');
    expect(text).not.toContain('root:');
    expect(text).not.toContain('index-abc123');
  });

  it('answers an unknown asset with a problem document, not with the page', async () => {
    const answer = await get('/console/assets/index-old.js');
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it('answers from memory: the files may be gone', async () => {
    const app = await open();
    rmSync(folder, { recursive: true });
    const answer = await app.fetch(new Request('http://holdfast.test/console/'));
    expect(answer.status).toBe(200);
  });
});

describe('the console, not built or not usable', () => {
  it('says how to build it, on the page and in its state', async () => {
    const answer = await get('/console/');
    expect(answer.status).toBe(503);
    const text = await answer.text();
    expect(text).toContain('The console is not built');
    expect(text).toContain('npx vite build cloud/console/ui');
    const service = await openConsole({ distDir: folder, runtime: testRuntime() });
    expect(service.module.degraded?.()).toBe('the console is not built');
  });

  it('counts as not built when a listed file is missing', async () => {
    write(FILES, [...LISTED, 'assets/gone-1.js']);
    expect((await get('/console/')).status).toBe(503);
  });

  it('refuses a list that leads out of its folder', async () => {
    write(FILES, [...LISTED, '../secret.txt']);
    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('refuses more bytes than it holds in memory', async () => {
    const large = 'x'.repeat(BUNDLE_BYTES_MAX);
    write({ ...FILES, 'dist/assets/large-1.js': large }, [...LISTED, 'assets/large-1.js']);
    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('refuses a kind of file that it cannot name', async () => {
    write({ ...FILES, 'dist/assets/a-1.wasm': 'x' }, [...LISTED, 'assets/a-1.wasm']);
    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
