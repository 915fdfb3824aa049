import { defineConfig } from "vitest/config";

// One page under /console/; nothing is inlined, so that the policy of `cior_console.console_page` holds.
export default defineConfig({
  base: "/console/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  test: { environment: "happy-dom", include: ["test/**/*.test.{ts,tsx}"] },
});
