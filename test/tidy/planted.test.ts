import { describe, expect, it } from 'vitest';
import { repositoryOf } from './repository.ts';
import { describeFinding } from './rule.ts';
import { findings, RULES } from './tidy.ts';

interface Planted {
  readonly rule: string;
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** `path:line` of the finding, and part of its message. */
  readonly at: string;
  readonly says: string;
}

const PORT = 'cloud/platform/kv/kv.ts';
const LINES = (count: number): string => 'const line = 1;\n'.repeat(count);

/** Who imports what, per row of the dependency table: [importer, specifier, imported file]. */
const FORBIDDEN_IMPORTS: readonly (readonly [string, string, string])[] = [
  ['shared/contracts/a.ts', '../runtime/b.ts', 'shared/runtime/b.ts'],
  ['shared/lib/a.ts', '../runtime/b.ts', 'shared/runtime/b.ts'],
  ['shared/lib/a.ts', '../domain/b.ts', 'shared/domain/b.ts'],
  ['shared/domain/a.ts', '../platform/sql/sql.ts', 'shared/platform/sql/sql.ts'],
  ['shared/runtime/a.ts', '../platform/sql/sql.ts', 'shared/platform/sql/sql.ts'],
  ['shared/runtime/a.ts', '@holdfast/cloud/targets.ts', 'cloud/targets.ts'],
  ['shared/ui/a.tsx', '../runtime/b.ts', 'shared/runtime/b.ts'],
  ['cloud/platform/kv/kv.memory.ts', '../../order/b.ts', 'cloud/order/b.ts'],
  ['cloud/platform/kv/kv.memory.ts', '../log/log.kafka.ts', 'cloud/platform/log/log.kafka.ts'],
  ['cloud/order/domain/a.ts', '../store/b.ts', 'cloud/order/store/b.ts'],
  ['cloud/order/domain/a.ts', '@holdfast/shared/runtime/b.ts', 'shared/runtime/b.ts'],
  ['cloud/order/domain/a.ts', '../../auth/domain/b.ts', 'cloud/auth/domain/b.ts'],
  ['cloud/order/store/a.ts', '../../platform/kv/kv.ts', PORT],
  ['cloud/order/store/a.ts', '../../auth/store/b.ts', 'cloud/auth/store/b.ts'],
  ['cloud/order/routes/a.ts', '../../auth/domain/b.ts', 'cloud/auth/domain/b.ts'],
  ['cloud/order/events/a.ts', '../../platform/kv/kv.memory.ts', 'cloud/platform/kv/kv.memory.ts'],
  ['cloud/order/order.module.ts', '../wiring.ts', 'cloud/wiring.ts'],
  ['cloud/platform/outbox/relay.ts', '../log/log.kafka.ts', 'cloud/platform/log/log.kafka.ts'],
  ['cloud/targets.ts', './order/b.ts', 'cloud/order/b.ts'],
  ['cloud/main.ts', './platform/kv/kv.memory.ts', 'cloud/platform/kv/kv.memory.ts'],
  ['edge/buffer/a.ts', '@holdfast/cloud/targets.ts', 'cloud/targets.ts'],
  ['firmware-sim/a.ts', '@holdfast/edge/b.ts', 'edge/b.ts'],
  ['firmware-sim/a.ts', '@holdfast/cloud/targets.ts', 'cloud/targets.ts'],
  ['firmware-sim/a.ts', '@holdfast/shared/domain/b.ts', 'shared/domain/b.ts'],
  ['infra/local/a.ts', '@holdfast/shared/runtime/b.ts', 'shared/runtime/b.ts'],
  ['infra/local/a.ts', '@holdfast/cloud/main.ts', 'cloud/main.ts'],
  ['edge/a.ts', '../test/b.ts', 'test/b.ts'],
  ['edge/a.ts', './b.test.ts', 'edge/b.test.ts'],
  ['edge/buffer/a.ts', './buffer.sqlite.ts', 'edge/buffer/buffer.sqlite.ts'],
  ['edge/a.ts', '../shared/lib/b.ts', 'shared/lib/b.ts'],
];

const dependencies: readonly Planted[] = FORBIDDEN_IMPORTS.map(([from, specifier, to]) => ({
  rule: 'dependency-rule',
  name: `${from} importing ${to}`,
  files: { [from]: `\nimport { b } from '${specifier}';\n`, [to]: 'export const b = 1;\n' },
  at: `${from}:2`,
  says: '',
}));

