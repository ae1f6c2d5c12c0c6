// Another build of koru-delta, to measure a change: `--before FOLDER`.

import { koru } from "./koru.js";

export default koru("/before");
