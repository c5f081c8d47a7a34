(() => {
"use strict";
const root = document.documentElement;
const $ = (id) => document.getElementById(id);
const island = JSON.parse($("data").textContent);

// Theme: what the system says, or light or dark until told otherwise. Storage may be forbidden for a page opened as a file.
const themes = ["", "light", "dark"], names = { "": "Auto", light: "Light", dark: "Dark" };
let theme = "";
try { theme = localStorage.getItem("weir-theme") || ""; } catch { /* then it is forgotten */ }
const redraws = new Set();
function dress() {
  if (!themes.includes(theme)) theme = "";
  if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
  $("theme-name").textContent = names[theme];
  $("theme").setAttribute("aria-label", "Colours: " + names[theme] + ". Change");
  redraws.forEach((f) => f());
}
$("theme").hidden = false;
$("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const cycle = dark ? ["", "light", "dark"] : ["", "dark", "light"]; // the first click always changes something
  theme = cycle[(cycle.indexOf(theme) + 1) % cycle.length];
  try { localStorage.setItem("weir-theme", theme); } catch { /* see above */ }
  dress();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
dress();

// Colours of the style sheet, resolved for a canvas.
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);
function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

const count = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const share = { format: (x) => count.format(100 * x) + " %" };
let zone = island.zone;
try { new Intl.DateTimeFormat("en", { timeZone: zone }); } catch { zone = "UTC"; }
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const palette = { all: "all", left: "left", bad: "bad", clean: "good", main: "good" };

// draw lays uPlot over the drawing that came with the page, with the same axes, so that nothing moves.
function draw(box, c) {
  const bars = uPlot.paths.bars({ size: [1, Infinity], align: 1 });
  const steps = uPlot.paths.stepped({ align: -1 }), plain = uPlot.paths.linear(), none = () => null;
  const series = [{}], data = [c.x];
  for (const s of c.series) {
    const thin = s.role === "clean";
    series.push({
      label: s.name, stroke: () => colour(palette[s.role]), alpha: thin ? .5 : 1,
      width: s.kind === "bars" ? 0 : thin ? 1 : 2.2, fill: s.kind === "bars" ? () => colour(palette[s.role]) : undefined,
      paths: s.kind === "bars" ? areaOf(c) : s.kind === "step" ? steps : s.kind === "dots" ? none : plain,
      points: { show: s.kind === "dots", size: 9, fill: () => colour(palette[s.role]) },
    });
    data.push(c.log ? s.y.map((y) => (y === null || y < 1 ? null : y)) : s.y);
  }
  const axis = { stroke: () => colour("soft"), font: font(1), ticks: { show: false } };
  const grid = { stroke: () => colour("grid"), width: 1 };
  const size = () => ({ width: box.clientWidth, height: box.clientHeight });
  const u = new uPlot({
    ...size(), padding: [10, 20, 0, 0], legend: { show: false }, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), zone),
    cursor: { y: false, points: { show: (_, i) => series[i].width > 0 && !c.series[i - 1].mute }, drag: { x: true, y: false, dist: 6 }, focus: { prox: -1 } },
    scales: {
      x: { time: !!c.time, range: (_, lo, hi) => (lo === c.x[0] && hi === c.x.at(-1) ? [c.from, c.to] : [lo, hi]) },
      y: { distr: c.log ? 3 : 1, range: c.log ? [.7, c.top] : [0, c.top] },
    },
    axes: [
      { ...axis, size: 26, gap: 5, grid: { show: false }, space: 90, values: (_, at, __, ___, incr) => c.time ? times(at, incr) : at.map((x) => (c.unit ? share : count).format(x).replace("-", "−")) },
      { ...axis, size: 44, gap: 4, grid, space: 34, values: (_, at) => at.map((y) => label(y, c)), splits: c.log ? () => powers(c.top) : undefined, filter: (_, at) => at },
    ],
    series, hooks: { drawClear: [(u) => under(u, c)], draw: [(u) => over(u, c)], setCursor: [(u) => point(u, c, tip)], setScale: [(u, k) => { if (k === "x") zoomed(u, c, back); }] },
  }, data, box);
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  const back = document.createElement("button");
  back.type = "button";
  back.className = "unzoom";
  back.textContent = "Show all";
  back.hidden = true;
  back.addEventListener("click", () => u.setScale("x", { min: c.x[0], max: c.x.at(-1) }));
  u.over.append(tip);
  box.append(back);
  box.classList.add("live");
  u.root.setAttribute("aria-hidden", "true");
  redraws.add(() => u.redraw(false, true));
  new ResizeObserver(() => { if (box.clientWidth && box.clientWidth !== u.width) u.setSize(size()); }).observe(box);
}

