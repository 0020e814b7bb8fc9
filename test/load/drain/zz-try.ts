import { takeHoldfastTurn } from '/work/main/test/load/drain/holdfast-turn.ts';
import { takeBridgeTurn } from '/work/main/test/load/drain/bridge-turn.ts';
const n = Number(process.argv[3] ?? 100000);
if (process.argv[2] === 'ours') console.log(await takeHoldfastTurn({ messages: n, liveEveryMs: 50 }));
if (process.argv[2] === 'wire') console.log(await takeHoldfastTurn({ messages: n, liveEveryMs: 500, line: {} }));
if (process.argv[2] === 'slow') console.log(await takeHoldfastTurn({ messages: n, liveEveryMs: 200, line: {bytesPerSecond: 125000, delayMs: 200}, forMs: 30000 }));
if (process.argv[2] === 'bridge') console.log(await takeBridgeTurn({ messages: n, settings: [] }));
if (process.argv[2] === 'bridgewire') console.log(await takeBridgeTurn({ messages: n, settings: [], line: {} }));
