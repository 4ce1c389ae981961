/** The page's address says what is looked at, and each change of view is a step that the browser's Back button undoes. */
import type { Dashboard } from "./dashboard";
import { searchOf, selectionFrom } from "./selection";

/** From here on the address follows the view, and the view follows Back and Forward. */
export function followAddress(dashboard: Dashboard): void {
  const { store } = dashboard;
  const wanted = (): string => searchOf(store.get().selection);
  const address = (): string => location.pathname + wanted();

  // What the address asked for and is not to be had is no step of its own.
  if (wanted() !== location.search) history.replaceState(null, "", address());
  store.subscribe(() => {
    if (wanted() !== location.search) history.pushState(null, "", address());
  });
  addEventListener("popstate", () => {
    // A key pasted into the address is told by this event too.
    if (wanted() !== location.search) dashboard.select(selectionFrom(location.search));
  });
}