// areaOf draws bins without the hairlines that bars side by side leave.
function areaOf(c) {
  return (u, at, first, last) => {
    const fill = new Path2D(), ground = u.valToPos(0, "y", true), y = u.data[at];
    const x = (v) => Math.round(u.valToPos(v, "x", true));
    for (let i = first; i <= last; i++) {
      if (!y[i]) continue;
      const top = Math.min(u.valToPos(y[i], "y", true), ground - devicePixelRatio), left = x(c.x[i]);
      fill.rect(left, top, Math.max(x(c.x[i] + c.width) - left, 1), ground - top);
    }
    return { fill, stroke: null, clip: null, flags: 0 };
  };
}

// times writes ticks: the time of day, and the day where one begins.
function times(at, incr) {
  return at.map((t) => {
    const d = Object.fromEntries(parts.formatToParts(t * 1e3).map((p) => [p.type, p.value]));
    const midnight = d.hour === "00" && d.minute === "00" && d.second === "00";
    if (incr >= 360 * 86400) return d.year;
    if (incr >= 28 * 86400) return d.month + " " + d.year;
    if (midnight || incr >= 86400) return d.day + " " + d.month;
    return d.hour + ":" + d.minute + (incr < 60 ? ":" + d.second : "");
  });
}

function powers(top) {
  const at = [];
  for (let y = 1; y <= top * 1.001; y *= 10) at.push(y);
  return at;
}

