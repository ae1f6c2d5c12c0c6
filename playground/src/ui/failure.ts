// An error for people: its code, and its sentence.

import { fill, h } from "./dom.js";

export function failure(error: unknown): HTMLElement {
  const { code, name, message } = (error ?? {}) as { code?: string; name?: string; message?: string };
  return h("p", { class: "failure" }, h("code", { class: "code" }, code ?? name ?? "Error"), " ", message ?? String(error));
}

export function showFailure(host: Element, error: unknown): void {
  fill(host, h("div", { class: "panel page", role: "alert" }, h("h1", {}, "That did not work"), failure(error)));
}
