// Numbers, sizes and times as people read them.

const NUMBER = new Intl.NumberFormat("en");
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

export function count(number: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(number)} ${number === 1 ? one : many}`;
}

export function number(value: number): string {
  return NUMBER.format(value);
}

export function bytes(value: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = value;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} ${value === 1 ? "byte" : "bytes"}` : `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

const two = (part: number) => String(part).padStart(2, "0");

/** Date and time of day where the reader is, to the second, in an order that sorts. */
export function time(date: Date): string {
  if (Number.isNaN(date.getTime())) return "a time beyond what a date can be";
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

const STEPS: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ["year", 31_557_600], ["month", 2_629_800], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60],
];

export function ago(date: Date, now: number = Date.now()): string {
  const seconds = (date.getTime() - now) / 1000;
  for (const [unit, size] of STEPS) if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  return Math.abs(seconds) < 5 ? "just now" : RELATIVE.format(Math.round(seconds), "second");
}

/** The first line of a message. */
export function headline(message: string | undefined): string {
  return message?.split("\n", 1)[0]?.trim() ?? "";
}

/** A version short enough for a line: the counter, and the beginning of the actor. */
export function shortVersion(version: string): string {
  const [counter, actor = ""] = version.split("@");
  return `${counter}@${actor.slice(0, 6)}`;
}

/** The milliseconds of a timestamp, as a date. */
export function dateOf(timestamp: bigint): Date {
  return new Date(Number(timestamp >> 16n));
}
