/** How components reach the dashboard: what it knows (`useAppState`) and what it can be asked to do (`useDashboard`). */
import { createContext, useContext } from "react";

import type { Dashboard } from "./dashboard";
import type { State } from "./state";
import { useStore } from "./store";

export const DashboardContext = createContext<Dashboard | null>(null);

export function useDashboard(): Dashboard {
  const dashboard = useContext(DashboardContext);
  if (dashboard === null) throw new Error("a component that needs the dashboard stands outside its context");
  return dashboard;
}

/** Part of the state; `select` must give the same value for the same state. */
export function useAppState<T>(select: (state: State) => T): T {
  return useStore(useDashboard().store, select);
}
