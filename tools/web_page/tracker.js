// The tracking loop of mmct/runtime/tracker.py, for trackers whose template stays.
import { clipBox, cropSquare, decodeCenter, hannWindow, mapBack, shrinkBox, templateBox }
  from './geometry.js';

// network: its info (NetworkInfo of mmct/runtime/network.py), encode(crop, box) and
// step(encoded, crop), which gives arrays by name. Frames are as cropSquare takes them.
export class Tracker {
  constructor(network) {
    const { grid, search_size: side, template_size: templateSide } = network.info;
    this.network = network;
    this.window = hannWindow(grid);
    this.search = new Uint8Array(side * side * 3);
    this.template = new Uint8Array(templateSide * templateSide * 3);
  }

  async init(frame, box) {
    const { template_factor: factor, template_size: size, exact_crops: exact } = this.network.info;
    const scale = cropSquare(frame, box, factor, size, this.template, exact);
    this.encoded = await this.network.encode(this.template, templateBox(box, scale, size));
    this.box = box;
    this.frameSize = [frame.width, frame.height];
  }

  // Returns the box and its score. With any error the target stays where it was.
  async update(frame) {
    const info = this.network.info;
    let last = this.box;
    if (frame.width !== this.frameSize[0] || frame.height !== this.frameSize[1]) {
      last = clipBox(last, frame, info.margin);
    }
    const scale = cropSquare(
      frame, last, info.search_factor, info.search_size, this.search, info.exact_crops);
    const outputs = await this.network.step(this.encoded, this.search);
    const [found, score] = info.head === 'center'
      ? decodeCenter(outputs, this.window, info.score)
      : [Array.from(outputs.box), outputs.score[0]];
    if (![...found, score].every(Number.isFinite)) {
      throw new Error(`the network gave the box ${found} and the score ${score}`);
    }
    const box = shrinkBox(mapBack(found, last, scale, info.search_size), info.shrink);
    this.box = clipBox(box, frame, info.margin);
    this.frameSize = [frame.width, frame.height];
    return [this.box, score];
  }
}
