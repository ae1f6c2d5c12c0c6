
// Appended by `cargo xtask wasm`. The module runs its tasks in microtasks, where nobody catches what they throw: a trap.

let trapped = (error) => {
  throw error;
};

/** Says what is to be done about a trap in a task of the module. It may run no more of them then. */
export function onTrap(handler) {
  trapped = handler;
}

/** What the name means to the code above. */
function queueMicrotask(task) {
  globalThis.queueMicrotask(() => {
    try {
      task();
    } catch (error) {
      trapped(error);
    }
  });
}
