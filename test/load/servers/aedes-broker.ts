import { createServer } from 'node:net';
import { Aedes } from 'aedes';

const broker = await Aedes.createBroker();
const server = createServer({ noDelay: true }, (stream) => broker.handle(stream));
server.listen(Number(process.argv[2]), '127.0.0.1');
