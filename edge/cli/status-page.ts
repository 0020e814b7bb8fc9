import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { printLine } from '@holdfast/shared/runtime/command-line.ts';
import { requestJson } from '@holdfast/shared/runtime/outbound.ts';
import { z } from 'zod';
import type { GatewaySettings } from '../settings.ts';

const TIMEOUT_MS = 5_000;
const COLUMNS = ['accepted', 'delivered', 'parked', 'condensed', 'dropped', 'damaged', 'pending'];

const statusSchema = z.looseObject({
  gatewayId: z.string().nullable(),
  incarnation: z.string(),
  uplink: z.looseObject({ phase: z.string(), error: z.string().optional() }),
  bufferBytes: z.number(),
  lanes: z.array(z.looseObject({ lane: z.string() })),
  modules: z.array(
    z.object({ name: z.string(), state: z.string(), detail: z.string().optional() }),
  ),
});

/** Asks the running gateway and prints what it says, as a table or as JSON. */
export async function printStatus(settings: GatewaySettings, asJson: boolean): Promise<void> {
  const { host, port } = settings.pages;
  const url = `http://${host}:${port}/v1/status`;
  const answer = await requestJson({ url, timeoutMs: TIMEOUT_MS }).catch((cause: unknown) => {
    throw new AppError('UNAVAILABLE', `no gateway answers at ${url}`, {
      cause,
      hint: 'is it running? pages.host and pages.port say where to ask',
    });
  });
  if (asJson) return printLine(JSON.stringify(answer.body, undefined, 2));
  const status = statusSchema.parse(answer.body);
  printLine(`gateway      ${status.gatewayId ?? '(not enrolled)'}`);
  printLine(`incarnation  ${status.incarnation}`);
  const { phase, error } = status.uplink;
  printLine(`uplink       ${phase}${error ? `: ${error}` : ''}`);
  printLine(`buffer       ${status.bufferBytes} bytes\n`);
  for (const line of ledgerTable(status.lanes)) printLine(line);
  for (const module of status.modules) {
    if (module.state !== 'ready') {
      printLine(`\n${module.name}: ${module.state}${module.detail ? `: ${module.detail}` : ''}`);
    }
  }
}

/** A head and a line per lane. */
export function ledgerTable(
  lanes: readonly { readonly lane: string; readonly [name: string]: unknown }[],
): string[] {
  const line = (lane: (typeof lanes)[number]) => COLUMNS.map((name) => String(lane[name] ?? ''));
  return [row(['lane', ...COLUMNS]), ...lanes.map((lane) => row([lane.lane, ...line(lane)]))];
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell) => cell.padEnd(11))
    .join('')
    .trimEnd();
}
