import { defineConfig, type Plugin } from 'vite';

/**
 * Names every file of the bundle, so that the cloud reads exactly these and serves nothing else.
 */
function listFiles(): Plugin {
  return {
    name: 'holdfast-files',
    enforce: 'post',
    generateBundle(_, bundle) {
      const files = Object.keys(bundle).sort();
      this.emitFile({ type: 'asset', fileName: 'files.json', source: JSON.stringify({ files }) });
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  plugins: [listFiles()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // `vite cloud/console/ui` serves the sources, with the API of a cloud that runs on the default
  // port.
  server: { proxy: { '/v1': { target: 'http://127.0.0.1:8080', ws: true } } },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    // The page's security policy allows neither inline scripts nor data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
