/** The sign-in key that `barometer up` prints as `#key=bar_…`: a fragment, so that it never reaches a server's log. */
const FRAGMENT = /^#key=(.+)$/;

/** Take the key out of the address, where it would be seen and remembered; `null` when there is none. */
export function takeKey(): string | null {
  const found = FRAGMENT.exec(location.hash)?.[1];
  if (found === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(found).trim();
  } catch {
    return found.trim();
  }
}