const RAW_CALLS: readonly (readonly [string, string])[] = [
  ['const t = Date.now();', 'Date.now'],
  ['const t = new Date();', 'new Date()'],
  ['const t = Date();', 'new Date()'],
  ['const t = performance.now();', 'performance.now'],
  ['const { now } = Date;', 'Date.now'],
  ["const t = Date['now']();", 'Date.now'],
  ['const r = Math.random();', 'Math.random'],
  ["import { randomUUID } from 'node:crypto';", 'randomUUID'],
  ['setTimeout(() => work(), 10);', 'setTimeout'],
  ['globalThis.setInterval(work, 10);', 'setInterval'],
  ['const later = setImmediate;', 'setImmediate'],
  ["import { setTimeout as sleep } from 'node:timers/promises';", 'node:timers/promises'],
  ['const port = process.env.PORT;', 'process.env'],
  ['const { env } = process;', 'process.env'],
  ["import { readFileSync } from 'node:fs';", 'node:fs'],
  ["import { readFile } from 'node:fs/promises';", 'node:fs/promises'],
  ["const fs = await import('node:fs');", 'node:fs'],
  ["import net from 'node:net';", 'node:net'],
  ["import { connect } from 'node:tls';", 'node:tls'],
  ["import { request } from 'node:http';", 'node:http'],
  ["import { request } from 'node:https';", 'node:https'],
  ["import dgram from 'node:dgram';", 'node:dgram'],
  ["const answer = await fetch('http://a');", 'fetch'],
  ["console.log('here');", 'console.log'],
];

const rawCalls: readonly Planted[] = RAW_CALLS.map(([code, what]) => ({
  rule: 'raw-calls',
  name: code,
  files: { 'edge/buffer/a.ts': `\n\n${code}\n` },
  at: 'edge/buffer/a.ts:3',
  says: what,
}));

const others: readonly Planted[] = [
  {
    rule: 'purity',
    name: 'an async function in a domain',
    files: { 'cloud/order/domain/a.ts': 'export async function pay() {}\n' },
    at: 'cloud/order/domain/a.ts:1',
    says: 'async',
  },
  {
    rule: 'purity',
    name: 'a promise in a signature of shared/lib',
    files: { 'shared/lib/a.ts': '\nexport type Later = Promise<void>;\n' },
    at: 'shared/lib/a.ts:2',
    says: 'Promise',
  },
  {
    rule: 'purity',
    name: 'a library with I/O in a domain',
    files: { 'shared/domain/a.ts': "import pg from 'pg';\n" },
    at: 'shared/domain/a.ts:1',
    says: 'pg',
  },
  {
    rule: 'vendor-libraries',
    name: 'an adapter with two vendor libraries',
    files: {
      [PORT]: 'export interface Kv {}\n',
      'cloud/platform/kv/kv.redis.ts': "import a from 'ioredis';\nimport b from 'pg';\n",
    },
    at: 'cloud/platform/kv/kv.redis.ts:1',
    says: 'ioredis, pg',
  },
  {
    rule: 'dependency-rule',
    name: 'wiring that loads an adapter before it is chosen',
    files: {
      [PORT]: 'export interface Kv {}\n',
      'cloud/platform/kv/kv.redis.ts': 'export const open = 1;\n',
      'cloud/wiring.ts': "import { open } from './platform/kv/kv.redis.ts';\n",
    },
    at: 'cloud/wiring.ts:1',
    says: 'loaded even when it is not chosen',
  },
  {
    rule: 'dependency-rule',
    name: 'a file outside the house',
    files: { 'tools/a.ts': "import './b.ts';\n", 'tools/b.ts': '' },
    at: 'tools/a.ts:1',
    says: 'no layer',
  },
  ...['edge/kafkaManager.ts', 'edge/event_log.ts'].map((path) => ({
    rule: 'file-names',
    name: path,
    files: { [path]: '' },
    at: `${path}:1`,
    says: 'kebab-case',
  })),
  ...['edge/utils/a.ts', 'edge/retry-helper.ts', 'edge/common.ts', 'shared/base/a.ts'].map(
    (path) => ({
      rule: 'file-names',
      name: path,
      files: { [path]: '' },
      at: `${path}:1`,
      says: 'says nothing',
    }),
  ),
  ...['edge/outbox2.ts', 'edge/store-v2.ts', 'edge/0001.ts'].map((path) => ({
    rule: 'file-names',
    name: path,
    files: { [path]: '' },
    at: `${path}:1`,
    says: 'numbered',
  })),
  {
    rule: 'line-length',
    name: 'a line of 101 columns',
    files: { 'edge/a.ts': `\n// ${'x'.repeat(98)}\n` },
    at: 'edge/a.ts:2',
    says: '101 columns',
  },
  {
    rule: 'function-length',
    name: 'a function of 71 lines',
    files: { 'edge/a.ts': `\nfunction work() {\n${LINES(69)}}\n` },
    at: 'edge/a.ts:2',
    says: 'work has 71 lines',
  },
  {
    rule: 'file-length',
    name: 'a file of 401 lines',
    files: { 'edge/a.ts': LINES(401) },
    at: 'edge/a.ts:401',
    says: '401 lines',
  },
  {
    rule: 'file-length',
    name: 'a main.ts of 41 lines',
    files: { 'edge/main.ts': LINES(41) },
    at: 'edge/main.ts:41',
    says: '41 lines, at most 40',
  },
  {
    rule: 'parameter-count',
    name: 'a method with four parameters',
    files: { 'edge/a.ts': 'class A {\n  go(a: 1, b: 2, c: 3, d: 4) {}\n}\n' },
    at: 'edge/a.ts:2',
    says: 'go takes 4 parameters',
  },
  {
    rule: 'dead-files',
    name: 'a file that nobody imports',
    files: { 'edge/a.test.ts': "import './b.ts';\n", 'edge/b.ts': '', 'edge/c.ts': '' },
    at: 'edge/c.ts:1',
    says: 'nothing starts, imports or tests',
  },
  ...[
    ['// TODO finish', 'TODO'],
    ['/* FIXME */', 'FIXME'],
    ['const a = b as any;', 'as any'],
    ["it.only('runs alone', () => {});", 'focused'],
    ['debugger;', 'debugger'],
    ['// @ts-ignore', 'without a reason'],
    ['try { work() } catch {}', 'swallowed'],
    ['void work().catch(() => {});', 'swallowed'],
    ['const = 1;', 'does not parse'],
  ].map(([code, says]) => ({
    rule: 'markers',
    name: code!,
    files: { 'edge/a.ts': `${code}\n` },
    at: 'edge/a.ts:1',
    says: says!,
  })),
  {
    rule: 'pinned-versions',
    name: 'a version range',
    files: { 'edge/package.json': '{\n"dependencies": {\n"aedes": "^1.2.0"\n}\n}' },
    at: 'edge/package.json:3',
    says: 'aedes is not pinned',
  },
  {
    rule: 'declared-packages',
    name: 'a library that only another package declares',
    files: {
      'package.json': '{ "devDependencies": { "mqtt": "5.16.0" } }',
      'cloud/package.json': '{ "dependencies": { "jose": "6.2.17" } }',
      'edge/package.json': '{ "dependencies": { "aedes": "1.2.0" } }',
      'edge/a.ts': "import 'aedes';\nimport 'jose';\n",
    },
    at: 'edge/a.ts:2',
    says: 'jose is not declared in edge',
  },
  {
    rule: 'gateway-dependencies',
    name: 'a sixteenth dependency of the gateway',
    files: {
      'edge/package.json': JSON.stringify({
        dependencies: Object.fromEntries(
          Array.from({ length: 16 }, (_, index) => [`library-${index}`, '1.0.0']),
        ),
      }),
    },
    at: 'edge/package.json:1',
    says: '16 direct dependencies',
  },
  {
    rule: 'version-floors',
    name: 'an old copy deep in the tree',
    files: {
      'package-lock.json': JSON.stringify(
        { packages: { 'node_modules/a/node_modules/ws': { version: '8.20.9' } } },
        null,
        2,
      ),
    },
    at: 'package-lock.json:3',
    says: 'at least 8.21.0',
  },
];

