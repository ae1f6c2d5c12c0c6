// How much each stretch of the log changed, as bars above the slider.

import type { Commit } from "koru-delta";
import { h } from "../../ui/dom.js";

const BARS = 120;

export function histogram(commits: readonly Commit[]): HTMLElement[] {
  const bars = Math.min(BARS, commits.length);
  const sums = new Array<number>(bars).fill(0);
  commits.forEach((commit, i) => (sums[Math.floor((i * bars) / commits.length)]! += Math.max(1, commit.changes.length)));
  const most = Math.max(...sums, 1);
  // The root, because one large import would hide everything else.
  return sums.map((sum) => h("i", { style: `height:${Math.max(6, Math.round(100 * Math.sqrt(sum / most)))}%` }));
}
