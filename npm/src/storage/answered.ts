// Questions to the file system of a browser, so that they are answered: Chromium drops one when the handle that was asked is
// collected as garbage meanwhile, and what it promised is then never settled.

/** What is asked. Each stands in an array of its own, since one may be asked several things at a time. */
const asked = new Set<[object]>();

/** Asks a handle, and refers to it until it has answered. */
export async function answered<H extends object, T>(handle: H, question: (handle: H) => Promise<T>): Promise<T> {
  const held: [object] = [handle];
  asked.add(held);
  try {
    return await question(handle);
  } finally {
    asked.delete(held);
  }
}
