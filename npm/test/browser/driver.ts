// What is asked of a driver, which knows one kind of browser.

/** How long a browser may take to start on a machine that does much else, in milliseconds. */
export const START_MS = 60_000;

/** What a driver gives of a page. */
export interface Tab {
  goto(url: string): Promise<void>;
  /** Evaluates an expression, whose value is a promise of a text. */
  evaluate(expression: string): Promise<string>;
  reload(): Promise<void>;
  /** Closes it as a user does. */
  close(): Promise<void>;
}

/** What a driver gives of a browser. */
export interface Driver {
  newTab(): Promise<Tab>;
  /** Ends all of its processes, without a word to what runs in its pages, and resolves when they are gone. */
  kill(): Promise<void>;
}

export interface Start {
  /** An empty folder for the profile, or one that was used before. */
  profile: string;
  /** Whether a page of it can be limited in what it stores. */
  limited: boolean;
}
