import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROTO_FOLDER = fileURLToPath(new URL('../../proto', import.meta.url));
/** The image that was last accepted: every change after it has to get along with it. */
export const GRPC_BASELINE = join(PROTO_FOLDER, 'baseline', 'grpc.binpb');

const WINDOWS_SUFFIX = process.platform === 'win32' ? '.cmd' : '';
const BUF = fileURLToPath(new URL(`../../node_modules/.bin/buf${WINDOWS_SUFFIX}`, import.meta.url));
const BUF_TIMEOUT_MS = 60_000;

export interface BufRun {
  readonly code: number;
  readonly output: string;
}

/** Runs buf in `folder`. A finding is a result with a code other than 0, not an error. */
export function buf(folder: string, ...words: readonly string[]): Promise<BufRun> {
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, timeout: BUF_TIMEOUT_MS, shell: process.platform === 'win32' };
    execFile(BUF, words, options, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), output: `${stdout}${stderr}` });
    });
  });
}

/** Comments are no contract, so that rewording one does not make the baseline stale. */
export function buildImage(folder: string, target: string): Promise<BufRun> {
  return buf(folder, 'build', '-o', target, '--exclude-source-info');
}

export function findBreaks(folder: string, baseline: string): Promise<BufRun> {
  return buf(folder, 'breaking', '--against', baseline);
}
