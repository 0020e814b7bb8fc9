import { publishBy } from './broker.fixture.ts';

// The same promises when every publish goes through Aedes.
publishBy('aedes');
await import('./broker.test.ts');
await import('./frame-guard.test.ts');
