"use strict";
/* page.js - what is heard of the run, and where it is shown. Text of games and models comes as text alone (textContent). */

const $ = id => document.getElementById(id);
const make = (tag, text, cls) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; };
const once = new URLSearchParams(location.search).has("snapshot");

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok && answer.status !== 400 && answer.status !== 503) throw new Error("HTTP " + answer.status);
  const doc = await answer.json();
  if (answer.status === 503) doc.busy = true; /* its error says so; another time it is answered */
  return doc;
}

/* Some documents take the front end a moment. */
async function getWhenReady(path) {
  for (let i = 0; i < 620; i++) {
    const doc = await get(path);
    if (!doc.pending && !doc.busy) return doc;
    await new Promise(r => setTimeout(r, 300));
  }
  return { error: "it took too long" };
}

const noAnswer = e => ({ error: "the run does not answer: " + e.message });

/* --- now ------------------------------------------------------------------------------------------ */

const NAMES = {
  "annot/labels_total": "labels", "annot/labels_per_s": "labels a second", "annot/backlog": "questions waiting", "annot/staleness_s": "from question to use, s",
  "annot/abstained_total": "abstained", "annot/outstanding": "asked, not answered", "annot/connected": "reward server connected", "annot/label_positive": "positive labels",
  "annot/label_mean": "mean label", "annot/label_tie": "ties", "annot/cpu_s": "CPU of the reward server, s", "annot/missing_total": "labels missing", "annot/fallback_answers": "answers of the fallback",
  "annot/fallback_asked": "asked now (0 = the first)", "annot/fallback_switches": "switches of annotator", "annot/names_dropped_total": "names dropped",
  "annot/latency_s": "latency of an answer, s", "annot/actor_share_max": "largest share of one actor", "annot/backlog_age_s": "oldest question waits, s", "annot/llm_cost": "spent, in llm.price_in's currency", "annot/llm_tokens_in": "tokens asked", "annot/llm_tokens_out": "tokens answered", "annot/llm_requests": "requests", "annot/llm_retries": "requests tried again",
  "annot/llm_asked_again": "questions asked again", "annot/llm_unusable": "answers of no use", "annot/llm_in_flight": "requests under way", "annot/llm_window": "requests at a time", "annot/llm_servers_ready": "servers ready", "annot/llm_servers_stopped": "servers stopped", "annot/llm_canaries": "test questions asked",
  "reward_model/coverage": "steps whose caption has a label", "reward_model/heldout_accuracy": "held-out accuracy", "reward_model/heldout_auc": "held-out AUC", "reward_model/heldout_ece": "held-out calibration error",
  "reward_model/loss": "loss", "reward_model/loss_of_guessing": "loss of guessing", "reward_model/dataset": "labels to learn from", "reward_model/train_steps": "gradient steps", "reward_model/train_share": "time spent training it",
  "reward_model/between_share": "time the policy waited for it", "intrinsic/share": "intrinsic share of the reward", "intrinsic/reward_mean": "intrinsic reward per step, before reward.coef_int", "intrinsic/paid_fraction": "steps paid",
  "perf/cpu_s_learner": "CPU of the learner, s", "perf/cpu_s_actors": "CPU of the actors, s", "perf/rss_mb": "memory of the learner, MB", "perf/starved_s": "waited for trajectories, s", "perf/score_memo_hits": "scores known from before", "perf/score_us_per_frame": "scoring a frame, µs", "perf/weights_fanout_seconds": "weights to the actors, s", "actors/connected": "actors connected", "actors/running": "actors running",
  "policy_stats/success_rate": "success, of the last 400", "weights_version": "weights version", "train/lr": "learning rate", "train/episodes_total": "episodes", "wire/queued": "trajectories queued", "checkpoint/written_total": "checkpoints written", "checkpoint/failures_in_row": "checkpoints failed in a row",
};
const SHARES = /[_/](share|share_max|coverage|accuracy|fraction|success_rate|positive|tie|memo_hits)$/;

function sayList(id, rows) {
  const list = $(id).querySelector("dl");
  $(id).hidden = rows.length === 0;
  list.replaceChildren(...rows.map(([name, value]) => {
    const pair = make("div");
    pair.append(make("dt", name), make("dd", value));
    return pair;
  }));
}

