// Numbers and plots of both reports: spread of runs, how a figure is written, bars and lines as SVG. No library.
export function spread(values) {
  const s = [...values].sort((a, b) => a - b), h = Math.floor(s.length / 2);
  return { median: s.length % 2 ? s[h] : (s[h - 1] + s[h]) / 2, min: s[0], max: s[s.length - 1], runs: s.length };
}
// Three significant digits, thousands with a comma.
export function show(x) {
  if (x === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x))));
  return Number(x.toPrecision(3)).toLocaleString('en', { minimumFractionDigits: Math.min(digits, 3), maximumFractionDigits: Math.min(digits, 3) });
}
export const range = (f) => (f.runs > 1 ? `${show(f.median)} (${show(f.min)} to ${show(f.max)})` : show(f.median));
export const ratio = (x) => `${x >= 10 ? x.toFixed(0) : x >= 0.1 ? x.toFixed(2) : x.toFixed(3)}x`;

const escape = (s) => String(s).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const OURS = '#1f6fb4', OTHER = '#9aa5b1', INK = '#24292f', GRID = '#d8dee4';
const COLOURS = [OURS, '#d1742a', '#5b8c3a', '#8a5aa8', '#7a7a7a', '#b03a48'];
const frame = (width, height, body) => `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="${INK}">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${body.join('\n')}
</svg>
`;
const text = (x, y, s, more = '') => `<text x="${x}" y="${y}" ${more}>${escape(s)}</text>`;

// Horizontal bars with the spread of their runs: rows are { label, median, min, max, ours }.
export function bars(title, unit, rows) {
  const label = 430, width = 960, bar = 20, top = 34, plot = width - label - 110;
  const most = Math.max(...rows.map((r) => r.max)), x = (v) => label + Math.max(0, v) / most * plot;
  const body = [text(10, 20, `${title} (${unit})`, 'font-weight="bold" font-size="13"')];
  rows.forEach((r, i) => {
    const y = top + i * (bar + 8), label_ = r.label.length > 72 ? `${r.label.slice(0, 70)}..` : r.label;
    body.push(text(label - 8, y + 14, label_, 'text-anchor="end" font-size="11"'),
      `<rect x="${label}" y="${y}" width="${Math.max(1, x(r.median) - label).toFixed(1)}" height="${bar}" fill="${r.ours ? OURS : OTHER}"/>`,
      `<path d="M${x(r.min).toFixed(1)} ${y + bar / 2}H${x(r.max).toFixed(1)}" stroke="${INK}" stroke-width="1.5"/>`,
      text((x(Math.max(r.median, r.max)) + 6).toFixed(1), y + 14, show(r.median)));
  });
  return frame(width, top + rows.length * (bar + 8) + 8, body);
}

// Lines: series are { label, points: [[x, y], ...] }; both axes may be logarithmic.
export function lines(title, x_title, y_title, series, { logX = false, logY = false } = {}) {
  const width = 860, height = 400, left = 80, right = 230, top = 40, bottom = 50;
  const all = series.flatMap((s) => s.points), X = all.map((p) => p[0]), Y = all.map((p) => p[1]);
  const f = (log) => (log ? Math.log10 : (v) => v);
  const scale = (values, log, from, to, zero) => {
    const low = f(log)(zero && !log ? 0 : Math.min(...values)), high = f(log)(Math.max(...values));
    return (v) => from + (f(log)(v) - low) / (high - low || 1) * (to - from);
  };
  const x = scale(X, logX, left, width - right, false), y = scale(Y, logY, height - bottom, top, true);
  const ticks = (values, log) => {
    const high = Math.max(...values), out = [];
    if (log) for (let p = 10 ** Math.ceil(Math.log10(Math.min(...values))); p <= high; p *= 10) out.push(p);
    else { const step = 10 ** Math.floor(Math.log10(high)) / (high / 10 ** Math.floor(Math.log10(high)) < 3 ? 2 : 1); for (let v = 0; v <= high; v += step) out.push(v); }
    return out;
  };
  const body = [text(10, 20, title, 'font-weight="bold" font-size="13"'), text((left + width - right) / 2, height - 12, x_title, 'text-anchor="middle"'), text(left, top - 8, y_title, 'font-size="11"')];
  for (const v of ticks(Y, logY)) body.push(`<path d="M${left} ${y(v).toFixed(1)}H${width - right}" stroke="${GRID}"/>`, text(left - 6, (y(v) + 4).toFixed(1), v.toLocaleString('en'), 'text-anchor="end" font-size="11"'));
  for (const v of logX ? [...new Set(X)] : ticks(X, false).filter((v) => v >= Math.min(...X))) body.push(text(x(v).toFixed(1), height - bottom + 18, v.toLocaleString('en'), 'text-anchor="middle" font-size="11"'));
  const ends = [];
  series.forEach((s, i) => {
    const end = s.points[s.points.length - 1];
    let at = y(end[1]) + 4;
    while (ends.some((e) => Math.abs(e - at) < 14)) at += 14;
    ends.push(at);
    body.push(`<path d="${s.points.map((p, j) => `${j ? 'L' : 'M'}${x(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`).join('')}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="${s.ours ? 3 : 1.8}"/>`,
      text(width - right + 8, at.toFixed(1), s.label, `fill="${COLOURS[i % COLOURS.length]}" font-size="11"`));
  });
  return frame(width, height, body);
}

// Replaces what stands in a page between the comments <!-- NAME: begin --> and <!-- NAME: end -->.
export function fill(page, name, written) {
  const begin = `<!-- ${name}: begin -->`, end = `<!-- ${name}: end -->`, a = page.indexOf(begin), b = page.indexOf(end);
  if (a < 0 || b < a) throw new Error(`the page has no ${begin} .. ${end}`);
  return `${page.slice(0, a + begin.length)}\n${written.trim()}\n${page.slice(b)}`;
}
export const ascii = (s) => s.replace(/[^\x20-\x7e\n]/g, '?');
