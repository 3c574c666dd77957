// Crop, window, decode and map back: mmct/runtime/geometry.py again, whose boxes these are to the
// last bit. Boxes are [x, y, w, h] in frame pixels unless a comment says otherwise.

const MAX_SIDE = 1 << 14; // of a crop before it is resized, see geometry.py
// OpenCV's INTER_LINEAR and INTER_LINEAR_EXACT on bytes, in its integers: bits of the weights, and
// those that go after a row, after its share of a column, and after the sum.
const LINEAR = { bits: 11, row: 4, column: 16, sum: 2 };
const LINEAR_EXACT = { bits: 8, row: 0, column: 0, sum: 16 };

// Cut a square around the centre of a box and resize it.
//   frame: its width and height, and read(left, top, width, height), which gives RGBA bytes.
//   factor: side of the square in units of sqrt(w * h); size: of the result in pixels.
//   out: size * size * 3 bytes, which become the crop in BGR; padding is black.
//   exact: resize as exact_crops of NetworkInfo have it.
// Returns crop pixels per frame pixel.
export function cropSquare(frame, box, factor, size, out, exact = false) {
  const [left, top, side] = square(box, factor, frame);
  const columns = taps(left, side, frame.width, size, exact);
  const rows = taps(top, side, frame.height, size, exact);
  if (columns.count && rows.count) {
    const pixels = frame.read(columns.first, rows.first, columns.count, rows.count);
    resize(pixels, columns, rows, size, out, exact ? LINEAR_EXACT : LINEAR);
  } else {
    out.fill(0);
  }
  return size / side;
}

// Left, top and side of the square `factor` times as wide as the box.
function square([x, y, w, h], factor, { width, height }) {
  const exact = Math.sqrt(w * h) * factor;
  const limit = Math.max(MAX_SIDE, Math.ceil(Math.sqrt(width * height) * factor));
  if (!(exact > 0 && exact <= limit && Number.isFinite(x + y))) {
    throw new Error(
      `the box ${[x, y, w, h]} gives a crop of ${exact} pixels a side, expected 1 to ${limit}`);
  }
  const side = Math.ceil(exact);
  return [roundHalfEven(x + 0.5 * w - side * 0.5), roundHalfEven(y + 0.5 * h - side * 0.5), side];
}

// As Python and OpenCV round.
function roundHalfEven(value) {
  const up = Math.round(value);
  return Math.abs(value % 1) === 0.5 && up % 2 ? up - 1 : up;
}

// What each resized pixel of an axis is made of. The axis of the crop begins at `start` of the
// frame's `length` pixels; of those, `count` from `first` on are in it.
//   at, weight: two source pixels, counted from `first`, and their weights; 0 in the padding.
function taps(start, side, length, size, exact) {
  // Where a crop reaches the right or lower border, one pixel is lost, as published.
  const stop = start + side < length ? start + side : length - 1;
  const first = Math.max(start, 0);
  const count = Math.max(stop - first, 0);
  const at = new Int32Array(2 * size), weight = new Int32Array(2 * size);
  const scale = 1 / (size / side), one = 1 << (exact ? LINEAR_EXACT : LINEAR).bits;
  const round = exact ? (value) => value : Math.fround;
  for (let i = 0; i < size; i++) {
    const middle = round((i + 0.5) * scale - 0.5);
    const source = Math.floor(middle), fraction = round(middle - source);
    const share = roundHalfEven(fraction * one);
    const shares = [exact ? one - share : roundHalfEven(round(1 - fraction) * one), share];
    for (const k of [0, 1]) {
      const place = Math.min(Math.max(source + k, 0), side - 1) + start - first;
      if (place < 0 || place >= count) continue;
      at[2 * i + k] = place;
      weight[2 * i + k] = shares[k];
    }
  }
  return { first, count, at, weight };
}

function resize(pixels, columns, rows, size, out, { row, column, sum }) {
  const stride = 4 * columns.count, half = 1 << (sum - 1);
  for (let i = 0, next = 0; i < size; i++) {
    const above = rows.at[2 * i] * stride, below = rows.at[2 * i + 1] * stride;
    const high = rows.weight[2 * i], low = rows.weight[2 * i + 1];
    for (let j = 0; j < 2 * size; j += 2) {
      const west = columns.at[j] * 4, east = columns.at[j + 1] * 4;
      const left = columns.weight[j], right = columns.weight[j + 1];
      for (let c = 2; c >= 0; c--) {
        const upper = (pixels[above + west + c] * left + pixels[above + east + c] * right) >> row;
        const lower = (pixels[below + west + c] * left + pixels[below + east + c] * right) >> row;
        out[next++] = (((upper * high) >> column) + ((lower * low) >> column) + half) >> sum;
      }
    }
  }
}

// The box that a template was cut around, in pixels of that crop.
export function templateBox([, , w, h], scale, size) {
  const side = (length) => Math.fround(((length * scale) / size) * size);
  const corner = (length) => Math.fround((((size - 1) / 2 - 0.5 * (length * scale)) / size) * size);
  return Float32Array.of(corner(w), corner(h), side(w), side(h));
}

// A predicted box cx, cy, w, h in [0, 1] of the crop around `last`, in the frame.
export function mapBack(box, last, scale, size) {
  let [cx, cy, w, h] = box.map((value) => (value * size) / scale);
  const half = (0.5 * size) / scale;
  cx = cx + (last[0] + 0.5 * last[2] - half);
  cy = cy + (last[1] + 0.5 * last[3] - half);
  return [cx - 0.5 * w, cy - 0.5 * h, w, h];
}

// A box narrower and lower by `pixels`, though by a fiftieth at most, around the same centre.
export function shrinkBox([x, y, w, h], pixels) {
  const dw = Math.min(pixels, w / 50), dh = Math.min(pixels, h / 50);
  return [x + dw / 2, y + dh / 2, w - dw, h - dh];
}

// Leave at least `margin` pixels of a box inside each border of the frame.
export function clipBox([x, y, w, h], { width, height }, margin) {
  const [left, wide] = clip(x, x + w, width, margin);
  const [top, high] = clip(y, y + h, height, margin);
  return [left, top, wide, high];
}

function clip(start, stop, length, margin) {
  start = Math.min(Math.max(0, start), length - margin);
  stop = Math.min(Math.max(margin, stop), length);
  return [start, Math.max(margin, stop - start)];
}

// The n * n weights that favour cells near the centre of the crop.
export function hannWindow(n) {
  const step = (2 * Math.PI) / (n + 1);
  const row = Float32Array.from({ length: n }, (_, i) => 0.5 * (1 - Math.cos(step * (i + 1))));
  return Float32Array.from({ length: n * n }, (_, i) => row[Math.floor(i / n)] * row[i % n]);
}

// Read box cx, cy, w, h in [0, 1] of the search crop, and score, off the maps of a centre head:
// n * n scores, widths then heights, x then y in cells. `report` is which score, see NetworkInfo.
export function decodeCenter({ score, size, offset }, window, report) {
  const cells = window.length, n = Math.sqrt(cells);
  const response = score.map((value, i) => value * window[i]); // a float32 array again
  let best = 0, highest = 0;
  for (let i = 1; i < cells; i++) {
    if (response[i] > response[best]) best = i;
    if (score[i] > score[highest]) highest = i;
  }
  const box = [((best % n) + offset[best]) / n, (Math.floor(best / n) + offset[cells + best]) / n,
    size[best], size[cells + best]];
  return [box, { chosen: score[best], windowed: response[best], highest: score[highest] }[report]];
}
