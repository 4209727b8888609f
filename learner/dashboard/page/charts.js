"use strict";
/* charts.js - the curves: what is drawn, the points of all of it, and uPlot. */

/* title, [[name in metrics.jsonl, label]...], how numbers are written, range */
const CHARTS = [
  ["Return of the environment", [["reward/reward", "return"]]],
  ["Success", [["policy_stats/success_rate", "success"]], "percent", [0, 1]],
  ["Score", [["policy_stats/score", "score"]]],
  ["Intrinsic return", [["~intrinsic_return", "of an episode, before reward.coef_int, about"]]],
  ["Share of the reward", [["intrinsic/share", "intrinsic"], ["intrinsic/paid_fraction", "steps paid"]], "percent", shareRange],
  ["Length of an episode", [["len/len", "steps"]]],
  ["Frames per second", [["perf/_fps", "frames/s"]]],
  ["Losses", [["train/policy_loss", "policy"], ["train/value_loss", "value"], ["train/value_loss_int", "intrinsic value"]]],
  ["Entropy", [["train/entropy", "entropy"]]],
  ["KL divergence", [["train/kl_divergence", "KL"]]],
  ["Gradient norm", [["train/grad_norm", "before the clip"]]],
  ["Explained variance", [["train/explained_variance_ext", "extrinsic"], ["train/explained_variance_int", "intrinsic"]]],
  ["Policy lag", [["train/version_diff_avg", "mean"], ["train/version_diff_max", "most"]]],
  ["Labels", [["annot/labels_per_s", "per second"], ["annot/backlog", "waiting"]]],
  ["Reward model", [["reward_model/coverage", "coverage"], ["reward_model/heldout_accuracy", "held-out accuracy"], ["annot/label_positive", "positive labels"]], "percent", shareRange],
  ["Loss of the reward model", [["reward_model/loss", "loss"]]],
];
const COLOURS = ["--a", "--b", "--c", "--d"];
const POINTS_MAX = 3000;

/* Made of others: the reward of a step times the length of an episode. */
const MADE = { "~intrinsic_return": ["intrinsic/reward_mean", "len/len", (a, b) => a * b] };
const known = v => v !== null && v !== undefined;

const curves = { wall: [], steps: [], tags: {} };
for (const [, lines] of CHARTS) for (const [tag] of lines) curves.tags[tag] = [];
for (const tag in MADE) for (const of of MADE[tag].slice(0, 2)) curves.tags[of] = [];

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* A number of an axis, which has little room; any other: short, whole where it is a count of any size. */
function shortest(v) {
  const a = Math.abs(v), [by, unit] = a >= 1e9 ? [1e9, "G"] : a >= 1e6 ? [1e6, "M"] : a >= 1e4 ? [1e3, "k"] : [1, ""];
  return +(v / by).toPrecision(a >= 1000 && by === 1 ? 4 : 3) + unit;
}
const whole = v => v === null || v === undefined || !isFinite(v) ? "–" : Math.round(v).toLocaleString("en");
function short(v) {
  if (v === null || v === undefined || !isFinite(v)) return "–";
  const a = Math.abs(v);
  return a >= 1e7 ? shortest(v) : a >= 1000 ? whole(v) : String(+v.toPrecision(3));
}
const percent = v => v === null || v === undefined || !isFinite(v) ? "–" : +(100 * v).toPrecision(3) + " %";
const minutes = s => {
  if (s === null || s === undefined || !isFinite(s)) return "–";
  s = Math.round(s);
  const two = x => String(x).padStart(2, "0");
  return s >= 3600 ? Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60) : Math.floor(s / 60) + ":" + two(s % 60);
};

/* A duration in words. */
function duration(s) {
  s = Math.round(s);
  const m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (s < 60) return s + " s";
  if (m < 10) return m + " min " + s % 60 + " s";
  if (m < 60) return m + " min";
  return h < 48 ? h + " h " + m % 60 + " min" : Math.floor(h / 24) + " d " + h % 24 + " h";
}

let byTime = false;
const drawn = [];

function thin() {
  const keep = (_, i) => i % 2 === 1;
  curves.wall = curves.wall.filter(keep);
  curves.steps = curves.steps.filter(keep);
  for (const t in curves.tags) curves.tags[t] = curves.tags[t].filter(keep);
}

/* All points anew, from /api/series. */
function curvesTake(s) {
  curves.wall = s.wall_s;
  curves.steps = s.env_steps;
  for (const t in curves.tags) curves.tags[t] = s.tags[t] || s.wall_s.map(() => null);
  for (const t in MADE) curves.tags[t] = curves.wall.map((_, i) => madeOf(t, tag => curves.tags[tag][i]));
}

