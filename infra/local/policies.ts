import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureGoTool, type GoTool } from './stack/go-tool.ts';

// npm run policies: compiles policies/*.rego to the committed bundle, after their tests.

export const OPA: GoTool = { module: 'github.com/open-policy-agent/opa', version: 'v1.22.2' };
const COVERAGE_PERCENT_MIN = '100';
const ENTRY_POINT = 'holdfast/decision/answer';
const OPA_TIMEOUT_MS = 60_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const POLICIES = join(root, 'policies');
const BUNDLE = join(POLICIES, 'bundle');
/** What the interpreter in the process knows. */
const INTERPRETER = join(root, 'node_modules/@open-policy-agent/opa-wasm/capabilities.json');

export interface CompiledBundle {
  readonly wasm: Buffer;
  /** `bundle.json`: the revision, and the data that the rules read. */
  readonly manifest: string;
}

/** Format, strictness and the rules' own tests, each line of them covered. */
export async function testPolicies(): Promise<string> {
  const unformatted = await opa('fmt', '--list', POLICIES);
  if (unformatted.trim()) throw new Error(`not formatted (opa fmt -w): ${unformatted.trim()}`);
  await withCapabilities((flags) => opa('check', '--strict', ...flags, POLICIES));
  await opa('test', '--coverage', '--threshold', COVERAGE_PERCENT_MIN, POLICIES);
  return opa('test', POLICIES);
}

export async function compilePolicies(): Promise<CompiledBundle> {
  return withCapabilities(async (flags, folder) => {
    const archive = join(folder, 'bundle.tar.gz');
    const ignored = ['--ignore', '*-tests.rego', '--ignore', 'bundle'];
    const target = ['--target', 'wasm', '--entrypoint', ENTRY_POINT, '--output', archive];
    await opa('build', ...target, ...flags, ...ignored, '.');
    await promisify(execFile)('tar', ['-xzf', archive, '-C', folder, '/policy.wasm', '/data.json']);
    const wasm = readFileSync(join(folder, 'policy.wasm'));
    const data = JSON.parse(readFileSync(join(folder, 'data.json'), 'utf8'));
    const revision = createHash('sha256').update(wasm).update(JSON.stringify(data)).digest('hex');
    return { wasm, manifest: `${JSON.stringify({ revision, data }, null, 2)}\n` };
  });
}

/** A rule that calls what the interpreter in the process lacks does not compile. */
async function withCapabilities<T>(
  work: (flags: readonly string[], folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-policies-'));
  try {
    const known: Capabilities = JSON.parse(readFileSync(INTERPRETER, 'utf8'));
    const names = new Set(known.builtins.map(({ name }) => name));
    const current: Capabilities = JSON.parse(await opa('capabilities', '--current'));
    const builtins = current.builtins.filter(({ name }) => names.has(name));
    const file = join(folder, 'capabilities.json');
    writeFileSync(file, JSON.stringify({ ...current, builtins }));
    return await work(['--capabilities', file], folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Capabilities {
  readonly builtins: readonly { readonly name: string }[];
}

/** The bundle as it is committed. */
export function committedBundle(): CompiledBundle {
  return {
    wasm: readFileSync(join(BUNDLE, 'policy.wasm')),
    manifest: readFileSync(join(BUNDLE, 'bundle.json'), 'utf8'),
  };
}

async function opa(...args: readonly string[]): Promise<string> {
  const file = await ensureGoTool(OPA);
  // The names of the sources are in what is compiled: they must not depend on where this lies.
  const options = { cwd: POLICIES, timeout: OPA_TIMEOUT_MS };
  const { stdout } = await promisify(execFile)(file, args, options);
  return stdout;
}

async function main(): Promise<void> {
  process.stderr.write('policies: testing and compiling (opa is built first, once) ...\n');
  process.stdout.write(await testPolicies());
  const { wasm, manifest } = await compilePolicies();
  mkdirSync(BUNDLE, { recursive: true });
  writeFileSync(join(BUNDLE, 'policy.wasm'), wasm);
  writeFileSync(join(BUNDLE, 'bundle.json'), manifest);
  process.stdout.write(`policies/bundle: revision ${JSON.parse(manifest).revision}\n`);
}

if (import.meta.main) await main();
