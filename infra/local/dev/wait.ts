import { existsSync } from 'node:fs';
import type { Child } from './children.ts';
import { tail } from './children.ts';

const POLL_MS = 50;
const REQUEST_TIMEOUT_MS = 2_000;

/** Waits until the URL answers 200; fails with the child's last words when that takes too long. */
export async function waitReady(
  url: string,
  child: Child,
  options: { logFile: string; timeoutMs: number },
): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  while (Date.now() < deadline) {
    if (await answers(url)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const log = existsSync(options.logFile) ? `; its last lines:\n${tail(options.logFile)}` : '';
  throw new Error(`${child.name} was not ready within ${options.timeoutMs / 1000} s${log}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false; // Not listening yet: that is what we wait for.
  }
}