function valueOf(v, n) {
  if (n === "annot/llm_cost" && v[n] === 0 && v["annot/llm_requests"] > 0) return "no price given";
  return SHARES.test(n) ? percent(v[n]) : n.endsWith("_total") || n.endsWith("weights_version") ? whole(v[n]) : short(v[n]);
}

function numbersBelow(v, prefix, extra) {
  const names = Object.keys(v).filter(n => n.startsWith(prefix) && !/^annot.(source|share)./.test(n) && v[n] !== null);
  return (extra || []).filter(n => n in v && v[n] !== null).concat(names).map(n => [NAMES[n] || n.slice(n.indexOf("/") + 1).replace(/[_/]/g, " ").trim(), valueOf(v, n)]);
}

function tile(name, value, note, cls) {
  const t = make("div", undefined, "tile");
  t.append(make("small", name), make("b", value), make("small", note || "\u00a0", cls));
  return t;
}

/* What waits takes more than a minute, by the mean of some rates: a slow annotator answers by fits and starts. */
function fallsBehind(s, rates) {
  const mean = rates.reduce((a, b) => a + b, 0) / rates.length;
  return s.phase === "training" && s.annotator === "" && s.v["annot/backlog"] > 60 * mean && !(s.v["annot/backlog_age_s"] < 10);
}

function tileOfLabels(s) {
  const v = s.v, behind = fallsBehind(s, curves.tags["annot/labels_per_s"].slice(-15).concat(v["annot/labels_per_s"]).filter(known));
  return tile("labels", whole(v["annot/labels_total"]), short(v["annot/labels_per_s"]) + " a second, " + whole(v["annot/backlog"]) + " waiting" + (behind ? ": annotation falls behind" : ""), behind ? "warn" : "");
}

const BOUND = { actors: "the actors limit it: the learner waits", learner: "the learner limits it", "reward model": "training the reward model limits it" };

function ofTheLast(v, most) {
  const n = Math.min(most, v["train/episodes_total"] || most);
  return n === 1 ? "of one episode" : "of the last " + n + " episodes";
}

function sayTiles(s) {
  const v = s.v, tiles = [], known = n => n in v && v[n] !== null, mean = "mean " + ofTheLast(v, 100);
  if (known("reward/reward")) tiles.push(tile("return", short(v["reward/reward"]), mean));
  if (known("policy_stats/success_rate")) tiles.push(tile("success", percent(v["policy_stats/success_rate"]), s.run.stop_success > 0 ? "ends at " + percent(s.run.stop_success) : ofTheLast(v, 400)));
  if (known("policy_stats/score")) tiles.push(tile("score", short(v["policy_stats/score"]), mean));
  if (known("len/len")) tiles.push(tile("length", short(v["len/len"]), "steps, " + mean));
  tiles.push(tile("frames per second", short(v["perf/_fps"]), (BOUND[s.bottleneck] || "") + (s.bottleneck === "actors" ? " " + percent(s.waited) + " of the time" : "")));
  if (known("intrinsic/share")) tiles.push(tile("intrinsic share", percent(v["intrinsic/share"]), "of what is paid"));
  if (known("annot/labels_total")) tiles.push(tileOfLabels(s));
  if (known("reward_model/coverage")) tiles.push(tile("coverage", percent(v["reward_model/coverage"]), "steps whose caption has a label"));
  $("tiles").replaceChildren(...tiles);
}

function sayPhase(s) {
  const ended = s.phase === "ended", pill = $("phase"), stands = s.waiting !== "" && s.waiting !== s.annotator && s.phase === "training"; /* without new labels it trains on */
  const mute = !stands && s.waiting !== "" && s.phase === "training" && !(s.v["annot/labels_per_s"] > 0); /* of two servers one may answer */
  pill.className = "pill " + (ended ? (s.exit ? "failed" : "ended") : stands || mute ? "waiting" : s.phase);
  pill.textContent = ended ? (s.exit ? "ended with " + s.exit : "ended") : stands ? "waiting" : mute ? "training, no new labels" : s.phase;
  $("waiting").hidden = s.waiting === "";
  $("waiting").replaceChildren(make("span", s.waiting), make("small", [s.waiting_s >= 1 ? "for " + duration(s.waiting_s) : "", s.advice].filter(t => t).join("; ")));
}

