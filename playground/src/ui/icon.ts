// The icons: strokes on a grid of 24, in the colour of the text around them. They are decoration; the words beside them count.

const PATHS = {
  start: "M12 3l9 8h-3v9h-5v-6h-2v6H6v-9H3z",
  console: "M4 5h16v14H4zM7.500 9.500l3 2.500-3 2.500M12.500 15h4",
  documents: "M4 4h6v6H4zM4 14h6v6H4zM14 5h6M14 9h4M14 15h6M14 19h4",
  timeline: "M3 12h18M7 9v6M12 6v12M17 9.500v5",
  vectors: "M12 13L5 6M12 13l8-5M12 13l3 7M12 11a2 2 0 1 0 .01 0M5 5a1 1 0 1 0 .01 0M20 7a1 1 0 1 0 .01 0M15 19a1 1 0 1 0 .01 0",
  log: "M7 4v16M7 7a2 2 0 1 0 .01 0M7 15a2 2 0 1 0 .01 0M12 8h8M12 16h8",
  import: "M12 3v11M8 10.500l4 4 4-4M4 17v3h16v-3",
  export: "M12 15V4M8 7.500l4-4 4 4M4 17v3h16v-3",
  crash: "M13 2L5 13.500h6L10 22l9-12.500h-6.500z",
  database: "M12 3c4.400 0 8 1.300 8 3s-3.600 3-8 3-8-1.300-8-3 3.600-3 8-3zM4 6v6c0 1.700 3.600 3 8 3s8-1.300 8-3V6M4 12v6c0 1.700 3.600 3 8 3s8-1.300 8-3v-6",
  play: "M7 4.500v15l12-7.500z",
  pause: "M8 5v14M16 5v14",
  back: "M15 5l-7 7 7 7",
  forward: "M9 5l7 7-7 7",
  sun: "M12 8a4 4 0 1 0 .01 0zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  system: "M3 5h18v11H3zM9 20h6M12 16v4",
  plus: "M12 5v14M5 12h14",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  restore: "M4 12a8 8 0 1 0 2.500-5.800M4 4v4.500h4.500",
  compare: "M10 4H4v16h6M14 4h6v16h-6M12 2v20",
  tabs: "M4 8h12v12H4zM8 8V4h12v12h-4",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" })) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** The mark of the project: a koru, the unfolding frond. */
export function mark(): SVGElement {
  const svg = icon("start");
  svg.setAttribute("class", "mark");
  svg.firstElementChild!.setAttribute(
    "d",
    "M5 21.500C2.800 17.500 2.500 13 4.200 9.200 6.200 4.600 11.500 2.200 16 3.800c4.200 1.500 6.300 6 4.800 9.800-1.300 3.400-5.200 4.900-8.300 3.500-2.700-1.200-3.800-4.300-2.600-6.800.9-1.900 3.200-2.700 5-1.800 1.400.7 2 2.400 1.300 3.700",
  );
  return svg;
}
