import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { createApi } from "./api/client";
import { takeKey } from "./lib/key";
import { followAddress } from "./state/address";
import { DashboardContext } from "./state/context";
import { Dashboard } from "./state/dashboard";
import { reduce } from "./state/reducer";
import { selectionFrom } from "./state/selection";
import { INITIAL } from "./state/state";
import { createStore } from "./state/store";
import "./styles/index.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");

const key = takeKey();
const store = createStore(reduce, { ...INITIAL, selection: selectionFrom(location.search) });
const dashboard = new Dashboard({
  api: createApi(),
  store,
  openSocket: () => new WebSocket(`${location.origin.replace(/^http/, "ws")}/socket`),
});

followAddress(dashboard);
addEventListener("online", () => dashboard.wake());
addEventListener("hashchange", () => {
  const pasted = takeKey();
  if (pasted !== null) void dashboard.signIn(pasted);
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") dashboard.wake();
});

createRoot(root).render(
  <StrictMode>
    <DashboardContext value={dashboard}>
      <App offeredKey={key} />
    </DashboardContext>
  </StrictMode>,
);
void dashboard.start(key);