function sayProgress(s) {
  const done = Math.round(1000 * s.progress) / 10, target = s.run.stop_success > 0;
  $("bar").firstElementChild.style.width = done + "%";
  $("bar").setAttribute("aria-valuenow", done);
  $("done").textContent = whole(s.v.env_steps || 0) + " of " + whole(s.run.frames) + " frames" + (s.phase === "ended" && s.progress === 1 && s.v.env_steps < s.run.frames ? ", the end was reached" : ", " + done + " %");
  const until = target ? (s.phase === "ended" ? "" : ", sooner if success reaches " + percent(s.run.stop_success)) : "";
  $("eta").textContent = duration(s.wall_s) + " so far" + (s.eta_s === null ? "" : "; " + (target ? "at most " : "") + duration(s.eta_s) + " to go" + until);
}

function saySources(v) {
  const from = Object.keys(v).filter(n => n.startsWith("annot/source/"));
  const share = n => v[n.replace("source", "share")];
  return from.map(n => ["answered by " + n.slice("annot/source/".length), whole(v[n]) + (from.length > 1 && share(n) !== undefined ? ", now " + percent(share(n)) : "")]);
}

function annotatorOf(s) {
  const from = Object.keys(s.v).filter(n => n.startsWith("annot/source/")).map(n => n.slice("annot/source/".length));
  return s.run.annotator + (s.run.annotator === "auto" && from.length ? ": " + from.join(", ") : "");
}

/* "auto" is a name once a caption was asked for it. */
let goalAsked = "";
function goalOf(s) {
  return s.run.goal + (s.run.goal === "auto" && goalAsked ? ": " + goalAsked : "");
}

let heard = 0, started = false;
function onState(s) {
  const v = s.v;
  document.documentElement.dataset.events = ++heard;
  document.title = (v["policy_stats/success_rate"] > 0 ? percent(v["policy_stats/success_rate"]) + " " : "") + s.run.env + " – onic";
  $("name").textContent = s.run.env + " · " + s.run.reward_model;
  $("dir").textContent = s.run.dir;
  sayPhase(s);
  sayProgress(s);
  sayTiles(s);
  const asks = v["annot/connected"] === 1 || v["annot/labels_total"] > 0 || v["annot/backlog"] > 0 || v["annot/outstanding"] > 0;
  sayList("annotation", asks ? [["annotator", annotatorOf(s)], ["goal", goalOf(s)]].concat(saySources(v), numbersBelow(v, "annot/")) : []);
  sayList("model", s.run.reward_model === "none" ? [] : [["model", s.run.reward_model]].concat(numbersBelow(v, "reward_model/", ["intrinsic/share", "intrinsic/reward_mean", "intrinsic/paid_fraction"])));
  sayList("task", numbersBelow(v, "policy_stats/"));
  sayList("machine", numbersBelow(v, "perf/", ["weights_version", "train/lr", "train/episodes_total", "actors/connected", "actors/running", "wire/queued", "checkpoint/written_total", "checkpoint/failures_in_row"]).filter(r => r[0] !== "fps" && r[0] !== " fps"));
  curvesAdd(s.wall_s, v.env_steps || 0, v);
  chartsDraw(false);
}

/* --- tables --------------------------------------------------------------------------------------- */

function row(cells) {
  const tr = make("tr");
  for (const [text, cls] of cells) tr.append(make("td", text, cls));
  return tr;
}

/* Where a window is narrow, a row is a card, and each cell says what it is. */
function sayRows(table, rows) {
  const names = [...table.querySelectorAll("th")].map(th => th.textContent);
  for (const tr of rows) [...tr.children].forEach((td, i) => { td.dataset.name = names[i]; });
  table.querySelector("tbody").replaceChildren(...rows);
}

let actorsBefore = new Map(), actorsAt = 0;
async function sayActors() {
  const doc = await get("/api/actors"), dt = doc.at_s - actorsAt;
  if (dt === 0) return; /* the same document */
  sayRows($("actors").querySelector("table"), doc.actors.map(a => {
    const before = actorsBefore.get(a.id), rate = before !== undefined && actorsAt && dt > 0 ? (a.env_steps - before) / dt : null;
    return row([[a.id, "n"], [a.state, a.state === "running" ? "good" : "bad"], [a.host + " " + a.pid, "half"], [short(rate), "n"], [whole(a.env_steps), "n"], [short(a.cpu_s), "n"], [a.silent_s === null ? "–" : a.silent_s.toFixed(1), "n"], [a.incarnation % 4294967296, "n"]]);
  }));
  actorsBefore = new Map(doc.actors.map(a => [a.id, a.env_steps]));
  actorsAt = doc.at_s;
}

