/** Points in time and durations in words. All numbers are milliseconds. */

/** Since the start of the recording: `+1.234`, `+2:03.456`, `+1:00:03.4`. */
export function sinceStart(at: number, start: number): string {
  const elapsed = Math.max(0, at - start);
  const seconds = Math.floor(elapsed / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const fraction = String(Math.floor(elapsed % 1000)).padStart(3, '0');
  if (h > 0) return `+${h}:${two(m)}:${two(s)}.${fraction.slice(0, 1)}`;
  return m > 0 ? `+${m}:${two(s)}.${fraction}` : `+${s}.${fraction}`;
}

/** By the clock on the wall: `2026-11-21 14:03:22.123`. */
export function onTheClock(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return 'at no known time';
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A length of time: `850 ms`, `12 s`, `3 min`, `2 h`. */
export function duration(length: number): string {
  if (length < 1000) return `${Math.round(length)} ms`;
  if (length < 120_000) return `${Math.round(length / 1000)} s`;
  return length < 7_200_000 ? `${Math.round(length / 60_000)} min` : `${Math.round(length / 3_600_000)} h`;
}

const two = (value: number): string => String(value).padStart(2, '0');
