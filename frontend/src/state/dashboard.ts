/**
 * What moves the page: keeps the state true by the socket where it can and by REST where it must.
 *
 * - At the start, after every hello, gap and change of view: ask REST for everything.
 * - While not live: ask REST every `POLL_MS`. While live: every `TIDY_MS`, since a window slides on without posts too.
 * - A metrics frame that does not answer the very view being looked at (another window, one source) only tells that
 *   numbers moved: REST is asked for them, at most as often as the window's `restMs`.
 *
 * One refresh runs at a time; what is asked for meanwhile runs once, after it.
 */
import type { Answer, Api } from "../api/client";
import type { Problem } from "../api/problem";
import type { Frame, Metrics } from "../live/frames";
import { LiveSocket, type Wire } from "../live/socket";
import { isAnswer, MOST_ALERTS } from "./reducer";
import { type Selection, scopeOf, WINDOW } from "./selection";
import type { Action, State } from "./state";
import type { Store } from "./store";

export const POLL_MS = 5_000;
export const TIDY_MS = 30_000;
const FIRST_POSTS = 100;

type Part = "numbers" | "posts" | "rest";
const ALL: readonly Part[] = ["numbers", "posts", "rest"];

export interface Parts {
  readonly api: Api;
  readonly store: Store<State, Action>;
  readonly openSocket: () => Wire;
  readonly random?: () => number;
  readonly now?: () => number;
}

export class Dashboard {
  readonly store: Store<State, Action>;
  private readonly api: Api;
  private readonly now: () => number;
  private readonly socket: LiveSocket;
  private running: AbortController | null = null;
  private readonly waiting = new Set<Part>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private numbersTimer: ReturnType<typeof setTimeout> | null = null;

  constructor({ api, store, openSocket, random = Math.random, now = Date.now }: Parts) {
    this.api = api;
    this.store = store;
    this.now = now;
    this.socket = new LiveSocket(
      openSocket,
      {
        onLive: (live) => {
          store.dispatch({ type: "live", live });
          this.schedule();
        },
        onGap: () => this.refresh(ALL),
        onFrame: (frame) => this.onFrame(frame),
      },
      random,
    );
  }

  /** Find out whether the browser has a session already, trying `key` first where the address brought one. */
  async start(key: string | null): Promise<void> {
    if (key !== null) await this.signIn(key);
    else this.refresh(ALL);
  }

  async signIn(key: string): Promise<void> {
    this.store.dispatch({ type: "signing-in" });
    const answer = await this.api.signIn(key);
    if (!answer.ok) {
      this.leave(wordsForSignIn(answer.problem));
      return;
    }
    this.store.dispatch({ type: "signed-in" });
    this.refresh(ALL);
  }

  async signOut(): Promise<void> {
    await this.api.signOut();
    this.leave(null);
  }

  select(change: Partial<Selection>): void {
    const before = this.store.get().selection;
    const selection = { ...before, ...change };
    this.store.dispatch({ type: "selected", selection });
    if (selection.topic !== before.topic) this.socket.subscribe(selection.topic);
    this.cancel();
    this.refresh(ALL);
  }

  async acknowledge(id: string): Promise<void> {
    this.store.dispatch({ type: "acknowledging", id });
    this.store.dispatch({ type: "acknowledged", id, answer: await this.api.acknowledge(id) });
  }

  /** Ask again now: someone pressed the button, looks at the page again, or the network came back. */
  wake(): void {
    if (this.store.get().session === "signed-out") return;
    this.socket.hurry();
    this.refresh(ALL);
  }

  stop(): void {
    this.socket.stop();
    this.cancel();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private onFrame(frame: Frame): void {
    const { dispatch } = this.store;
    if (frame.type === "posts") dispatch({ type: "posts-frame", frame, at: this.now() });
    else if (frame.type === "alert") dispatch({ type: "alert-frame", frame });
    else if (frame.type === "metrics") this.onMetrics(frame);
    else if (frame.type === "error") this.refresh(ALL);
  }

  private onMetrics(frame: Metrics): void {
    const { selection } = this.store.get();
    if (isAnswer(frame, selection)) this.store.dispatch({ type: "metrics-frame", frame });
    else if (frame.topic === selection.topic) {
      this.numbersTimer ??= setTimeout(() => {
        this.numbersTimer = null;
        this.refresh(["numbers"]);
      }, WINDOW[selection.window].restMs);
    }
  }

  private refresh(parts: readonly Part[]): void {
    for (const part of parts) this.waiting.add(part);
    if (this.running === null) void this.run();
  }

  private async run(): Promise<void> {
    const controller = new AbortController();
    this.running = controller;
    while (this.waiting.size > 0 && !controller.signal.aborted) {
      const parts = [...this.waiting];
      this.waiting.clear();
      await Promise.all(parts.flatMap((part) => this.ask(part, controller.signal)));
    }
    if (this.running === controller) this.running = null;
    if (!controller.signal.aborted) this.schedule();
  }

  private ask(part: Part, signal: AbortSignal): Promise<void>[] {
    const { api } = this;
    const scope = scopeOf(this.store.get().selection);
    switch (part) {
      case "numbers":
        return [
          this.tell(api.summary(scope, signal), signal, (answer) => ({ type: "summary", answer })),
          this.tell(api.trend(scope, signal), signal, (answer) => ({ type: "trend", answer })),
        ];
      case "posts":
        return [
          this.tell(api.posts(scope, FIRST_POSTS, signal), signal, (answer) => ({ type: "posts", answer })),
        ];
      case "rest":
        return [
          this.tell(api.topics(signal), signal, (answer) => ({ type: "topics", answer })),
          this.tell(api.alerts(MOST_ALERTS, signal), signal, (answer) => ({ type: "alerts", answer })),
          this.tell(api.pipeline(signal), signal, (answer) => ({ type: "pipeline", answer })),
        ];
    }
  }

  private async tell<T>(
    asked: Promise<Answer<T>>,
    signal: AbortSignal,
    action: (answer: Answer<T>) => Action,
  ): Promise<void> {
    const answer = await asked;
    if (signal.aborted) return;
    if (!answer.ok && answer.problem.status === 401) {
      const { session } = this.store.get();
      this.leave(session === "signed-in" ? SESSION_ENDED : null);
      return;
    }
    if (answer.ok && this.store.get().session === "checking") this.store.dispatch({ type: "signed-in" });
    const wasAway = this.store.get().reachable === false;
    this.store.dispatch(action(answer));
    if (answer.ok) this.socket.start(this.store.get().selection.topic);
    // Where REST answers again, the socket need not wait out its backoff.
    if (answer.ok && wasAway) this.socket.hurry();
  }

  /** The next look at REST by the clock. */
  private schedule(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const { session, live } = this.store.get();
    this.timer =
      session === "signed-out" ? null : setTimeout(() => this.refresh(ALL), live ? TIDY_MS : POLL_MS);
  }

  private leave(problem: Problem | null): void {
    this.stop();
    this.store.dispatch({ type: "signed-out", problem });
  }

  /** Forget what is being asked: its answers will reach nobody. */
  private cancel(): void {
    this.running?.abort();
    this.running = null;
    this.waiting.clear();
    if (this.numbersTimer !== null) clearTimeout(this.numbersTimer);
    this.numbersTimer = null;
  }
}

const SESSION_ENDED: Problem = {
  status: 401,
  title: "Your session has ended",
  detail: "Sign in again to go on.",
};

function wordsForSignIn(problem: Problem): Problem {
  if (problem.status !== 401 && problem.status !== 403 && problem.status !== 422) return problem;
  return { status: problem.status, title: "That key is not right", detail: problem.detail };
}
