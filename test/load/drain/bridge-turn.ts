import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../e2e/eventually.ts';
import { freePorts } from '../../e2e/free-ports.ts';
import { type LinePaceOptions, startLine } from '../../network/line.ts';
import { type DiskFigures, probeDisk } from '../disk-probe.ts';
import { Ground, type Started } from '../ground.ts';
import { findProgram } from '../servers/debian.ts';
import { greet } from '../servers/mqtt-session.ts';
import { runFill } from './holdfast-turn.ts';

const PROBE_MS = 500;
const FILL_PER_SECOND = 1_000;
const START_MS_MAX = 60_000;
const SUBSCRIBE_MS = 500;
const LOOK_MS = 50;
const DRAIN_MS_MAX = 300_000;

export interface BridgeTurn {
  readonly messages: number;
  /** Lines of both brokers' configuration. */
  readonly settings: readonly string[];
  readonly line?: LinePaceOptions;
}

export interface BridgeFigures {
  /** From the first message at the subscriber to the last. */
  readonly seconds: number;
  readonly disk: DiskFigures;
  /** Both ways. */
  readonly wireBytes: number;
}

/**
 * A broker keeps the messages for its bridge, on disk; then the broker at the other end is there,
 * with a subscriber, and the bridge drains.
 */
export async function takeBridgeTurn(turn: BridgeTurn): Promise<BridgeFigures> {
  const ground = new Ground();
  const [local, remote, linePort] = (await freePorts(3)) as [number, number, number];
  const line = turn.line && { listenPort: linePort, targetPort: remote, ...turn.line };
  const opened = line && (await startLine(line));
  try {
    const start = () =>
      startBroker(
        ground,
        'local',
        localLines(ground, turn, { local, linePort: line ? linePort : remote }),
      );
    const filled = start();
    await answering(local);
    await runFill({
      messages: turn.messages,
      perSecond: FILL_PER_SECOND,
      startMs: Date.now() - (turn.messages / FILL_PER_SECOND) * 1_000,
      into: { kind: 'broker', port: local },
    });
    await stopSaving(filled);
    startBroker(ground, 'remote', listener(remote, turn.settings));
    await answering(remote);
    const subscriber = subscribe(ground, remote, turn.messages);
    await sleep(SUBSCRIBE_MS);
    const disk = probeDisk(ground.dir, PROBE_MS);
    start();
    const seconds = await received(subscriber, turn.messages);
    const { up, down } = opened?.bytes() ?? { up: 0, down: 0 };
    return { seconds, disk, wireBytes: up + down };
  } catch (cause) {
    throw new Error(`bridge: ${(cause as Error).message}\n${ground.lastWords()}`, { cause });
  } finally {
    await ground.close();
    await opened?.close();
  }
}

function localLines(
  ground: Ground,
  { settings }: BridgeTurn,
  { local, linePort }: { local: number; linePort: number },
): string[] {
  const folder = ground.path('kept');
  mkdirSync(folder, { recursive: true });
  return [
    ...listener(local, settings),
    'persistence true',
    `persistence_location ${folder}/`,
    'connection up',
    `address 127.0.0.1:${linePort}`,
    'topic # out 1',
    'cleansession false',
    'restart_timeout 1',
    'notifications false',
  ];
}

function listener(port: number, settings: readonly string[]): string[] {
  return [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    // Started by root it would become another user, who may not write into the temp folder.
    'user root',
    // By default it drops what a subscriber does not take at once.
    'max_queued_messages 0',
    ...settings,
  ];
}

function startBroker(ground: Ground, name: string, lines: readonly string[]): Started {
  const file = ground.path(`${name}.conf`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return ground.start({ name, program: findProgram('mosquitto')!, args: ['-c', file] });
}

async function answering(port: number): Promise<void> {
  const answers = async (): Promise<true> => {
    await greet(port);
    return true;
  };
  await eventually(`mosquitto on port ${port}`, answers, START_MS_MAX);
}

/** It writes what it keeps when it ends. */
async function stopSaving(broker: Started): Promise<void> {
  process.kill(broker.pid, 'SIGTERM');
  await broker.ended;
}

/** Prints the time of each message. */
function subscribe(ground: Ground, port: number, messages: number): Started {
  const what = ['-t', 'devices/#', '-q', '1', '-F', '%U', '-C', String(messages)];
  const args = ['-h', '127.0.0.1', '-p', String(port), '-i', 'bench-subscriber', ...what];
  return ground.start({ name: 'subscriber', program: findProgram('mosquitto_sub')!, args });
}

async function received(subscriber: Started, messages: number): Promise<number> {
  const deadlineMs = performance.now() + DRAIN_MS_MAX;
  while (subscriber.running() && performance.now() < deadlineMs) await sleep(LOOK_MS);
  const times = subscriber.output().trim().split('\n');
  if (times.length < messages)
    throw new Error(`the subscriber got ${times.length} of ${messages} messages`);
  return Number(times.at(-1)) - Number(times[0]);
}
