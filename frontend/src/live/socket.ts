/**
 * The live connection: subscribes once open, pings, notices silence, and reconnects for as long as it is wanted.
 *
 * It promises to say `live` only while the socket is open, was greeted, and something was heard in the last
 * `SILENCE_MS`; and to say `onGap` whenever a frame may have been lost, a reconnection included, so that the page can ask
 * REST again. It keeps no data.
 */
import { backoff } from "./backoff";
import { type Frame, parseFrame } from "./frames";
import { Sequence } from "./sequence";

export const PING_MS = 10_000;
export const SILENCE_MS = 25_000;
export const OPEN_MS = 10_000;
/** A connection this old was a good one: the next failure starts again at the shortest wait. */
export const STEADY_MS = 30_000;

/** As much of the browser's WebSocket as is used here. */
export type Wire = Pick<WebSocket, "onopen" | "onmessage" | "onclose" | "send" | "close">;

export interface SocketEvents {
  /** The connection became live, or stopped being so. */
  onLive(live: boolean): void;
  /** Frames may have been lost: ask REST. Said after every hello too, for what came before it. */
  onGap(): void;
  onFrame(frame: Frame): void;
}

type Timer = ReturnType<typeof setTimeout>;

export class LiveSocket {
  private readonly open: () => Wire;
  private readonly events: SocketEvents;
  private readonly random: () => number;
  private readonly sequence: Sequence;
  private wire: Wire | null = null;
  private topic = "*";
  private attempt = 0;
  private opened = false;
  private live = false;
  private wanted = false;
  /** When anything was heard last (ms since the epoch): timers stand still while the machine sleeps, this does not. */
  private heardAt = 0;
  private retry: Timer | null = null;
  private silence: Timer | null = null;
  private steady: Timer | null = null;
  private ping: ReturnType<typeof setInterval> | null = null;

  constructor(open: () => Wire, events: SocketEvents, random: () => number = Math.random) {
    this.open = open;
    this.events = events;
    this.random = random;
    this.sequence = new Sequence(() => events.onGap());
  }

  start(topic: string): void {
    this.topic = topic;
    if (this.wanted) return;
    this.wanted = true;
    this.connect();
  }

  /** Hear of another topic, on the same connection. */
  subscribe(topic: string): void {
    this.topic = topic;
    if (this.opened) this.say({ action: "subscribe", topics: [topic], posts: true });
  }

  /** Try now rather than when the backoff says: the network came back, or someone looks at the page again. */
  hurry(): void {
    if (!this.wanted || (this.wire !== null && !this.isSilent())) return;
    this.drop();
    this.attempt = 0;
    this.connect();
  }

  stop(): void {
    this.wanted = false;
    this.drop();
    this.clearRetry();
  }

  private connect(): void {
    this.clearRetry();
    const wire = this.open();
    this.wire = wire;
    this.heardAt = Date.now();
    this.expect(OPEN_MS);
    wire.onopen = () => {
      this.opened = true;
      this.subscribe(this.topic);
      this.ping = setInterval(() => this.prod(), PING_MS);
    };
    wire.onmessage = ({ data }) => this.hear(parseFrame(data));
    // A browser tells no reason for a socket that failed: `close` always follows `error` and is enough.
    wire.onclose = () => this.lost();
  }

  private hear(frame: Frame | null): void {
    this.heardAt = Date.now();
    this.expect(SILENCE_MS);
    if (frame === null) return;
    if (frame.type === "hello") this.greeted(frame.seq);
    else if (frame.type === "pong") this.sequence.expect(frame.seq);
    else if (frame.type !== "error") this.sequence.see(frame.seq);
    this.events.onFrame(frame);
  }

  private greeted(seq: number): void {
    this.sequence.restart(seq);
    if (!this.live) {
      this.live = true;
      this.steady = setTimeout(() => {
        this.attempt = 0;
      }, STEADY_MS);
      this.events.onLive(true);
    }
    this.events.onGap();
  }

  private prod(): void {
    if (this.isSilent()) this.lost();
    else this.say({ action: "ping" });
  }

  private isSilent(): boolean {
    return Date.now() - this.heardAt > SILENCE_MS;
  }

  private say(message: Record<string, unknown>): void {
    this.wire?.send(JSON.stringify(message));
  }

  /** Something must be heard within `ms`, or the connection is as good as gone. */
  private expect(ms: number): void {
    if (this.silence !== null) clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost(), ms);
  }

  private lost(): void {
    this.drop();
    if (!this.wanted) return;
    this.retry = setTimeout(() => this.connect(), backoff(this.attempt, this.random()));
    this.attempt += 1;
  }

  /** Leave the connection; its late events reach nobody. */
  private drop(): void {
    if (this.wire !== null) {
      this.wire.onopen = null;
      this.wire.onmessage = null;
      this.wire.onclose = null;
      this.wire.close();
      this.wire = null;
    }
    for (const timer of [this.silence, this.steady, this.ping]) if (timer !== null) clearTimeout(timer);
    this.silence = null;
    this.steady = null;
    this.ping = null;
    this.sequence.clear();
    this.opened = false;
    if (this.live) {
      this.live = false;
      this.events.onLive(false);
    }
  }

  private clearRetry(): void {
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
  }
}
