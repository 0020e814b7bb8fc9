import { BUILD_COMMAND, type Bundle, type BundleFile } from './bundle.ts';

const ASSETS_FOLDER = 'assets/';

/**
 * Nothing but the console's own files and its own origin. Inline scripts and styles, frames, and
 * strings that become markup are off; so is sending a form, because a sign-in form that is sent as
 * it is would put the password into the address (the page itself sends it).
 */
const SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Images of products come with the session's token, which no <img> sends: the page fetches them.
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const SECURITY_HEADERS = {
  'content-security-policy': SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

export interface PageRequest {
  /** Below /console/, as it was sent: never decoded, only looked up. */
  readonly path: string;
  readonly ifNoneMatch: string | undefined;
  readonly acceptEncoding: string | undefined;
}

/**
 * undefined when there is no such asset; every other path is the page, which reads the address
 * itself.
 */
export function answerFrom(bundle: Bundle, request: PageRequest): Response | undefined {
  const asset = bundle.assets.get(request.path);
  // The name changes with the content, so what was fetched once is never asked for again.
  if (asset) return send(asset, request, 'public, max-age=31536000, immutable');
  if (request.path.startsWith(ASSETS_FOLDER)) return undefined;
  return send(bundle.page, request, 'no-cache');
}

function send(file: BundleFile, request: PageRequest, cacheControl: string): Response {
  const gzip = acceptsGzip(request.acceptEncoding) ? file.gzip : undefined;
  const etag = gzip ? file.gzipEtag : file.etag;
  const headers = new Headers({
    ...SECURITY_HEADERS,
    'content-type': file.type,
    'cache-control': cacheControl,
    vary: 'accept-encoding',
    etag,
  });
  if (matches(request.ifNoneMatch, etag)) return new Response(null, { status: 304, headers });
  if (gzip) headers.set('content-encoding', 'gzip');
  return new Response(gzip ?? file.bytes, { headers });
}

/** If-None-Match compares weakly (RFC 9110 §13.1.2). */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}

function acceptsGzip(acceptEncoding = ''): boolean {
  return acceptEncoding
    .split(',')
    .map((coding) => coding.trim().split(/\s*;\s*/))
    .some(([name, weight]) => name === 'gzip' && !/^q=0(\.0*)?$/.test(weight ?? ''));
}

const NOT_BUILT_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Holdfast: the console is not built</title>
</head>
<body>
<h1>The console is not built</h1>
<p>The cloud runs, but the files of its console are not there. In the repository, run</p>
<pre>${BUILD_COMMAND}</pre>
<p>and start the cloud again. <code>npm start</code> does both.</p>
</body>
</html>
`;

export function notBuiltAnswer(): Response {
  const headers = new Headers({
    ...SECURITY_HEADERS,
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
  });
  return new Response(NOT_BUILT_PAGE, { status: 503, headers });
}
