import type { ReactNode } from "react";

/** The name, with a little dial before it. */
export function Wordmark(): ReactNode {
  return (
    <h1 className="wordmark">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <path className="wordmark__low" d="M5.6 22A12 12 0 0 1 11.3 5" />
        <path className="wordmark__mid" d="M13.8 4.2a12 12 0 0 1 4.4 0" />
        <path className="wordmark__high" d="M20.7 5a12 12 0 0 1 5.7 17" />
        <path className="wordmark__hand" d="M16 17 22 9" />
        <circle cx="16" cy="17" r="2.4" />
      </svg>
      Barometer
    </h1>
  );
}
