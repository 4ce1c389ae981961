/**
 * Light or dark: the system's choice until someone makes one here, which is remembered. `public/theme.js` applies a
 * remembered choice before the first paint; this keeps it from then on.
 */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";

const STORED = "barometer-theme";
const listeners = new Set<() => void>();
const system = matchMedia("(prefers-color-scheme: dark)");
system.addEventListener("change", announce);

function announce(): void {
  for (const listener of listeners) listener();
}

export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(STORED, theme);
  } catch {
    // A browser that keeps nothing: the choice holds for this page.
  }
  announce();
}

export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(onTheme, currentTheme);
}
