import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { loadConfig, printConfig } from './config.ts';

const schema = z.strictObject({
  mqtt: z
    .strictObject({
      port: z.int().min(0).max(65_535).default(1883),
      payloadBytesMax: z.int().default(1024),
      users: z.array(z.string()).default([]),
    })
    .prefault({}),
  adminPassword: z.string().optional(),
});

const dir = mkdtempSync(join(tmpdir(), 'config-'));
let files = 0;
afterAll(() => rmSync(dir, { recursive: true }));

function file(text: string): string {
  const path = join(dir, `gateway-${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

test('takes defaults, then the file, then the environment', () => {
  expect(loadConfig(schema, { env: {} }).mqtt.port).toBe(1883);
  const path = file('mqtt:\n  port: 1900\n  payloadBytesMax: 5\n');
  const env = { HOLDFAST_MQTT_PORT: '2000', HOLDFAST_MQTT_USERS: '[a, b]' };
  expect(loadConfig(schema, { file: path, env }).mqtt).toEqual({
    port: 2000,
    payloadBytesMax: 5,
    users: ['a', 'b'],
  });
});

test('names an unknown setting with its file and line', () => {
  const path = file('mqtt:\n  port: 1\n  prot: 2\n');
  expect(() => loadConfig(schema, { file: path, env: {} })).toThrow(
    /mqtt\.prot \(.*line 3\).*no such/,
  );
});

test('names a wrong setting with its line, or its variable', () => {
  expect(() => loadConfig(schema, { file: file('mqtt:\n  port: high\n'), env: {} })).toThrow(
    /mqtt\.port \(.*line 2\)/,
  );
  expect(() => loadConfig(schema, { env: { HOLDFAST_MQTT_PORT: '-1' } })).toThrow(
    /mqtt\.port \(HOLDFAST_MQTT_PORT\)/,
  );
});

test('names a variable that begins like a section and is no setting of it', () => {
  const load = (name: string) => () => loadConfig(schema, { env: { [name]: '1' } });
  expect(load('HOLDFAST_MQTT_PROT')).toThrow(/HOLDFAST_MQTT_PROT: there is no such setting/);
  expect(load('HOLDFAST_OTHER_THING')).not.toThrow();
});

test('explains a malformed or missing file', () => {
  expect(() => loadConfig(schema, { file: file('mqtt: [\n'), env: {} })).toThrow(/not valid YAML/);
  expect(() => loadConfig(schema, { file: file('- a\n'), env: {} })).toThrow(/must hold settings/);
  expect(() => loadConfig(schema, { file: '/nowhere.yaml', env: {} })).toThrow(/cannot read/);
});

test('prints the settings without secrets', () => {
  const text = printConfig({ mqtt: { port: 1 }, adminPassword: 'hunter2' });
  expect(text).toContain('port: 1');
  expect(text).not.toContain('hunter2');
});
