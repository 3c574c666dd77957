// A tracker and its network, beside the page. Answers each message, {kind, ...}, by one.
import { Tracker } from './tracker.js';

const BUILDS = { // of onnxruntime-web: its script, and what that loads
  wasm: ['ort.wasm', 'ort-wasm-simd-threaded'],
  webgpu: ['ort.webgpu', 'ort-wasm-simd-threaded.asyncify'],
};
const PROVIDERS = {
  wasm: 'wasm',
  // In the other layout, NHWC, convolutions of 6 channels come out wrong in onnxruntime-web 1.30.
  webgpu: { name: 'webgpu', preferredLayout: 'NCHW' },
};
const TOLERANCE = 0.05; // of the largest value, where a browser computes otherwise than Python
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
let tracker;

const answers = {
  async load({ own, compute }) {
    const network = await openNetwork(own, compute);
    await check(network, own.expected);
    tracker = new Tracker(network);
    return {};
  },
  async init({ frame, box }) {
    await tracker.init(pixels(frame), box);
    return { frame, box };
  },
  async update({ frame }) {
    const start = performance.now();
    const [box, score] = await tracker.update(pixels(frame));
    return { frame, box, score, milliseconds: performance.now() - start };
  },
};

onmessage = async ({ data }) => {
  try {
    const answer = await answers[data.kind](data);
    postMessage(answer, answer.frame ? [answer.frame] : []);
  } catch (error) {
    postMessage({ error: String(error?.message ?? error) });
  }
};

// A frame of cropSquare from an ImageBitmap.
function pixels(bitmap) {
  const { width, height } = bitmap;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.drawImage(bitmap, 0, 0);
  return { width, height, read: (...area) => context.getImageData(...area).data };
}

// See that a network gives here what it gave in Python, for crops of a pattern.
async function check({ info, encode, step }, expected) {
  const pattern = (side) => Uint8Array.from(
    { length: side * side * 3 }, (_, i) => 31 * i + 17 * Math.floor(i / 7)); // modulo 256
  const { template_size: templateSide, search_size: side } = info;
  const box = Float32Array.from([0.25, 0.25, 0.5, 0.5], (part) => part * templateSide);
  const outputs = await step(await encode(pattern(templateSide), box), pattern(side));
  for (const [name, values] of Object.entries(expected)) {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (!values.every((value, i) => Math.abs(outputs[name][i] - value) <= TOLERANCE * largest)) {
      throw new Error(`it computes another ${name} than Python does`);
    }
  }
}

async function openNetwork({ info, copies, files }, compute) {
  const [script, binary] = BUILDS[compute];
  const ort = await import(`./ort/${script}.js`);
  const url = (name) => new URL(`ort/${name}`, import.meta.url).href;
  ort.env.wasm.wasmPaths = { mjs: url(`${binary}.js`), wasm: url(`${binary}.wasm`) };
  // Threads need memory that is shared, which a server has to allow by two headers.
  const { hardwareConcurrency: cores } = navigator;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(cores, 4) : 1;
  const options = { executionProviders: [PROVIDERS[compute]], logSeverityLevel: 3 };
  const open = (file) => ort.InferenceSession.create(new URL(file, import.meta.url).href, options);
  const [step, templates] = [await open(files.step), await open(files.templates)];
  const { template_size: templateSide, search_size: side } = info;
  const repeated = (type, values, shape) => {
    const all = new values.constructor(values.length * copies);
    for (let i = 0; i < copies; i++) all.set(values, i * values.length);
    return new ort.Tensor(type, all, [1, copies, ...shape]);
  };
  return {
    info,
    encode(crop, box) {
      const given = {
        templates: repeated('uint8', crop, [templateSide, templateSide, 3]),
        boxes: repeated('float32', box, [4]),
      };
      const { inputNames } = templates; // not all need the boxes
      return templates.run(Object.fromEntries(inputNames.map((name) => [name, given[name]])));
    },
    async step(encoded, crop) {
      const search = new ort.Tensor('uint8', crop, [1, side, side, 3]);
      const outputs = await step.run({ ...encoded, search });
      return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
    },
  };
}
