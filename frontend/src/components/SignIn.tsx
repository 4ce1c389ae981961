import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";

import { useAppState, useDashboard } from "../state/context";
import { Wordmark } from "./Wordmark";

/** The sign-in. A key that the address brought and that was not taken stands in the field, to be tried again. */
export function SignIn({ offeredKey }: { readonly offeredKey: string | null }): ReactNode {
  const dashboard = useDashboard();
  const { busy, problem } = useAppState((state) => state.signIn);
  const [key, setKey] = useState(offeredKey ?? "");
  const field = useRef<HTMLInputElement>(null);
  const missing = key.trim() === "";

  // There is nothing else on this page to begin with; and after a refusal the key is what to look at.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new problem calls for it
  useEffect(() => field.current?.focus(), [problem]);

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (!missing && !busy) void dashboard.signIn(key.trim());
  }

  return (
    <main className="door">
      <Wordmark />
      <form className="door__form" onSubmit={submit}>
        <label htmlFor="key">Key</label>
        {/* A key has no user name, but a password manager wants one to remember it by. */}
        <input type="text" autoComplete="username" value="barometer" readOnly hidden />
        <input
          ref={field}
          id="key"
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          placeholder="bar_…"
          value={key}
          onChange={(event) => setKey(event.target.value)}
          aria-invalid={problem !== null}
          aria-describedby="key-help"
        />
        <button type="submit" className="button button--primary" disabled={missing || busy}>
          Sign in
        </button>
        {problem && (
          <p className="door__problem" role="alert">
            <strong>{problem.title}.</strong> {problem.detail}
          </p>
        )}
        <p id="key-help" className="door__help">
          <code>barometer up</code> prints an address with a key that signs you in at once.
        </p>
      </form>
    </main>
  );
}
