import '@holdfast/shared/ui/tokens.css';
import '@holdfast/shared/ui/parts.css';
import './console.css';
import './commerce.css';
import { createApiClient } from '@holdfast/shared/ui/api-client.ts';
import { tabPeers } from '@holdfast/shared/ui/session.ts';
import { render } from 'preact';
import { App } from './app.tsx';
import { createRouter } from './routes.ts';

const api = createApiClient({
  fetch: (path, init) => fetch(path, init),
  storage: sessionStorage,
  now: () => Date.now(),
  chance: () => Math.random(),
  peers: tabPeers(),
});

render(<App api={api} router={createRouter()} />, document.getElementById('root')!);
