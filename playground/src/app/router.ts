// Where the user is, kept in the hash of the address: `#/panel/part/part?name=value`. So every view can be linked to, the
// back button works, and any static host will do.

export interface Route {
  panel: string;
  path: string[];
  query: Readonly<Record<string, string>>;
}

export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [panel = "", ...rest] = path.split("/").map(decode);
  return { panel, path: rest, query: Object.fromEntries(new URLSearchParams(query)) };
}

export function format(panel: string, path: readonly string[] = [], query: Readonly<Record<string, string | undefined>> = {}): string {
  const known = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const search = new URLSearchParams(known).toString();
  return `#/${[panel, ...path].map(encodeURIComponent).join("/")}${search && `?${search}`}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export class Router {
  #listener: (route: Route) => void = () => {};

  get route(): Route {
    return parse(location.hash);
  }

  start(listener: (route: Route) => void): void {
    this.#listener = listener;
    addEventListener("hashchange", () => listener(this.route));
    listener(this.route);
  }

  go(panel: string, path: readonly string[] = [], query: Readonly<Record<string, string | undefined>> = {}): void {
    location.hash = format(panel, path, query);
  }

  /** Changes the address without a step to go back to and without telling anyone: for what moves while it is dragged. */
  note(panel: string, path: readonly string[] = [], query: Readonly<Record<string, string | undefined>> = {}): void {
    history.replaceState(null, "", format(panel, path, query));
  }

  /** As `go`, in place of where the user is now. */
  redirect(panel: string, path: readonly string[] = [], query: Readonly<Record<string, string | undefined>> = {}): void {
    this.note(panel, path, query);
    this.#listener(this.route);
  }
}
