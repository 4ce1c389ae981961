import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the sources and hands everything else to a running `barometer up`.
const BAROMETER = "http://127.0.0.1:8000";

// Tests read numbers as an American does, wherever they run.
if (process.env["VITEST"]) process.env["LC_ALL"] = "en-US";

export default defineConfig({
  plugins: [react()],
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: {
      // The origin is rewritten, because Barometer refuses a socket or a session from an origin other than its own.
      "/api": { target: BAROMETER, changeOrigin: true, headers: { origin: BAROMETER } },
      "/socket": { target: BAROMETER, changeOrigin: true, ws: true, headers: { origin: BAROMETER } },
    },
  },
  build: {
    target: "es2022",
    // The front door sends `default-src 'self'`, under which a data: URI would be refused.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    // Files that draw say so in their first line.
    environment: "node",
    setupFiles: ["src/test/setup.ts"],
    restoreMocks: true,
    // Nothing here waits for long; only a machine that is busy with much else does.
    testTimeout: 60_000,
    unstubGlobals: true,
  },
});
