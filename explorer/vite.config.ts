import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const OUT = '../src/catalograph/web/explorer';
// Where the server serves `assets/`, as seen from the page at /graphql.
const ASSETS_FROM_PAGE = 'graphql/';

/** Writes name.br and name.gz beside each asset: the server compresses nothing itself. */
function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    closeBundle() {
      const folder = join(import.meta.dirname, OUT, 'assets');
      for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        const bytes = readFileSync(path);
        const params = {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  logLevel: 'warn',
  base: './',
  plugins: [precompress()],
  experimental: {
    renderBuiltUrl: (filename, { hostType }) =>
      hostType === 'html' ? ASSETS_FROM_PAGE + filename : { relative: true },
  },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'], // light-dark() stays as it is written
    assetsInlineLimit: 0, // data: URLs would have to be allowed by the content security policy
    chunkSizeWarningLimit: 1500,
    reportCompressedSize: false,
    sourcemap: false,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
