import { defineConfig } from 'vite';

// Assets are served from below /graphiql/ by the Crossdock binary, which embeds them.
export default defineConfig({
  base: '/graphiql/',
  build: { outDir: 'dist', emptyOutDir: true, chunkSizeWarningLimit: 8000, sourcemap: false },
  worker: { format: 'es' },
});
