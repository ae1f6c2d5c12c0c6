// What the driver calls in a page.

import * as work from "./work.js";

Object.assign(globalThis, { work });
