import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { readFileIfThere } from '@holdfast/shared/runtime/files.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import type { Api } from './api.ts';
import { openApiDocument } from './document.ts';
import { contentTag, isNotModified } from './entity-tag.ts';

/** The page loads nothing from elsewhere, so that it works where there is no line. */
const SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // Swagger UI sets styles on its elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast: API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#page',
  deepLinking: true,
  validatorUrl: null,
});
`;

const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** /openapi.json of all routes of this process, and /docs, which shows it. */
export function addDocs({ app, routes }: Api, version: string): void {
  let document: Promise<string> | undefined;
  app.get('/openapi.json', async (c) => {
    document ??= openApiDocument(routes, version).then((value) => JSON.stringify(value));
    return send(c, { bytes: Buffer.from(await document), type: 'application/json' });
  });
  app.get('/docs/', (c) => c.redirect('/docs', 308));
  app.get('/docs', (c) => send(c, { bytes: Buffer.from(PAGE), type: 'text/html; charset=utf-8' }));
  app.get('/docs/start.js', (c) =>
    send(c, { bytes: Buffer.from(START), type: 'text/javascript; charset=utf-8' }),
  );
  for (const [name, type] of Object.entries(FILES)) {
    let file: Sent | undefined;
    app.get(`/docs/${name}`, (c) => {
      file ??= { bytes: swaggerFile(name), type };
      return send(c, file);
    });
  }
}

interface Sent {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly type: string;
}

const TEXT = /^text\/|json/;

function send(c: Context<HttpEnv>, { bytes, type }: Sent): Response {
  const acceptsGzip = /(^|,)\s*gzip\s*(,|;|$)/.test(c.req.header('accept-encoding') ?? '');
  const isSmaller = acceptsGzip && TEXT.test(type);
  const etag = contentTag(`${isSmaller}${bytes.toString('latin1')}`);
  const headers = {
    etag,
    vary: 'accept-encoding',
    'cache-control': 'no-cache',
    'content-security-policy': SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  };
  if (isNotModified(c.req.header('if-none-match'), etag)) {
    return new Response(null, { status: 304, headers });
  }
  const sent = { ...headers, 'content-type': type };
  if (!isSmaller) return new Response(bytes, { headers: sent });
  return new Response(gzipSync(bytes), { headers: { ...sent, 'content-encoding': 'gzip' } });
}

/** From the package, so that its version is the one that the lock file names. */
function swaggerFile(name: string): Buffer<ArrayBuffer> {
  const folder = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
  const bytes = readFileIfThere(join(folder, name));
  if (bytes) return bytes as Buffer<ArrayBuffer>;
  throw new AppError('INTERNAL', `swagger-ui-dist has no ${name}`, { retry: 'never' });
}
