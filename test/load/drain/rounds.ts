import type { Print } from '../bench-shape.ts';
import { type BridgeFigures, takeBridgeTurn } from './bridge-turn.ts';
import type { DrainSettings } from './drain.ts';
import { type HoldfastFigures, takeHoldfastTurn } from './holdfast-turn.ts';

/** 1 Mbit/s, and 200 ms each way. */
export const SLOW_LINE = { bytesPerSecond: 125_000, delayMs: 200 };
const LIVE_EVERY_MS = 50;
const SLOW_LIVE_EVERY_MS = 200;
/** Where only bytes are counted, live data is there and hardly counts. */
const WIRE_LIVE_EVERY_MS = 1_000;

export interface Round {
  readonly drain?: HoldfastFigures;
  readonly wire?: HoldfastFigures;
  readonly slow?: HoldfastFigures;
  readonly peers: Readonly<Record<string, PeerFigures>>;
}

export interface PeerFigures {
  readonly drain?: BridgeFigures;
  readonly wire?: BridgeFigures;
}

export async function takeRounds(settings: DrainSettings, print: Print): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= settings.rounds; round++) {
    const say = (text: string): void => print.progress(`round ${round}/${settings.rounds} ${text}`);
    const ours = await takeOurs(settings, say);
    const peers: Record<string, PeerFigures> = {};
    for (const name of Object.keys(settings.peers))
      peers[name] = await takePeer(settings, name, say);
    rounds.push({ ...ours, peers });
  }
  return rounds;
}

type Say = (text: string) => void;

async function takeOurs(settings: DrainSettings, say: Say): Promise<Omit<Round, 'peers'>> {
  const { parts, messages, wireMessages, slowMessages, slowMs } = settings;
  const round: { -readonly [part in keyof Omit<Round, 'peers'>]: Round[part] } = {};
  if (parts.includes('drain')) {
    round.drain = await takeHoldfastTurn({ messages, liveEveryMs: LIVE_EVERY_MS });
    const { diskSeconds, answeredSeconds, live } = round.drain;
    say(
      `holdfast: ${diskSeconds.toFixed(1)} s to the disk, ${answeredSeconds.toFixed(1)} s to ` +
        `the API, live p99 ${live.p99Ms.toFixed(0)} ms of ${live.count}`,
    );
  }
  if (parts.includes('wire')) {
    const liveEveryMs = WIRE_LIVE_EVERY_MS;
    round.wire = await takeHoldfastTurn({ messages: wireMessages, liveEveryMs, line: {} });
    say(`holdfast: ${(round.wire.wireBytes / round.wire.messages).toFixed(1)} B a message`);
  }
  if (parts.includes('slow')) {
    const liveEveryMs = SLOW_LIVE_EVERY_MS;
    const turn = { messages: slowMessages, liveEveryMs, line: SLOW_LINE, forMs: slowMs };
    round.slow = await takeHoldfastTurn(turn);
    const { upBytesPerSecond, live } = round.slow;
    const share = (100 * upBytesPerSecond) / SLOW_LINE.bytesPerSecond;
    say(`holdfast: ${share.toFixed(1)} % of the slow line, live p99 ${live.p99Ms.toFixed(0)} ms`);
  }
  return round;
}

async function takePeer(settings: DrainSettings, name: string, say: Say): Promise<PeerFigures> {
  const { parts, messages, wireMessages, peers } = settings;
  const lines = { settings: peers[name]! };
  const drain = parts.includes('drain') ? await takeBridgeTurn({ messages, ...lines }) : undefined;
  if (drain) say(`${name}: ${drain.seconds.toFixed(1)} s to the subscriber`);
  const wire = parts.includes('wire')
    ? await takeBridgeTurn({ messages: wireMessages, line: {}, ...lines })
    : undefined;
  if (wire) say(`${name}: ${(wire.wireBytes / wireMessages).toFixed(1)} B a message`);
  return { ...(drain && { drain }), ...(wire && { wire }) };
}
