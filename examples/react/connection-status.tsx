/** The state of a client that runs elsewhere, as `examples/connection-status.ts` tells of it. */
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import type { Status } from '../connection-status.ts';

const PHASES: Readonly<Record<Status['phase'], string>> = {
  offline: 'Offline',
  connecting: 'Connecting …',
  online: 'Online',
  reconnecting: 'Connection lost',
  disconnecting: 'Signing out …',
  failed: 'Could not connect',
};

/** The latest status, and when it came; null before the first. */
function useStatus(url: string): (Status & { readonly since: number }) | null {
  const [status, setStatus] = useState<(Status & { readonly since: number }) | null>(null);
  useEffect(() => {
    const source = new EventSource(url);
    source.onmessage = ({ data }) => setStatus({ ...JSON.parse(data), since: Date.now() });
    return () => source.close();
  }, [url]);
  return status;
}

/** Whole seconds until `at`, counting down. */
function Countdown({ at }: { readonly at: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return <>{Math.max(0, Math.ceil((at - now) / 1000))} s</>;
}

export function ConnectionStatus() {
  const status = useStatus('/status');
  if (status === null) return null;
  const { phase, jid, resumed, retryIn, reason, queued, since } = status;
  const retry = () => fetch('/retry', { method: 'POST', headers: { 'content-type': 'application/json' } });
  return (
    <section aria-live="polite" data-phase={phase}>
      <h1>{PHASES[phase]}</h1>
      {phase === 'online' && (
        <p>
          {jid}, {resumed ? 'the session goes on' : 'a new session'}
        </p>
      )}
      {reason !== null && <p>{reason}</p>}
      {retryIn !== null && (
        <p>
          Next attempt in <Countdown at={since + retryIn} />{' '}
          <button type="button" onClick={retry}>
            Try now
          </button>
        </p>
      )}
      {queued > 0 && <p>{queued} waiting to be sent</p>}
    </section>
  );
}

const main = document.querySelector('main');
if (main !== null) createRoot(main).render(<ConnectionStatus />);
