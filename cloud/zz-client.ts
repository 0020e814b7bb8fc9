import { Agent, request } from 'node:http';
const { port, method, path, token, body } = JSON.parse(process.argv[2]!);
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const once = () => new Promise<void>((resolve, reject) => { const r = request({ agent, host: '127.0.0.1', port, method, path, headers: { authorization: `Bearer ${token}`, ...(method === 'POST' ? { 'content-type': 'application/json', 'content-length': body.length } : {}), 'idempotency-key': 'k' } }, (a) => { if (a.statusCode! > 299) reject(new Error(String(a.statusCode))); a.resume(); a.on('end', () => resolve()); }); r.on('error', reject); r.end(method === 'POST' ? body : undefined); });
const run = async (n: number) => { let left = n; await Promise.all(Array.from({ length: 16 }, async () => { while (left-- > 0) await once(); })); };
await run(5000); process.send!('ready'); process.once('message', async () => { await run(20000); process.send!('done'); });
