import { useEffect, useState } from 'react';

/** The current time, updated twice a minute; milliseconds since 1970. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 30_000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

/** A text about the age of something, such as `read 5 min ago`. */
export function tellAge(iso: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1_000);
  if (seconds < 90) return 'read just now';
  const [amount, unit] = seconds < 5_400 ? [seconds / 60, 'min'] : seconds < 129_600 ? [seconds / 3_600, 'h'] : [seconds / 86_400, 'days'];
  return `read ${Math.round(amount)} ${unit} ago`;
}

/** A time of day, with the date unless it is today. */
export function clockTime(at: number | string): string {
  const time = new Date(at);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? time.toLocaleTimeString([], { timeStyle: 'medium' }) : time.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}
