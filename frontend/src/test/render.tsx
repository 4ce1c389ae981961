/** Draws a component with a dashboard around it, whose server is the test. */
import { render } from "@testing-library/react";
import type { ReactNode } from "react";

import type { Api } from "../api/client";
import { DashboardContext } from "../state/context";
import { Dashboard } from "../state/dashboard";
import { reduce } from "../state/reducer";
import { type Action, INITIAL, type State } from "../state/state";
import { createStore, type Store } from "../state/store";
import { FakeWire, fakeApi } from "./make";

interface Drawn {
  readonly store: Store<State, Action>;
  readonly dashboard: Dashboard;
}

export function draw(component: ReactNode, state: Partial<State> = {}, api: Partial<Api> = {}): Drawn {
  const store = createStore(reduce, { ...INITIAL, session: "signed-in", ...state });
  const dashboard = new Dashboard({ api: fakeApi(api), store, openSocket: () => new FakeWire() });
  render(<DashboardContext value={dashboard}>{component}</DashboardContext>);
  return { store, dashboard };
}

export function loaded<T>(value: T): { value: T; problem: null; stale: false } {
  return { value, problem: null, stale: false };
}