function madeOf(tag, get) {
  const [a, b, make] = MADE[tag], x = get(a), y = get(b);
  return known(x) && known(y) ? make(x, y) : null;
}

/* One more, from an event. Where the steps fell, a life was rolled back. */
function curvesAdd(wall, steps, values) {
  let n = curves.wall.length;
  if (n && curves.wall[n - 1] >= wall) return;
  while (n && curves.steps[n - 1] > steps) n--;
  if (n < curves.wall.length) {
    curves.wall.length = curves.steps.length = n;
    for (const t in curves.tags) curves.tags[t].length = n;
  }
  curves.wall.push(wall);
  curves.steps.push(steps);
  for (const t in curves.tags) curves.tags[t].push(t in MADE ? madeOf(t, tag => values[tag]) : t in values ? values[t] : null);
  if (curves.wall.length > POINTS_MAX) thin();
}

const has = tag => curves.tags[tag].some(v => v !== null);

/* Lines that are close together need more digits than a value does. */
function ticks(values, format) {
  const said = values.map(format);
  return new Set(said).size === said.length ? said : values.map(v => String(+v.toPrecision(7)));
}

function axis(format) {
  return { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1, size: 4 }, font: "11px system-ui, sans-serif", values: (_, v) => ticks(v, format), size: 46, gap: 3 };
}

function chartMake(spec) {
  const [title, lines, kind, range] = spec, shown = lines.filter(([tag]) => has(tag));
  const format = kind === "percent" ? percent : short;
  const card = document.createElement("div"), head = document.createElement("h3"), values = document.createElement("div");
  card.className = "chart";
  head.textContent = title;
  values.className = "values";
  card.append(head, values);
  document.getElementById("charts").append(card);
  const spans = shown.map(([, label], i) => {
    const span = document.createElement("span");
    span.style.color = css(COLOURS[i]);
    values.append(span);
    return span;
  });
  const say = at => spans.forEach((span, i) => {
    const column = curves.tags[shown[i][0]];
    let k = at === null ? column.length - 1 : at;
    while (at === null && k > 0 && column[k] === null) k--;
    span.textContent = shown[i][1] + " " + format(column[k]);
  });
  const x = axis(byTime ? minutes : shortest);
  x.size = 26;
  x.space = 70;
  const u = new uPlot({
    width: Math.max(200, card.clientWidth - 20), height: 150, padding: [8, 22, 0, 0], /* right: half of the last number of the axis */
    legend: { show: false }, cursor: { y: false, points: { size: 5 } },
    scales: { x: { time: false }, y: { range: typeof range === "function" ? (_, lo, hi) => range(hi) : range || ((_, lo, hi) => spread(lo, hi)) } },
    axes: [x, axis(kind === "percent" ? percent : shortest)],
    series: [{}].concat(shown.map((_, i) => ({ stroke: css(COLOURS[i]), width: 1.6, spanGaps: true, points: { show: curves.wall.length < 2 } }))),
    hooks: { setCursor: [p => say(p.cursor.idx === undefined ? null : p.cursor.idx)] },
  }, chartData(shown), card);
  say(null);
  return { u, card, shown, say, key: shown.length + "/" + lines.length };
}

/* Shares from 0: to all of it, or where all are small as far as they can be told apart. */
function shareRange(hi) {
  return [0, [0.001, 0.01, 0.02, 0.05, 0.1].find(top => hi > 0 && hi <= 0.95 * top) || 1];
}

/* A line that does not move lies in the middle. */
function spread(lo, hi) {
  if (lo === null || !isFinite(lo)) return [0, 1];
  const by = hi > lo ? (hi - lo) * 0.06 : Math.abs(hi) * 0.1 || 1;
  return [lo - by, hi + by];
}

const chartData = shown => [byTime ? curves.wall : curves.steps].concat(shown.map(([tag]) => curves.tags[tag]));

/* All of them, anew where a number has come that was not there. */
function chartsDraw(anew) {
  const keys = CHARTS.map(([, lines]) => lines.filter(([tag]) => has(tag)).length);
  if (anew || keys.some((k, i) => k !== (drawn[i] ? drawn[i].shown.length : 0))) {
    document.getElementById("charts").textContent = "";
    CHARTS.forEach((spec, i) => {
      if (drawn[i]) drawn[i].u.destroy();
      drawn[i] = keys[i] ? chartMake(spec) : null;
    });
    return;
  }
  for (const c of drawn) if (c) {
    c.u.setData(chartData(c.shown));
    if (c.u.cursor.idx === undefined || c.u.cursor.idx === null) c.say(null);
  }
}

let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => { for (const c of drawn) if (c) c.u.setSize({ width: Math.max(200, c.card.clientWidth - 20), height: 150 }); }, 150);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chartsDraw(true));