function ledgerRows(l) {
  const rows = [["produced", l.trajectories.produced, l.steps.produced], ["trained on", l.trajectories.consumed, l.steps.consumed]];
  for (const kind of ["dropped", "lost"]) {
    const reasons = Object.keys(l.trajectories[kind]).filter(why => l.trajectories[kind][why] || l.steps[kind][why]);
    if (!reasons.length) rows.push([kind, 0, 0]);
    for (const why of reasons) rows.push([kind + ": " + why.replaceAll("_", " "), l.trajectories[kind][why], l.steps[kind][why]]);
  }
  rows.push(["in flight", l.trajectories.in_flight, l.steps.in_flight], ["trained on twice", l.trajectories.consumed_twice, l.steps.consumed_twice]);
  return rows;
}

async function sayLedger() {
  const l = await get("/api/ledger"), note = $("ledger").querySelector(".note");
  $("ledger").querySelector("tbody").replaceChildren(...ledgerRows(l).map(([name, t, s]) => row([[name], [whole(t), "n"], [whole(s), "n"]])));
  note.textContent = l.trajectories.balanced === false ? "the books do not balance" : "produced = trained on + dropped + lost + in flight, up to 4 s ago: the frames at the top may be ahead";
  note.className = "note " + (l.trajectories.balanced === false ? "bad" : "");
}

function questionOf(c) {
  if (c.label === null && c.kind === undefined) return "not asked";
  const about = c.kind === "pair" ? "which is better, " + (c.place === 2 ? "as the second, beside “" : "as the first, beside “") + (c.other || "") + "”" : "what is it worth";
  return about + " · goal " + c.goal + " (" + (c.prompt_version || "").slice(0, 8) + ")";
}

/* "TOV stands for label 1": a language model answers in made-up words, on which it has no opinion. */
function wordsOf(captions) {
  const labels = new Map();
  for (const c of captions) {
    const word = c.kind === "class" && /^(?:\w+: )?([A-Z]{2,8})(?:-[A-Z]+)?$/.exec(c.raw || "");
    if (word && c.label !== null) labels.set(word[1], (labels.get(word[1]) || new Set()).add(c.label));
  }
  return [...labels].filter(([, of]) => of.size === 1).map(([word, of]) => word + " stands for label " + [...of][0]).join(", ");
}

async function sayCaptions() {
  const doc = await getWhenReady("/api/captions"), box = $("captions"), note = box.querySelector(".note");
  if (doc.error) { note.hidden = false; note.textContent = doc.error; return; }
  goalAsked = (doc.captions.find(c => c.goal) || { goal: goalAsked }).goal;
  box.querySelector("table").hidden = doc.captions.length === 0;
  note.hidden = false;
  const words = wordsOf(doc.captions);
  note.textContent = doc.captions.length ? short(doc.total) + " paid in all, as of the newest checkpoint; " + (doc.decided_by === "label" ? "the label is the score" : doc.decided_by === "model" ? "the trained model decides for every caption" : "no language decides") + (words ? "; in the raw answers " + words : "") : "nothing was paid for a caption as of the newest checkpoint";
  sayRows(box.querySelector("table"), doc.captions.map(c => row([[c.caption, "words"], [short(c.paid), "n"], [whole(c.steps), "n"], [short(c.score), "n"], [c.side || (c.label === null ? (c.kind ? "abstained" : "–") : short(c.label)), "n"], [questionOf(c), "words"], [c.annotator || "–", "half"], [c.raw || "–", "raw"]])));
}

/* --- kept episodes -------------------------------------------------------------------------------- */

let episode = null, frame = 0, playing = 0, listed = "", chosen = "";

async function sayEpisodes() {
  const doc = await get("/api/episodes"), note = $("episodes").querySelector(".note"), list = $("episodes").querySelector(".list");
  if (!chosen) note.textContent = doc.episodes.length ? "choose one: it is played again from its seed and its actions" : "none yet: the first one and then every replay.every_episodes-th one is kept when it has ended";
  const now = doc.episodes.map(e => e.file).join();
  if (now === listed) return;
  listed = now;
  list.replaceChildren(...doc.episodes.map(e => {
    const b = make("button", "return " + short(e.return) + " in " + whole(e.steps) + " steps");
    b.append(make("span", "after " + whole(e.env_steps) + " frames, " + e.end));
    b.setAttribute("role", "option");
    b.setAttribute("aria-selected", e.file === chosen);
    b.onclick = () => choose(e.file, b);
    return b;
  }));
}

