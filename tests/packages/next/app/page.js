"use client";

import "../app.js";

export default function Page() {
  return <p>koru-delta</p>;
}
