// The crash button: writes, kills the worker that runs the engine in the middle of it, and shows that nothing was lost.

import type { PanelModule } from "../../app/panel.js";
import { append, fill, h } from "../../ui/dom.js";
import { failure } from "../../ui/failure.js";
import { number } from "../../ui/format.js";
import { icon } from "../../ui/icon.js";
import { Trial, type Report } from "./trial.js";

/** How much is written before the worker is killed, when the button is pressed without writing. */
const WARM_MS = 600;
const TICK_MS = 100;
const TICKS = 100;

export const mount: PanelModule["mount"] = (host, context) => {
  const { session, store } = context;
  let trial: Trial | undefined;
  let busy = false;
  const chart = h("div", { class: "rate", "aria-hidden": "true" });
  const written = h("output", { class: "big" }, "0");
  const result = h("div", { role: "status" });
  const rates: { n: number; killed: boolean }[] = [];
  let [last, killed] = [0, false];

  const write = h("button", { type: "button", onclick: () => void (trial ? halt() : begin()) });
  const crash = h("button", { type: "button", class: "main crash-button", onclick: () => void kill() }, icon("crash"), "Kill the worker now");
  append(host, [h("h1", {}, "Crash it"),
    h("p", { class: "soft" }, "64 writers put documents without pause. The button ends the worker with the engine in it, in the middle of whatever it writes: no warning, no clean-up. A fresh worker replays the log and carries on; writes that were under way are sent again and take effect once."),
    h("div", { class: "line" }, crash, write), h("div", { class: "card" }, h("div", { class: "line" }, written, h("span", { class: "soft" }, "writes acknowledged")), chart), result]);

  const label = () => fill(write, icon(trial ? "pause" : "play"), trial ? "Stop writing" : "Start writing");
  const begin = () => {
    trial = new Trial(session.db, () => session.kill());
    [last, killed] = [0, false];
    rates.length = 0;
    label();
    return trial;
  };
  const halt = async () => {
    const ending = trial;
    trial = undefined;
    label();
    await ending?.stop();
  };
  const kill = async () => {
    if (busy) return;
    if (store.state.info?.storage === "memory") {
      return fill(result, failure(new Error("this database is in memory only, which does not outlive its worker: there is nothing to recover")));
    }
    busy = true;
    crash.disabled = write.disabled = true;
    try {
      const running = trial ?? begin();
      if (running.acknowledged === 0) await new Promise((resolve) => setTimeout(resolve, WARM_MS));
      killed = true;
      fill(result, h("p", { class: "soft" }, "killed; waiting for the next worker ..."));
      fill(result, table(await running.crash()));
    } catch (error) {
      fill(result, failure(error));
    } finally {
      written.textContent = number(trial?.acknowledged ?? 0);
      trial = undefined;
      busy = false;
      crash.disabled = write.disabled = false;
      label();
    }
  };
  const tick = setInterval(() => {
    if (!trial) return;
    const now = trial.acknowledged;
    written.textContent = number(now);
    rates.push({ n: now - last, killed });
    killed = false;
    last = now;
    if (rates.length > TICKS) rates.shift();
    const most = Math.max(1, ...rates.map(({ n }) => n));
    fill(chart, rates.map(({ n, killed }) => h("i", { class: killed ? "killed" : "", style: `height:${Math.max(2, (100 * n) / most)}%` })));
  }, TICK_MS);
  label();
  return { unmount: () => { clearInterval(tick); void trial?.stop(); } };
};

function table(report: Report): HTMLElement {
  const { acknowledged, underWay, recoveryMs, lost, doubled, found, failed } = report;
  const row = (name: string, value: string, good?: boolean) => h("tr", { class: good === undefined ? "" : good ? "good" : "bad" }, h("th", { scope: "row" }, name), h("td", {}, value));
  return h("div", { class: "card" },
    h("h2", {}, lost === 0 && doubled === 0 ? "Nothing was lost" : "Something was lost: please report this"),
    h("table", { class: "facts" }, h("tbody", {},
      row("Acknowledged before the kill", number(acknowledged)), row("Under way at the kill", number(underWay)),
      row("Back after", `${recoveryMs.toFixed(0)} ms`), row("Documents found afterwards", number(found)), row("Writes that failed with an error", number(failed)),
      row("Acknowledged and lost", number(lost), lost === 0), row("Written twice", number(doubled), doubled === 0))));
}