const PLANTED: readonly Planted[] = [...dependencies, ...rawCalls, ...others];

describe.each(RULES.map(({ name }) => name))('%s', (rule) => {
  it.each(PLANTED.filter((planted) => planted.rule === rule))('finds $name', (planted) => {
    const repository = repositoryOf(new Map(Object.entries(planted.files)));
    const found = findings(repository).filter((finding) => finding.rule === planted.rule);
    const texts = found.map(describeFinding).filter((text) => text.includes(planted.says));
    expect(texts.map((text) => text.split(' ')[0])).toContain(planted.at);
    expect(found.every(({ wayOut }) => wayOut.length > 0)).toBe(true);
  });
});

describe('what is in order', () => {
  const TIDY: readonly (readonly [string, string])[] = [
    ['edge/a.ts', 'const date = new Date(0); const clock = { now: () => 1 }; clock.now();'],
    ['edge/a.ts', "import type { Socket } from 'node:net';\nexport type A = Socket;"],
    ['edge/a.ts', 'export function run(setTimeout: () => void) { setTimeout(); }'],
    ['edge/a.ts', 'export type T = ReturnType<typeof setTimeout>;'],
    ['edge/a.ts', 'const options = { fetch: 1, setTimeout: 2 }; options.fetch = 3;'],
    ['edge/main.ts', "console.log(process.env['HOLDFAST_X']);"],
    ['shared/runtime/clock.ts', 'export const now = () => Date.now();'],
    ['edge/a.ts', 'try { work(); } catch { /* Gone already: that is what was asked for. */ }'],
    ['edge/a.ts', "const text = 'TODO is only a word here';"],
    ['edge/a.test.ts', `describe('all', () => {\n${"it('holds', () => {});\n".repeat(80)}});`],
  ];

  it.each(TIDY)('%s: %s', (path, code) => {
    const repository = repositoryOf(new Map([[path, `${code}\n`]]));
    const found = findings(repository).filter(({ rule }) => rule !== 'dead-files');
    expect(found.map(describeFinding)).toEqual([]);
  });
});

it('has a planted violation for every rule', () => {
  const planted = new Set(PLANTED.map(({ rule }) => rule));
  expect(RULES.map(({ name }) => name).filter((name) => !planted.has(name))).toEqual([]);
});
