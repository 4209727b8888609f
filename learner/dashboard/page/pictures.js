"use strict";
/* pictures.js - pictures of environments: lines of text with the colours of a terminal. A grid of MiniGrid becomes a
 * picture, everything else stays text. */

const TERMINAL = ["#5c6370", "#ef6b73", "#5fc78d", "#e5c07b", "#61a9f0", "#c88be0", "#56c2d0", "#d7dae0"];
const TERMINAL_BRIGHT = ["#8a929e", "#ff8a92", "#7fe0a8", "#ffd68a", "#86c1ff", "#e0a8f5", "#7fe0ec", "#ffffff"];

/* [{text, fg, bg, bold, inverse}...] of a line; fg and bg are numbers of a terminal or null. */
function runsOf(line) {
  const runs = [];
  let fg = null, bg = null, bold = false, inverse = false, at = 0;
  const put = text => { if (text) runs.push({ text, fg, bg, bold, inverse }); };
  for (const m of line.matchAll(/\u001b\[([0-9;]*)m/g)) {
    put(line.slice(at, m.index));
    at = m.index + m[0].length;
    const codes = m[1].split(";").map(Number);
    for (let i = 0; i < codes.length; i++) {
      const c = codes[i];
      if (c === 0) { fg = bg = null; bold = inverse = false; }
      else if (c === 1) bold = true;
      else if (c === 7) inverse = true;
      else if (c >= 30 && c <= 37) fg = c - 30;
      else if (c >= 90 && c <= 97) fg = c - 82;
      else if (c >= 40 && c <= 47) bg = c - 40;
      else if ((c === 38 || c === 48) && codes[i + 1] === 5) { const n = codes[i + 2]; if (c === 48) bg = 100 + n; else fg = n < 16 ? n : 100 + n; i += 2; }
    }
  }
  put(line.slice(at));
  return runs;
}

/* Number 16 to 255 of a terminal of 256 colours: a cube of 6 x 6 x 6, then greys. */
function paletteColour(n) {
  const level = [0, 95, 135, 175, 215, 255], at = n - 16, grey = 8 + 10 * (n - 232);
  return n >= 232 ? `rgb(${grey},${grey},${grey})` : `rgb(${level[Math.floor(at / 36)]},${level[Math.floor(at / 6) % 6]},${level[at % 6]})`;
}

function colourOf(n, bold) {
  if (n === null) return "#c9d1d9";
  if (n >= 116) return paletteColour(n - 100);
  return n >= 8 ? TERMINAL_BRIGHT[n - 8] : bold ? TERMINAL_BRIGHT[n] : TERMINAL[n];
}

function pictureText(lines) {
  const pre = document.createElement("pre");
  for (const line of lines) {
    for (const r of runsOf(line)) {
      const span = document.createElement("span");
      span.textContent = r.text;
      const ink = colourOf(r.fg, r.bold);
      if (r.inverse) { span.style.background = ink; span.style.color = "#101215"; }
      else span.style.color = ink;
      if (!r.inverse && r.bg >= 116) span.style.background = paletteColour(r.bg - 100);
      pre.append(span);
    }
    pre.append("\n");
  }
  return pre;
}

/* --- MiniGrid: two characters per cell ------------------------------------------------------------ */

const CELL = 26;
const INK = { 1: "#e5484d", 2: "#3fb950", 4: "#4c8dff", 5: "#b86be0", 3: "#e3b341", 8: "#8b949e", 9: "#ff5c5c" };

function cellsOf(line) {
  const cells = [];
  for (const r of runsOf(line)) for (let i = 0; i + 1 < r.text.length + 1; i += 2) cells.push({ text: r.text.slice(i, i + 2).padEnd(2), ink: r.fg, seen: r.bg !== null });
  return cells;
}

function drawKey(g, x, y) {
  g.beginPath(); g.arc(x + 13, y + 8, 4, 0, 7); g.stroke();
  g.beginPath(); g.moveTo(x + 13, y + 12); g.lineTo(x + 13, y + 22); g.moveTo(x + 13, y + 17); g.lineTo(x + 18, y + 17); g.moveTo(x + 13, y + 21); g.lineTo(x + 18, y + 21); g.stroke();
}

function drawAgent(g, x, y, arrow) {
  g.save();
  g.translate(x + CELL / 2, y + CELL / 2);
  g.rotate({ ">": 0, "v": Math.PI / 2, "<": Math.PI, "^": -Math.PI / 2 }[arrow]);
  g.beginPath(); g.moveTo(9, 0); g.lineTo(-7, 7); g.lineTo(-7, -7); g.closePath(); g.fill();
  g.restore();
}

function drawCell(g, c, x, y) {
  g.fillStyle = c.seen ? "#3a3f47" : "#17191d";
  g.fillRect(x, y, CELL, CELL);
  g.strokeStyle = "#2a2e35"; g.lineWidth = 1;
  g.strokeRect(x + .5, y + .5, CELL - 1, CELL - 1);
  g.fillStyle = g.strokeStyle = INK[c.ink] || "#c9d1d9";
  g.lineWidth = 2.4;
  const t = c.text;
  if (t === "##") { g.fillStyle = c.seen ? "#8b949e" : "#5c636d"; g.fillRect(x, y, CELL, CELL); }
  else if (t === "k ") drawKey(g, x, y);
  else if (t === "o ") { g.beginPath(); g.arc(x + CELL / 2, y + CELL / 2, 8, 0, 7); g.fill(); }
  else if (t === "b ") { g.strokeRect(x + 5, y + 5, CELL - 10, CELL - 10); g.beginPath(); g.moveTo(x + 5, y + 13); g.lineTo(x + 21, y + 13); g.stroke(); }
  else if (t === "><" || t === "..") { if (t === "><") g.fillRect(x + 2, y + 2, CELL - 4, CELL - 4); }
  else if (t === "||") { g.fillRect(x + 2, y + 2, 5, CELL - 4); }
  else if (t === "[]" || t === "[X") {
    g.strokeRect(x + 3, y + 3, CELL - 6, CELL - 6);
    if (t === "[X") { g.fillRect(x + 6, y + 6, CELL - 12, CELL - 12); g.fillStyle = "#17191d"; g.fillRect(x + 11, y + 11, 4, 5); }
    else { g.beginPath(); g.arc(x + 18, y + CELL / 2, 2, 0, 7); g.fill(); }
  } else if (t === "~~") { g.fillStyle = "#d9632a"; g.fillRect(x, y, CELL, CELL); }
  else if (">v<^".includes(t[0]) && t[1] === " ") { g.fillStyle = "#ff5c5c"; drawAgent(g, x, y, t[0]); }
}

/* The mission, rows of cells, what is carried, the step. */
function pictureGrid(lines) {
  const grid = lines.slice(1).filter(l => /^\u001b\[/.test(l)).map(cellsOf);
  const box = document.createElement("div"), mission = document.createElement("p"), below = document.createElement("p"), canvas = document.createElement("canvas");
  mission.textContent = "mission: " + lines[0];
  below.textContent = lines.slice(1 + grid.length).filter(l => l).join(" · ");
  canvas.width = 2 * CELL * Math.max(1, ...grid.map(r => r.length));
  canvas.height = 2 * CELL * grid.length;
  const wide = canvas.width / 2 / CELL;
  canvas.style.width = wide * Math.min(44, Math.max(18, 420 / wide)) + "px";
  const g = canvas.getContext("2d");
  g.scale(2, 2);
  grid.forEach((row, y) => row.forEach((c, x) => drawCell(g, c, CELL * x, CELL * y)));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", mission.textContent + "; " + below.textContent);
  box.append(mission, canvas, below);
  return box;
}

const pictureOf = (env, lines) => env.startsWith("minigrid:") ? pictureGrid(lines) : pictureText(lines);