function label(y, c) {
  if (c.unit) return share.format(y);
  for (const [is, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (y >= is) return count.format(y / is) + unit;
  return count.format(y);
}

// under shades stretches of x.
function under(u, c) {
  const { left, top, width, height } = u.bbox, ctx = u.ctx;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  for (const s of c.spans || []) {
    const a = u.valToPos(s.from, "x", true), b = Math.max(u.valToPos(s.to, "x", true), a + devicePixelRatio);
    ctx.fillStyle = colour("shade-" + s.role);
    ctx.fillRect(a, top, b - a, height);
    if (s.role === "window") {
      ctx.strokeStyle = colour("bad");
      ctx.globalAlpha = .35;
      ctx.lineWidth = devicePixelRatio;
      ctx.strokeRect(a, top, b - a, height);
      ctx.globalAlpha = 1;
      const r = devicePixelRatio, right = a < left + width * .8;
      ctx.fillStyle = colour("bad");
      ctx.font = font(r);
      ctx.textAlign = right ? "left" : "right";
      if (c.spans.filter((x) => x.role === s.role).length === 1) ctx.fillText(s.name, right ? b + 6 * r : a - 6 * r, top + 10 * r);
    }
  }
  ctx.restore();
}

// over draws marks, intervals and the diagonal.
function over(u, c) {
  const { left, top, width, height } = u.bbox, ctx = u.ctx, r = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = r;
  ctx.strokeStyle = ctx.fillStyle = colour("soft");
  ctx.setLineDash([3 * r, 3 * r]);
  ctx.font = font(r);
  for (const m of c.marks || []) {
    const x = Math.round(u.valToPos(m.x, "x", true)) + .5;
    if (x < left || x > left + width) continue;
    line(ctx, x, top, x, top + height);
    ctx.textAlign = m.left ? "right" : "left";
    ctx.fillText(m.name, x + (m.left ? -6 : 6) * r, top + 10 * r);
  }
  if (c.unit && c.id !== "pr") line(ctx, left, top + height, left + width, top);
  ctx.setLineDash([]);
  ctx.lineWidth = 1.5 * r;
  for (const s of c.series) {
    if (!s.lo) continue;
    ctx.strokeStyle = colour(palette[s.role]);
    s.lo.forEach((lo, i) => {
      if (lo === null) return;
      const x = u.valToPos(c.x[i], "x", true);
      line(ctx, x, u.valToPos(lo, "y", true), x, u.valToPos(s.hi[i], "y", true));
    });
  }
  ctx.restore();
}

const font = (r) => `${12 * r}px ${getComputedStyle(document.body).fontFamily}`;

function line(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

// point tells the figures under the pointer.
function point(u, c, tip) {
  if (!tip) return;
  let i = u.cursor.idx;
  if (c.width) { // the bin under the pointer, not the one that starts nearest to it
    i = Math.floor((u.posToVal(u.cursor.left, "x") - c.x[0]) / c.width);
    if (!(i >= 0 && i < c.x.length)) i = null;
  }
  tip.hidden = i == null || u.cursor.left < 0;
  if (tip.hidden) return;
  const head = document.createElement("b"), x = c.x[i];
  head.textContent = c.time ? clock.format(x * 1e3) : c.xname + " " + (c.unit ? share.format(x) : count.format(x));
  tip.replaceChildren(head);
  let most = 0, many = 0;
  for (const s of c.series) {
    if (s.role === "clean") { most = Math.max(most, s.y[i] || 0); many++; continue; }
    row(s.name, s.y[i], s.lo && s.lo[i] !== null ? ` (${share.format(s.lo[i])} to ${share.format(s.hi[i])})` : "");
  }
  if (many) row(many > 1 ? "most in a clean window" : "clean window", most, "");
  function row(name, y, more) {
    if (y == null) return;
    const p = document.createElement("div");
    p.textContent = (c.unit ? share.format(y) : count.format(y)) + more + " " + name;
    tip.append(p);
  }
  const left = u.cursor.left, w = tip.offsetWidth;
  tip.style.left = (left + 14 + w > u.over.clientWidth ? Math.max(left - 14 - w, 0) : left + 14) + "px";
  tip.style.top = "4px";
}

function zoomed(u, c, back) {
  if (back) back.hidden = u.scales.x.min <= c.from && u.scales.x.max >= c.to;
}

const byID = new Map(island.charts.map((c) => [c.id, c]));
const watch = new IntersectionObserver((seen) => {
  for (const e of seen) {
    if (!e.isIntersecting) continue;
    watch.unobserve(e.target);
    draw(e.target, byID.get(e.target.dataset.chart));
  }
}, { rootMargin: "200px" });
for (const box of document.querySelectorAll(".plot[data-chart]")) if (byID.get(box.dataset.chart)?.x?.length) watch.observe(box);

// The list of suspects.
const list = $("rows");
if (!list) return;
const rows = [...list.children].map((el) => ({ el, details: el.firstElementChild, summary: el.querySelector("summary"), files: el.dataset.files.split(" ") }));
const find = $("find"), file = $("file"), order = $("order"), picks = [...document.querySelectorAll(".pick")];
$("tools").hidden = false;

function filter() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdicts = picks.filter((b) => b.ariaPressed === "true").map((b) => b.dataset.verdict);
  let n = 0;
  for (const r of rows) {
    if (words.length) r.text ??= r.el.textContent.toLowerCase();
    const fits = (!verdicts.length || verdicts.includes(r.el.dataset.verdict)) && (!file?.value || r.files.includes(file.value)) &&
      words.every((w) => r.text.includes(w));
    r.el.hidden = !fits;
    n += fits;
  }
  $("count").textContent = n === rows.length ? `${n} row${n === 1 ? "" : "s"}` : `${n} of ${rows.length} rows`;
  $("none").hidden = n > 0;
}

function sort() {
  const key = order.value, sign = key === "rank" || key === "first" ? 1 : -1;
  rows.sort((a, b) => sign * (a.el.dataset[key] - b.el.dataset[key]) || a.el.dataset.rank - b.el.dataset.rank);
  list.append(...rows.map((r) => r.el));
}

function clear() {
  find.value = "";
  if (file) file.value = "";
  picks.forEach((b) => { b.ariaPressed = "false"; });
  filter();
}

find.addEventListener("input", filter);
file?.addEventListener("change", filter);
order.addEventListener("change", sort);
$("tools").addEventListener("submit", (e) => e.preventDefault());
$("clear").addEventListener("click", () => { clear(); find.focus(); });
for (const b of picks) b.addEventListener("click", () => { b.ariaPressed = b.ariaPressed === "true" ? "false" : "true"; filter(); });
$("all").addEventListener("click", () => {
  const open = $("all").ariaPressed !== "true";
  $("all").ariaPressed = String(open);
  $("all").textContent = open ? "Close all" : "Open all";
  for (const r of rows) if (!r.el.hidden) r.details.open = open;
});

// Keys: / to the filter, Escape out of it, arrows or j and k from row to row. Enter opens, as everywhere.
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const typing = e.target.closest?.("input, select, textarea");
  if (e.key === "/" && !typing) {
    e.preventDefault();
    find.focus();
    find.select();
  } else if (e.key === "Escape" && e.target === find) {
    if (find.value) clear(); else find.blur();
  } else if (["ArrowDown", "ArrowUp", "j", "k"].includes(e.key)) {
    const down = e.key === "ArrowDown" || e.key === "j";
    if (typing && !(e.target === find && e.key === "ArrowDown")) return;
    const shown = rows.filter((r) => !r.el.hidden), on = shown.findIndex((r) => r.summary === document.activeElement);
    if (on < 0 && e.target !== find && e.key.startsWith("Arrow")) return; // the page scrolls
    const next = shown[on < 0 ? 0 : on + (down ? 1 : -1)];
    if (!next && on === 0 && !down) find.focus(); else next?.summary.focus();
    e.preventDefault();
  }
});
function jump() { // to a row, a campaign or a step: what holds it opens, and so does it
  const to = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!to || !to.matches(".row, .story, .steps > li")) return;
  for (let d = to.parentElement.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
  to.firstElementChild.open = true;
  to.scrollIntoView();
}
addEventListener("hashchange", jump);
jump();
filter();
})();
