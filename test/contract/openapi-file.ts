import { execFile } from 'node:child_process';
import { ensureGoTool, type GoTool } from '../../infra/local/stack/go-tool.ts';
import { inProto } from './proto-file.ts';

export const OPENAPI_FILE = inProto('openapi.json');
/** What was last accepted: every export after it has to get along with it. */
export const OPENAPI_BASELINE = inProto('baseline/openapi.json');

export const OASDIFF: GoTool = { module: 'github.com/oasdiff/oasdiff', version: 'v1.35.0' };
const DIFF_TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export function textOf(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

interface Finding {
  readonly id: string;
  readonly text: string;
  readonly level: number;
  readonly operation: string;
  readonly path: string;
}

/** What in `after` breaks who relies on `before`, files both; empty when it only adds. */
export async function breakingOpenApi(before: string, after: string): Promise<readonly string[]> {
  const oasdiff = await ensureGoTool(OASDIFF);
  const output = await run(oasdiff, ['breaking', '--format', 'json', before, after]);
  const findings = output.trim() === '' ? [] : (JSON.parse(output) as readonly Finding[]);
  return findings.map(({ operation, path, text }) => `${operation} ${path}: ${text}`);
}

function run(file: string, words: readonly string[]): Promise<string> {
  const options = { timeout: DIFF_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve, reject) => {
    execFile(file, words, options, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout);
    });
  });
}
