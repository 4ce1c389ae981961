// @vitest-environment jsdom
import { expect, test } from "vitest";

import { FakeWire, fakeApi } from "../test/make";
import { followAddress } from "./address";
import { Dashboard } from "./dashboard";
import { reduce } from "./reducer";
import { selectionFrom } from "./selection";
import { INITIAL } from "./state";
import { createStore } from "./store";

test("each change of view is a step in the browser's history, and Back undoes it", async () => {
  history.replaceState(null, "", "/?window=3y");
  const store = createStore(reduce, { ...INITIAL, selection: selectionFrom(location.search) });
  const dashboard = new Dashboard({ api: fakeApi(), store, openSocket: () => new FakeWire() });
  followAddress(dashboard);
  expect(location.search, "what cannot be had is not claimed").toBe("");

  const steps = history.length;
  dashboard.select({ topic: "coffee" });
  dashboard.select({ window: "24h" });
  expect(location.search).toBe("?topic=coffee&window=24h");
  expect(history.length).toBe(steps + 2);

  const moved = new Promise((resolve) => addEventListener("popstate", resolve, { once: true }));
  history.back();
  await moved;
  expect(store.get().selection).toMatchObject({ topic: "coffee", window: "1h" });
  expect(history.length, "going back makes no step").toBe(steps + 2);
  dashboard.stop();
});
