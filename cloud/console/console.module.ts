import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { HttpApp } from '@holdfast/shared/runtime/http.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { ServiceHandle } from '../service.ts';
import { answerFrom, notBuiltAnswer } from './answers.ts';
import { type Bundle, readBundle } from './bundle.ts';

export interface ConsoleDeps {
  /** Where `vite build cloud/console/ui` wrote the bundle. */
  readonly distDir: string;
  readonly runtime: Runtime;
}

const BASE = '/console/';

/**
 * Serves the console at /console/. Its files are read once, here; without them a page says how to
 * build them.
 */
export async function openConsole({ distDir, runtime }: ConsoleDeps): Promise<ServiceHandle> {
  const outcome = readBundle(distDir);
  if (outcome.kind === 'missing') {
    runtime.log.warn({ distDir, file: outcome.file }, 'the console is not built');
  }
  const bundle = outcome.kind === 'read' ? outcome.bundle : undefined;
  return {
    module: {
      name: 'console',
      needs: [],
      start: async () => {},
      stop: async () => {},
      degraded: () => (bundle ? undefined : 'the console is not built'),
    },
    routes: ({ app }) => addRoutes(app, bundle),
  };
}

function addRoutes(app: HttpApp, bundle: Bundle | undefined): void {
  app.get('/', (c) => c.redirect('/console/'));
  app.get('/console', (c) => c.redirect(BASE, 308));
  app.get(`${BASE}*`, (c) => {
    if (!bundle) return notBuiltAnswer();
    const answer = answerFrom(bundle, {
      path: c.req.path.slice(BASE.length),
      ifNoneMatch: c.req.header('if-none-match'),
      acceptEncoding: c.req.header('accept-encoding'),
    });
    if (!answer) throw new AppError('NOT_FOUND', `there is no file ${c.req.path}`);
    return answer;
  });
}
