// What is drawn as a file: PNG from the canvas, SVG from the lines, CSV from the numbers.
import { download, h, svg } from "./dom.js";
import { curveColour, painted } from "./colours.js";
import { picture } from "./plot.js";
import { shownTexts } from "./finder.js";

const FONT = "system-ui, sans-serif";
const name = (ending) => `actlas-${shownTexts().map((text) => text.replace(/[^A-Za-z0-9]+/g, "-")).join("-").slice(0, 60)}.${ending}`;
const colourAt = (place) => (place < 0 ? painted("--faint") : curveColour(place));

/** Save the numbers: x and one column for every line, at full precision. */
export function saveCsv() {
  const { data } = picture();
  const cell = (text) => `"${String(text).replaceAll('"', '""')}"`;
  const rows = data.x.map((x, i) => [x, ...data.lines.map((line) => line.y[i] ?? "")].join(","));
  const head = [data.xName, ...data.lines.map((line) => line.label)].map(cell).join(",");
  download(name("csv"), new Blob([`${[head, ...rows].join("\n")}\n`], { type: "text/csv" }));
}

/** Save the canvas on the colour of the page, with the names of the lines under it. */
export function savePng() {
  const { plot, data } = picture(), from = plot.ctx.canvas, unit = devicePixelRatio;
  const whole = h("canvas", { width: from.width, height: from.height + 26 * unit * data.lines.length });
  const ink = whole.getContext("2d");
  ink.fillStyle = painted("--card");
  ink.fillRect(0, 0, whole.width, whole.height);
  ink.drawImage(from, 0, 0);
  ink.font = `${13 * unit}px ${FONT}`;
  data.lines.forEach((line, i) => {
    const y = from.height + (26 * i + 14) * unit;
    ink.strokeStyle = colourAt(line.place);
    ink.lineWidth = 2.4 * unit;
    ink.setLineDash(line.dash.map((part) => part * unit));
    ink.beginPath();
    ink.moveTo(56 * unit, y);
    ink.lineTo(90 * unit, y);
    ink.stroke();
    ink.fillStyle = painted("--ink");
    ink.fillText(line.label, 100 * unit, y + 4 * unit);
  });
  whole.toBlob((blob) => download(name("png"), blob));
}

/** Save the lines as vectors, for papers and slides. */
export function saveSvg() {
  const { plot, data } = picture();
  const box = plot.over.getBoundingClientRect(), host = plot.root.getBoundingClientRect();
  const [left, top] = [box.left - host.left, box.top - host.top];
  const at = (value, scale) => plot.valToPos(value, scale).toFixed(2);
  const root = svg("svg", {
    xmlns: "http://www.w3.org/2000/svg", width: plot.width, height: plot.height + 24 * data.lines.length,
    viewBox: `0 0 ${plot.width} ${plot.height + 24 * data.lines.length}`, "font-family": FONT, "font-size": 12,
  });
  root.append(svg("rect", { width: "100%", height: "100%", fill: painted("--card") }),
    svg("clipPath", { id: "frame" }, svg("rect", { width: box.width, height: box.height })));
  const inside = svg("g", { transform: `translate(${left} ${top})` });
  inside.append(...grid(plot, box, at), ...data.lines.map((line) => svg("path", {
    d: pathOf(data.x, line.y, at, box.height), fill: "none", stroke: colourAt(line.place), "stroke-width": 2,
    "stroke-dasharray": line.dash.join(" ") || null, "clip-path": "url(#frame)", "stroke-linejoin": "round",
  })));
  root.append(inside, ...legend(plot, data));
  download(name("svg"), new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" }));
}

function pathOf(x, y, at, height) {
  let path = "", pen = "M";
  x.forEach((place, i) => {
    if (y[i] === null) {
      pen = "M";
      return;
    }
    const up = Math.max(-height, Math.min(2 * height, Number(at(y[i], "y"))));
    if (!Number.isFinite(up)) return;
    path += `${pen}${at(place, "x")} ${up.toFixed(2)}`;
    pen = "L";
  });
  return path;
}

/** uPlot keeps the places and texts of its ticks on the axes. */
function grid(plot, box, at) {
  const [across, up] = plot.axes, paint = { stroke: painted("--hair") }, ink = { fill: painted("--soft") };
  const texts = (axis) => axis._values ?? [];
  return [
    ...(across._splits ?? []).flatMap((value, i) => [
      svg("path", { d: `M${at(value, "x")} 0V${box.height}`, ...paint }),
      svg("text", { x: at(value, "x"), y: box.height + 18, "text-anchor": "middle", ...ink }, texts(across)[i] ?? ""),
    ]),
    ...(up._splits ?? []).flatMap((value, i) => [
      svg("path", { d: `M0 ${at(value, "y")}H${box.width}`, ...paint }),
      svg("text", { x: -8, y: Number(at(value, "y")) + 4, "text-anchor": "end", ...ink }, texts(up)[i] ?? ""),
    ]),
  ];
}

function legend(plot, data) {
  return data.lines.flatMap((line, i) => {
    const y = plot.height + 24 * i + 10;
    return [
      svg("path", { d: `M56 ${y}H90`, stroke: colourAt(line.place), "stroke-width": 2, "stroke-dasharray": line.dash.join(" ") || null }),
      svg("text", { x: 100, y: y + 4, fill: painted("--ink") }, line.label),
    ];
  });
}
