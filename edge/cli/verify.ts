import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { type Clock, systemClock } from '@holdfast/shared/runtime/clock.ts';
import { openLineOutput } from '@holdfast/shared/runtime/line-output.ts';
import type {
  BufferOnDisk,
  QuarantinedFile,
  SalvageRecord,
} from '../buffer/inspection/buffer-reader.ts';
import {
  type Finding,
  unopened,
  type Verification,
  verifyBuffer,
} from '../buffer/inspection/verification.ts';
import { ledgerTable } from './status-page.ts';

/** Who waits longer than this is told how far it is, each time again. */
const PROGRESS_MS = 2_000;
/** The structure's check cannot say how far it is; below this it is quick. */
const QUICK_BYTES_MAX = 256 * 1024 * 1024;

/** `holdfast-gateway verify`: exit code 1 with findings. */
export async function verify(disk: BufferOnDisk, asJson: boolean): Promise<void> {
  const result = check(disk);
  const quarantined = disk.quarantined();
  const text = asJson ? jsonOf(disk, result, quarantined) : pageOf(disk, result, quarantined);
  await (await openLineOutput(undefined)).write(text);
  if (result.findings.length > 0) process.exitCode = 1;
}

function check(disk: BufferOnDisk): Verification {
  try {
    const reader = disk.open();
    try {
      if (reader.fileBytes > QUICK_BYTES_MAX)
        say(`checking the structure of ${reader.fileBytes} bytes …`);
      return verifyBuffer(reader, progress(systemClock));
    } finally {
      reader.close();
    }
  } catch (cause) {
    if (cause instanceof AppError && cause.code === 'STORE_DAMAGED') return unopened(cause);
    throw cause;
  }
}

function progress(clock: Clock): (messages: number) => void {
  let saidMs = clock.monotonicMs();
  return (messages) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - saidMs < PROGRESS_MS) return;
    saidMs = nowMs;
    say(`${messages} messages checked …`);
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function jsonOf(
  { file }: BufferOnDisk,
  result: Verification,
  quarantined: readonly QuarantinedFile[],
): string {
  const findings = result.findings.map(({ kind, place, what, remedy }) => ({
    kind,
    incarnation: place?.incarnation ?? null,
    lane: place?.lane ?? null,
    from: place ? Number(place.range.first) : null,
    to: place ? Number(place.range.last) : null,
    what,
    remedy,
  }));
  const clean = findings.length === 0;
  return `${JSON.stringify({ file, clean, ...result, findings, quarantined }, undefined, 2)}\n`;
}

function pageOf(
  { file }: BufferOnDisk,
  result: Verification,
  quarantined: readonly QuarantinedFile[],
): string {
  const { groups, blocks, messages, findings, findingsLeftOff, ledger } = result;
  const lines = [
    file,
    `${messages} messages in ${groups} groups and ${blocks} blocks are what was written`,
    '',
    ...(ledger.length > 0 ? [...ledgerTable(ledger), ''] : []),
    ...salvageLines(result.salvage),
    ...quarantined.flatMap(quarantinedLines),
    ...findings.flatMap(findingLines),
    ...(findingsLeftOff > 0 ? [`and ${findingsLeftOff} more`] : []),
    findings.length === 0 ? 'clean' : `findings: ${findings.length + findingsLeftOff}`,
  ];
  return `${lines.join('\n')}\n`;
}

function salvageLines(salvage: SalvageRecord | undefined): string[] {
  if (!salvage) return [];
  const { atMicros, messages, damaged, newIncarnation } = salvage;
  const at = new Date(Number(BigInt(atMicros) / 1000n)).toISOString();
  const since = newIncarnation ? '; what came since has a new incarnation' : '';
  return [`salvaged ${at}: ${messages} messages kept, ${damaged} damaged${since}`, ''];
}

function quarantinedLines({ file, bytes }: QuarantinedFile): string[] {
  const remedy = `export --file ${file} writes what is readable; then remove it.`;
  return [`set aside because it was damaged: ${file} (${bytes} bytes)`, `  ${remedy}`, ''];
}

function findingLines({ kind, place, what, remedy }: Finding): string[] {
  const where = place
    ? `${place.lane} ${place.range.first}-${place.range.last} of ${place.incarnation}: `
    : '';
  return [`${kind}: ${where}${what}`, `  ${remedy}`, ''];
}