async function choose(file, button) {
  const note = $("episodes").querySelector(".note");
  chosen = file;
  for (const b of $("episodes").querySelectorAll(".list button")) b.setAttribute("aria-selected", b === button);
  note.textContent = "playing it again";
  const doc = await getWhenReady("/api/episode?file=" + encodeURIComponent(file)).catch(noAnswer);
  if (file !== chosen) return;
  note.textContent = doc.error || doc.reward_model + ": paid " + short(doc.paid_ext) + " for the environment's reward and " + short(doc.paid_int) + " for captions; " + doc.end + " after " + whole(doc.steps) + " steps";
  $("episodes").querySelector(".stage").hidden = !!doc.error;
  if (doc.error) return;
  episode = { doc, file, frames: unfold(doc) };
  frame = 0;
  pause();
  $("why").replaceChildren();
  drawTrack();
  show();
}

/* A frame is kept as the lines that differ from the one before. */
function unfold(doc) {
  const frames = [doc.start || []];
  for (const s of doc.step) {
    const lines = frames[frames.length - 1].slice(0, s.lines === undefined ? undefined : s.lines);
    for (const [at, text] of s.frame || []) lines[at] = text;
    frames.push(lines);
  }
  return frames;
}

function show() {
  const s = frame ? episode.doc.step[frame - 1] : null, steps = episode.doc.step.length;
  $("episodes").querySelector(".picture").replaceChildren(pictureOf(episode.doc.env, episode.frames[frame]));
  $("at").textContent = frame ? "step " + frame + " of " + steps : "the start of " + steps + " steps";
  $("step").textContent = s ? s.action_name + " → paid " + short(s.ext) + " and " + short(s.int) + " for " + (s.caption ? "“" + s.caption + "”" + (s.n > 1 ? " (time " + s.n + ")" : "") : "no caption") : "";
  const track = $("track");
  track.setAttribute("aria-valuemin", 0);
  track.setAttribute("aria-valuemax", steps);
  track.setAttribute("aria-valuenow", frame);
  drawTrack();
}

function drawTrack() {
  const track = $("track"), steps = episode.doc.step, w = track.clientWidth, dpr = devicePixelRatio || 1;
  const canvas = track.firstChild || track.appendChild(make("canvas")), g = canvas.getContext("2d");
  canvas.width = w * dpr;
  canvas.height = 34 * dpr;
  g.scale(dpr, dpr);
  const most = Math.max(1e-9, ...steps.map(s => Math.max(Math.abs(s.ext), Math.abs(s.int))));
  const wide = Math.max(2, Math.min(6, w / steps.length));
  steps.forEach((s, i) => {
    const x = w * (i + 1) / (steps.length + 1);
    for (const [value, colour, base] of [[s.int, css("--a"), 0], [s.ext, css("--c"), 1]]) {
      if (!value) continue;
      g.fillStyle = value < 0 ? css("--bad") : colour;
      const h = 4 + 12 * Math.abs(value) / most;
      g.fillRect(x - wide / 2, base ? 34 - h : 0, wide, h);
    }
  });
  g.fillStyle = css("--text");
  g.fillRect(w * frame / (steps.length + 1) - 1, 0, 2, 34);
}

const product = (paid, coef) => "paid " + short(paid) + " = " + short(coef) + " x " + short(coef ? paid / coef : 0);

function whyRows(doc) {
  if (doc.error) return [["why", doc.error]];
  const rows = [["environment", product(doc.ext, doc.coef_ext) + "; a reward of " + short(doc.reward) + " before scale and clip"],
    ["caption", doc.caption ? product(doc.int, doc.coef_int) + "; " + doc.reward_model + ", " + doc.shaping + ", time " + doc.n + " in this episode" : "none"]];
  if (doc.caption && doc.score !== null) rows.push(["score then", short(doc.score) + (doc.labelled === false ? ", without a label" : "")]);
  const l = doc.label;
  if (l) rows.push(["label", (l.side || (l.label === null ? "abstained" : short(l.label))) + ", id " + l.id + (l.confidence === null ? "" : ", confidence " + short(l.confidence))],
    ["question", questionOf(l)], ["answered by", l.annotator + (l.model ? ", " + l.model : "")], ["raw answer", l.raw || "–"]);
  else if (doc.caption) rows.push(["label", "none in the store"]);
  return rows;
}

