// The page: a source of frames, and a view for each tracker that looks at them.
import { openCamera, openFiles } from './sources.js';

const SMALLEST = 4; // pixels of a side that is drawn; less is a click
const part = (id) => document.getElementById(id);
const box = part('box').elements;

let source = null; // of frames
let origin = null; // place and box of the target's first frame; null without a target
let paused = false; // by the page: another tab is seen, or a box is drawn

class View {
  constructor(own) {
    this.own = own;
    this.asked = 0; // questions to the worker that are open
    this.last = Promise.resolve(); // the answer to the last of them
    this.element = part('view').content.firstElementChild.cloneNode(true);
    this.find = (name) => this.element.querySelector(name);
    this.stage = this.find('.stage');
    this.canvas = this.find('canvas');
    this.context = this.canvas.getContext('2d', { alpha: false });
    this.find('.name').textContent = own.name;
    this.canvas.setAttribute(
      'aria-label', `What ${own.name} sees; draw a box on it, or type one below`);
    drawing(this.stage, this);
    part('views').append(this.element);
  }

  async load(compute) {
    await this.last;
    this.worker?.terminate();
    this.worker = new Worker('worker.js', { type: 'module' });
    await this.ask('load', { own: this.own, compute });
  }

  get busy() { return this.asked > 0; }

  // Answers of the worker, to one question after the other.
  ask(kind, given, transfer = []) {
    const { worker } = this;
    this.asked++;
    const answer = this.last.then(() => new Promise((resolve, reject) => {
      const fail = (text) => reject(new Error(`${this.own.name}: ${text}`));
      worker.onmessage = ({ data }) => (data.error ? fail(data.error) : resolve(data));
      worker.onerror = (event) => fail(event.message || 'its worker does not start');
      worker.postMessage({ kind, ...given }, transfer);
    })).finally(() => { this.asked--; });
    this.last = answer.catch(() => {});
    return answer;
  }

  // Search a frame, or with a box begin with it.
  async follow(frame, start = null) {
    const own = origin;
    this.asked++; // while the frame is on its way, too
    try {
      const bitmap = await frame;
      const kind = start ? 'init' : 'update';
      const found = await this.ask(kind, { frame: bitmap, box: start }, [bitmap]);
      if (own === origin) { // else the target is another by now
        this.show(found.frame);
        this.outline(found.box);
        if (!start) this.report(found);
      }
      found.frame.close();
    } finally {
      this.asked--;
    }
  }

  show(frame) {
    const { width, height } = frame;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
      this.find('svg').setAttribute('viewBox', `0 0 ${width} ${height}`);
      this.stage.style.setProperty('--ratio', width / height);
    }
    this.context.drawImage(frame, 0, 0);
  }

  outline(target) {
    for (const rect of this.element.querySelectorAll('rect')) {
      rect.toggleAttribute('hidden', !target);
      ['x', 'y', 'width', 'height'].forEach((name, i) => rect.setAttribute(name, target?.[i] ?? 0));
    }
  }

  reset() {
    Object.assign(this, { times: [], milliseconds: 0, shown: 0 });
    this.mark(false);
    this.outline(null);
    for (const name of ['.score', '.fps', '.time']) this.find(name).textContent = '–';
  }

  mark(lost) {
    this.element.classList.toggle('lost', lost);
    this.find('.state').textContent = lost ? 'lost' : '';
  }

  report({ box: target, score, milliseconds }) {
    const now = performance.now();
    this.mark(score < part('lost').valueAsNumber);
    this.times = [...this.times.filter((time) => now - time < 1000), now];
    this.milliseconds += (milliseconds - this.milliseconds) * (this.milliseconds ? 0.1 : 1);
    if (now - this.shown > 200) { // slow enough to read
      this.shown = now;
      this.find('.score').textContent = score.toFixed(2);
      const seconds = (now - this.times[0]) / 1000;
      const frames = this.times.length - 1;
      this.find('.fps').textContent = seconds ? Math.round(frames / seconds) : '–';
      const digits = this.milliseconds < 10 ? 1 : 0;
      this.find('.time').textContent = `${this.milliseconds.toFixed(digits)} ms`;
    }
    this.element.dispatchEvent(new CustomEvent('followed', {
      bubbles: true, detail: { name: this.own.name, box: target, score, milliseconds } }));
  }
}

// Let a box be drawn by a pointer; the picture stands still until it is.
function drawing(stage, view) {
  let first = null;
  const at = (event) => {
    const { left, top, width, height } = stage.getBoundingClientRect();
    const { canvas } = view;
    return [Math.min(Math.max((event.clientX - left) / width, 0), 1) * canvas.width,
      Math.min(Math.max((event.clientY - top) / height, 0), 1) * canvas.height];
  };
  const drawn = (event) => {
    const second = at(event);
    const corner = first.map((value, i) => Math.min(value, second[i]));
    return [...corner, ...first.map((value, i) => Math.abs(value - second[i]))].map(Math.round);
  };
  stage.addEventListener('pointerdown', (event) => {
    if (!source || event.button) return;
    first = at(event);
    stage.setPointerCapture(event.pointerId);
    forget();
    hold();
    tell(preview());
  });
  stage.addEventListener('pointermove', (event) => {
    if (first) for (const other of views) other.outline(drawn(event));
  });
  stage.addEventListener('pointerup', (event) => {
    if (!first) return;
    const target = drawn(event);
    first = null;
    if (Math.min(target[2], target[3]) < SMALLEST) {
      release();
      say('That box is too small: press, draw over the target, and let go.', true);
    } else {
      paused = false;
      tell(start(target));
    }
  });
  stage.addEventListener('pointercancel', () => {
    first = null;
    release();
  });
}

