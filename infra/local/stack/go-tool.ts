import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from './engine.ts';
import { stackFolder } from './record.ts';

/** Cold caches on two busy cores; far above what it was seen to take. */
const BUILD_TIMEOUT_MS = 600_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** A program that is built once from its Go module, at a pinned version. */
export interface GoTool {
  /** `github.com/oasdiff/oasdiff`; the program is named like its last part. */
  readonly module: string;
  /** `v1.35.0`; the checksum database vouches for its content. */
  readonly version: string;
}

/**
 * Why a test does without the tool, for the title of what is skipped; undefined when it is built
 * already. A test builds it in CI only: a build takes a minute and the net, which is not what
 * `npm test` promises.
 */
export function whyNoGoTool(tool: GoTool, env = process.env): string | undefined {
  if (existsSync(fileOf(tool, env))) return undefined;
  const name = basename(tool.module);
  if (env['CI'] !== 'true') return `${name} is not built; with CI=true it is built first`;
  if (spawnSync('go', ['version'], { env }).status === 0) return undefined;
  return `${name} is not built, and there is no Go to build it with`;
}

/**
 * The program's file; builds it into the stack's folder when it is not there. Two that build at
 * once do the same work, and the last rename wins with the same program.
 */
export async function ensureGoTool(tool: GoTool, env = process.env): Promise<string> {
  const file = fileOf(tool, env);
  if (existsSync(file)) return file;
  const folder = join(stackFolder(env), 'go-tools', `.building-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    await promisify(execFile)('go', ['install', '-trimpath', `${tool.module}@${tool.version}`], {
      env: { ...env, GOBIN: folder, GOFLAGS: '-buildvcs=false', CGO_ENABLED: '0' },
      timeout: BUILD_TIMEOUT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    renameSync(join(folder, basename(tool.module) + EXECUTABLE_SUFFIX), file);
    return file;
  } catch (cause) {
    const words = `go install ${tool.module}@${tool.version}`;
    const said = String((cause as { stderr?: unknown }).stderr ?? cause).trim();
    throw new StackError(`this failed: ${words}\n${said.split('\n').at(-1)}`, { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const EXECUTABLE_SUFFIX = process.platform === 'win32' ? '.exe' : '';

function fileOf({ module, version }: GoTool, env: NodeJS.ProcessEnv): string {
  const name = `${basename(module)}-${version}${EXECUTABLE_SUFFIX}`;
  return join(stackFolder(env), 'go-tools', name);
}
