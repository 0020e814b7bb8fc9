import { OrderProcess, newPlace, dropPlace, CUSTOMER, SAMPLE_BODY } from './order.fixture.ts';
import { MemoryPeers } from './peers.fixture.ts';
const place = newPlace((process.argv[2] ?? 'sqlite') as 'sqlite');
const peers = new MemoryPeers();
(peers as any).taken = () => 0n;
peers.stock.set('peas', 1_000_000n);
const p = await OrderProcess.open(place, { peers: peers.clients(), settings: { sweepMs: 250 } });
const N = Number(process.argv[3] ?? 3000), C = Number(process.argv[4] ?? 32);
const cpu0 = process.cpuUsage(); const t0 = performance.now();
let i = 0;
await Promise.all(Array.from({ length: C }, async () => { while (i++ < N) { await p.place(); } }));
for (;;) { const [{ c }] = await p.sql.read((db) => db.selectFrom('orders').select((eb) => eb.fn.countAll().as('c')).where('state', '=', 'confirmed').execute()) as any; if (Number(c) >= N) break; await new Promise((r) => setTimeout(r, 20)); }
const s = (performance.now() - t0) / 1000; const cpu = process.cpuUsage(cpu0);
console.log(`${N} orders, ${C} in flight: ${(N / s).toFixed(0)}/s, cpu ${((cpu.user + cpu.system) / N).toFixed(0)} us/order`);
await p.close(); await dropPlace(place);
process.exit(0);
