/** Where frames come from: a server that follows running actors, or what was saved within the page. */
import type { Frame, Greeting, Saved } from '../world.ts';

/** How things stand with the source. */
export type Contact = 'connecting' | 'live' | 'lost' | 'saved';

export interface Listener {
  /** Everything begins from scratch. */
  greeting(greeting: Greeting): void;
  /** What happened next, of about so many characters. */
  frames(frames: readonly Frame[], length: number): void;
  contact(contact: Contact): void;
}

export interface Source {
  /** The source of a picture; rejects if there is none. */
  picture(key: string): Promise<string>;
}

/** Milliseconds until a server is asked again that refused; where it is only gone, the browser asks by itself. */
const PATIENCE = 3_000;

/** The saved recording of this page; null if there is none. */
export function savedRecording(): Saved | null {
  const text = document.getElementById('saved')?.textContent;
  return text ? (JSON.parse(text) as Saved) : null;
}

/** Replays what was saved; nothing is ever requested. */
export function replay(saved: Saved, listener: Listener): Source {
  const { world, frames, limit, charts } = saved;
  listener.contact('saved');
  listener.greeting({ world, limit: Math.max(limit, frames.length), control: null });
  listener.frames(frames, 0);
  return {
    picture: async (key) => {
      const source = Object.hasOwn(charts, key) ? charts[key] : undefined;
      if (source === undefined) throw new Error(`no picture of ${key} was saved`);
      return source;
    },
  };
}

/** Follows the server that the page is from. */
export function follow(listener: Listener): Source {
  const connect = () => {
    const events = new EventSource('events');
    events.addEventListener('open', () => listener.contact('live'));
    events.addEventListener('greeting', ({ data }) => listener.greeting(JSON.parse(data)));
    events.addEventListener('message', ({ data }) => listener.frames(JSON.parse(data), data.length));
    events.addEventListener('error', () => {
      listener.contact('lost');
      if (events.readyState === EventSource.CLOSED) setTimeout(connect, PATIENCE);
    });
  };
  listener.contact('connecting');
  connect();
  return {
    picture: async (key) => {
      const response = await fetch(`charts/${encodeURIComponent(key)}.svg`);
      if (!response.ok) throw new Error(`no picture of ${key}: ${response.status}`);
      return response.text();
    },
  };
}
