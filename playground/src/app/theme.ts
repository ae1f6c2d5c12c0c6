// Light, dark, or what the system says. The style sheet does the rest with `light-dark()`.

const KEY = "koru-playground theme";
export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export function theme(): Theme {
  const chosen = document.documentElement.dataset["theme"] as Theme | undefined;
  return chosen && THEMES.includes(chosen) ? chosen : "system";
}

export function setTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds until the next reload.
  }
}