async function why(t) {
  const file = episode.file, list = $("why");
  list.replaceChildren(make("dt", "why"), make("dd", "asking"));
  const doc = await getWhenReady("/api/why?file=" + encodeURIComponent(file) + "&t=" + t).catch(noAnswer);
  if (!episode || episode.file !== file || frame !== t) return;
  list.replaceChildren(...whyRows(doc).flatMap(([a, b]) => [make("dt", a), make("dd", b)]));
}

function go(to) {
  frame = Math.max(0, Math.min(episode.doc.step.length, to));
  $("why").replaceChildren();
  show();
}
function pause() { clearInterval(playing); playing = 0; $("play").textContent = "play"; }
$("play").onclick = () => {
  if (playing) return pause();
  if (frame >= episode.doc.step.length) frame = 0;
  $("play").textContent = "pause";
  playing = setInterval(() => { if (frame >= episode.doc.step.length) pause(); else go(frame + 1); }, Math.max(30, Math.min(250, 20000 / episode.doc.step.length)));
};
$("back").onclick = () => { pause(); go(frame - 1); };
$("next").onclick = () => { pause(); go(frame + 1); };
$("track").onclick = e => {
  const box = $("track").getBoundingClientRect(), steps = episode.doc.step, at = (e.clientX - box.left) / box.width * (steps.length + 1);
  let to = Math.round(at);
  const reach = 8 / box.width * (steps.length + 1);
  let best = reach;
  steps.forEach((s, i) => { if ((s.ext || s.int) && Math.abs(i + 1 - at) < best) { best = Math.abs(i + 1 - at); to = i + 1; } });
  pause();
  go(to);
  if (frame) why(frame);
};
$("track").onkeydown = e => {
  if (e.key === "ArrowRight" || e.key === "ArrowLeft") { pause(); go(frame + (e.key === "ArrowRight" ? 1 : -1)); }
  else if (e.key === "Enter" && frame) why(frame);
  else return;
  e.preventDefault();
};

/* --- hearing -------------------------------------------------------------------------------------- */

const TAGS = encodeURIComponent(Object.keys(curves.tags).filter(t => !(t in MADE)).join());
let stream = null, ended = false, timers = [];

const quietly = f => () => f().catch(() => {}); /* the run is gone: the pill says so */

/* Each of these asks again when it is done, so that a slow one is not asked twice. */
function every(seconds, f) {
  let timer = 0, off = false;
  const turn = async () => { await quietly(f)(); if (!off) timer = setTimeout(turn, 1000 * seconds); };
  turn();
  return () => { off = true; clearTimeout(timer); };
}

async function takeSeries() {
  curvesTake(await get("/api/series?tags=" + TAGS));
  chartsDraw(true);
}

function open() {
  close();
  takeSeries().catch(() => {});
  stream = new EventSource("/events");
  stream.onmessage = e => { const s = JSON.parse(e.data); ended = s.phase === "ended"; onState(s); };
  stream.onopen = () => { if (started) takeSeries().catch(() => {}); started = true; };
  stream.onerror = () => { if (!ended) { $("phase").className = "pill lost"; $("phase").textContent = "no connection"; } };
  timers = [every(3, sayActors), every(3, sayLedger), every(15, sayCaptions), every(6, sayEpisodes)];
}

/* A browser keeps six connections to a place, for all its windows: one that nobody sees needs none. */
function close() {
  if (stream) stream.close();
  stream = null;
  for (const end of timers) end();
  timers = [];
}

function axisBy(time) {
  byTime = time;
  $("by-time").setAttribute("aria-pressed", time);
  $("by-steps").setAttribute("aria-pressed", !time);
  chartsDraw(true);
}
$("by-time").onclick = () => axisBy(true);
$("by-steps").onclick = () => axisBy(false);
addEventListener("resize", () => { if (episode) drawTrack(); });

if (once) {
  takeSeries().then(async () => { onState(await get("/api/state")); await Promise.all([sayActors(), sayLedger(), sayEpisodes()]); await sayCaptions(); });
} else {
  document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
  open();
}
