// The report as a picture: one panel per figure, one pair of bars per count, ours above the
// reference, each with its value. Plain SVG, drawn here because a chart library would be larger than
// what it draws.

import type { ReportLine } from "./report.ts";

interface Panel {
  readonly bench: string;
  readonly title: string;
}

const PANELS: readonly Panel[] = [
  { bench: "operator.ready", title: "create to all Ready, s" },
  { bench: "operator.cpu-per-object", title: "CPU of the operator per object, ms" },
  { bench: "operator.apiserver-cpu-per-object", title: "CPU of the API server per object, ms" },
  { bench: "operator.requests-per-object", title: "requests per object, without Events" },
  { bench: "operator.settled-memory", title: "resident memory at rest, MB" },
  { bench: "operator.restart-to-synced", title: "restart to synced, s" },
  { bench: "operator.edit-in-backlog", title: "edit while all wait after a restart, ms" },
  { bench: "operator.delete", title: "delete to all gone, s" },
];

const COLUMNS = 2;
const PANEL_WIDTH = 460;
const BAR_HEIGHT = 16;
const PAIR_HEIGHT = 46;
const TITLE_HEIGHT = 34;
const MARGIN = 24;
const LABEL_WIDTH = 64;
const VALUE_WIDTH = 110;
const OURS = "#1b6ca8";
const THEIRS = "#b8b8b8";
const FONT = 'font-family="system-ui, sans-serif"';

/** An SVG document. Panels without data are left out. */
export function plot(lines: readonly ReportLine[]): string {
  const panels = PANELS.map((panel) => ({
    ...panel,
    pairs: lines.filter((line) => line.bench === panel.bench && line.reference !== undefined),
  })).filter((panel) => panel.pairs.length > 0);
  const pairsMax = Math.max(...panels.map((panel) => panel.pairs.length));
  const panelHeight = TITLE_HEIGHT + pairsMax * PAIR_HEIGHT + MARGIN;
  const rows = Math.ceil(panels.length / COLUMNS);
  const width = COLUMNS * PANEL_WIDTH + (COLUMNS + 1) * MARGIN;
  const head = 86;
  const height = head + rows * panelHeight + MARGIN;
  const body = panels.map((panel, at) => {
    const x = MARGIN + (at % COLUMNS) * (PANEL_WIDTH + MARGIN);
    const y = head + Math.floor(at / COLUMNS) * panelHeight;
    return `<g transform="translate(${x} ${y})">${panelOf(panel.title, panel.pairs)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" ${FONT}>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(MARGIN, 34, "The same operator on our runtime and on controller-runtime", 18, "#111"),
    legend(MARGIN, 58, OURS, "ours"),
    legend(MARGIN + 80, 58, THEIRS, "controller-runtime"),
    text(
      MARGIN + 250,
      58,
      "medians; shorter is better; (x) is the median of the pairs' ratios",
      12,
    ),
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

function panelOf(title: string, pairs: readonly ReportLine[]): string {
  const largest = Math.max(...pairs.flatMap((pair) => [pair.value, pair.reference ?? 0]));
  const scale = (PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH) / (largest === 0 ? 1 : largest);
  const bars = pairs.flatMap((pair, at) => {
    const y = TITLE_HEIGHT + at * PAIR_HEIGHT;
    const ratio = pair.ratio === undefined ? "" : `  (${pair.ratio.toFixed(2)}x)`;
    const second = y + BAR_HEIGHT + 2;
    return [
      text(0, y + BAR_HEIGHT + 5, `${pair.n.toLocaleString("en")}`, 12),
      bar(y, pair.value * scale, OURS),
      text(
        LABEL_WIDTH + pair.value * scale + 6,
        y + 13,
        `${shown(pair.value)}${ratio}`,
        12,
        "#111",
      ),
      bar(second, (pair.reference ?? 0) * scale, THEIRS),
      text(LABEL_WIDTH + (pair.reference ?? 0) * scale + 6, second + 13, shown(pair.reference), 12),
    ];
  });
  return [text(0, 18, title, 14, "#111"), ...bars].join("");
}

function bar(y: number, width: number, fill: string): string {
  const size = `width="${Math.max(1, width).toFixed(1)}" height="${BAR_HEIGHT}"`;
  return `<rect x="${LABEL_WIDTH}" y="${y}" ${size} fill="${fill}"/>`;
}

function legend(x: number, y: number, fill: string, name: string): string {
  const box = `<rect x="${x}" y="${y - 11}" width="12" height="12" fill="${fill}"/>`;
  return `${box}${text(x + 18, y, name, 12)}`;
}

function text(x: number, y: number, content: string, size: number, fill = "#555"): string {
  const at = `x="${x.toFixed(1)}" y="${y}"`;
  return `<text ${at} font-size="${size}" fill="${fill}">${content}</text>`;
}

function shown(value: number | undefined): string {
  if (value === undefined) return "";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