function say(text, fault = false) {
  part('status').textContent = text;
  part('status').classList.toggle('fault', fault);
}

// Say on the page what goes wrong.
function tell(promise) {
  return promise.catch(
    ({ message }) => say(`${message[0].toUpperCase()}${message.slice(1)}.`, true));
}

function hold() {
  if (!source?.playing) return;
  paused = true;
  source.pause();
}

function release() {
  if (paused) source?.play();
  paused = false;
}

function forget() {
  origin = null;
  for (const view of views) view.reset();
  part('again').disabled = true;
}

async function start(target) {
  const { width, height } = views[0].canvas;
  const [x, y, w, h] = target;
  if (x >= width || y >= height || x + w <= 0 || y + h <= 0) {
    throw new Error(`the box lies outside the frame of ${width} × ${height} pixels`);
  }
  forget();
  origin = { place: source.place, box: target };
  for (const view of views) view.outline(target);
  ['left', 'top', 'width', 'height'].forEach((name, i) => { box[name].value = target[i]; });
  await Promise.all(views.map((view) => view.follow(source.grab(), target)));
  say('Following. Draw another box at any time.');
  part('again').disabled = source.live;
  if (!source.ended) source.play();
}

async function again() {
  const { place, box: target } = origin;
  forget();
  source.pause();
  await source.seek(place);
  await start(target);
}

async function onFrame() {
  part('place').value = source.place;
  if (!origin) await preview();
  else await Promise.all(views.map(search));
}

// Let a view search the newest frame; those that come meanwhile are left out, but for the last.
async function search(view) {
  if (view.busy) {
    view.missed = true;
    return;
  }
  do {
    view.missed = false;
    await view.follow(source.grab());
  } while (view.missed && origin);
}

// Show the frame of a source without a target.
async function preview() {
  const own = source, frame = await own.grab();
  if (own === source && !origin) for (const view of views) view.show(frame);
  frame.close();
}

function onChange() {
  part('play').textContent = source.playing || paused ? 'Pause' : 'Play';
  if (!source.ended) return;
  if (source.live) say('The camera has stopped. Connect it and press Camera.', true);
  else if (origin) say('The end. Again follows from the first box; or draw a box elsewhere.');
}

async function open(opening) {
  say('Opening …');
  source?.close();
  source = null;
  forget();
  for (const name of ['player', 'box']) part(name).hidden = true;
  source = await opening;
  const rate = Number(part('rate').value);
  Object.assign(source, { onframe: () => tell(onFrame()), onchange: onChange, rate });
  paused = false;
  Object.assign(part('place'), { max: source.length || 1, step: source.step, value: 0 });
  for (const name of ['place', 'again']) part(name).hidden = source.live;
  part('rates').hidden = source.step !== 'any' || source.live;
  for (const name of ['player', 'box']) part(name).hidden = false;
  for (const view of views) view.stage.classList.add('ready');
  await onFrame();
  onChange();
  say('Draw a box around the target: press, draw, let go. Or type it below.');
}

async function load() {
  source?.pause();
  forget();
  const compute = part('compute').value;
  say('Loading …');
  try {
    await Promise.all(views.map((view) => view.load(compute)));
  } catch (error) {
    if (compute === 'wasm') throw error;
    part('compute').value = 'wasm';
    await load();
    say(`WebGPU cannot run this (${error.message}); the processor does.`, true);
    return;
  }
  for (const id of ['files', 'camera']) part(id).disabled = false;
  say(source ? 'Draw a box around the target.' : 'Pick a video, several images, or the camera.');
}

// A graphics card that is only pretended is slower than the processor.
async function chooseCompute() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  part('computing').hidden = !adapter;
  part('compute').value = adapter && !adapter.info?.isFallbackAdapter ? 'webgpu' : 'wasm';
}

part('files').addEventListener('change', ({ target }) => {
  if (target.files.length) tell(open(openFiles([...target.files])));
});
part('camera').addEventListener('click', () => {
  part('files').value = '';
  tell(open(openCamera()));
});
part('compute').addEventListener('change', () => tell(load()));
part('play').addEventListener('click', () => {
  paused = false;
  if (source.playing) source.pause();
  else if (source.ended && origin) tell(again());
  else if (source.ended && !source.live) source.seek(0).then(() => source.play());
  else source.play();
});
part('again').addEventListener('click', () => tell(again()));
part('place').addEventListener('input', ({ target }) => source.seek(target.valueAsNumber));
part('rate').addEventListener('change', ({ target }) => { source.rate = Number(target.value); });
part('box').addEventListener('submit', (event) => {
  event.preventDefault();
  tell(start(['left', 'top', 'width', 'height'].map((name) => box[name].valueAsNumber)));
});
document.addEventListener('visibilitychange', () => (document.hidden ? hold() : release()));

for (const id of ['files', 'camera']) part(id).disabled = true;
const views = (await (await fetch('trackers.json')).json()).map((own) => new View(own));
await tell(chooseCompute().then(load));
