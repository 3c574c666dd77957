// Where frames come from. A source has
//   live: whether it is a camera; length and place: in seconds, or in images; step of places,
//   grab(): the frame at its place, an ImageBitmap that belongs to the caller,
//   play(), pause(), playing, ended, seek(place), rate (of videos), close(),
// and calls onframe() for every frame, and onchange() when it plays, stops or ends.

const nothing = () => {};
const AS_STORED = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }; // as OpenCV reads

class Video {
  constructor(stream = null, url = '') {
    this.onframe = this.onchange = nothing;
    this.live = Boolean(stream);
    this.step = 'any';
    this.url = url;
    this.video = document.createElement('video');
    Object.assign(this.video, { muted: true, playsInline: true, preload: 'auto' });
    this.video.ariaHidden = 'true';
    document.body.append(this.video); // one that is in no page may be forgotten while it loads
    if (stream) this.video.srcObject = stream;
    else this.video.src = url;
    const changed = () => this.onchange();
    for (const name of ['play', 'pause', 'ended']) this.video.addEventListener(name, changed);
    for (const track of stream?.getTracks() ?? []) track.addEventListener('ended', changed);
  }

  async open() {
    await new Promise((resolve, reject) => {
      this.video.onloadeddata = resolve;
      this.video.onerror = () => {
        const { message } = this.video.error;
        this.close();
        reject(new Error(`this browser cannot play it (${message || 'unknown format'})`));
      };
      if (this.live) this.play();
    });
    this.video.onerror = null;
    this.wait();
    return this;
  }

  wait() { // for the next frame
    this.video.requestVideoFrameCallback(() => {
      if (this.closed) return;
      this.onframe();
      this.wait();
    });
  }

  get length() { return this.live ? 0 : this.video.duration; }
  get place() { return this.video.currentTime; }
  get playing() { return !this.video.paused && !this.ended; }
  get ended() {
    if (!this.live) return this.video.ended;
    return this.video.srcObject.getTracks().every((track) => track.readyState === 'ended');
  }

  set rate(rate) { this.video.playbackRate = this.live ? 1 : rate; }
  grab() { return createImageBitmap(this.video); }
  play() { return this.video.play().catch(nothing); } // a pause that comes before it began
  pause() { this.video.pause(); }

  seek(place) {
    return new Promise((resolve) => {
      this.video.addEventListener('seeked', resolve, { once: true });
      this.video.currentTime = place;
    });
  }

  close() {
    this.closed = true;
    this.onframe = this.onchange = nothing;
    this.video.pause();
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.remove();
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

// Images in the order of the numbers in their names; each waits until the one before it is done.
class Images {
  constructor(files) {
    this.onframe = this.onchange = nothing;
    const { compare } = new Intl.Collator('en', { numeric: true });
    this.files = files.sort((a, b) => compare(a.name, b.name));
    Object.assign(this, { live: false, place: 0, step: 1, playing: false, rate: 1 });
  }

  async open() {
    (await this.grab()).close();
    return this;
  }

  get length() { return this.files.length - 1; }
  get ended() { return this.place === this.length; }

  async grab() {
    const file = this.files[this.place];
    try {
      return await createImageBitmap(file, AS_STORED);
    } catch {
      throw new Error(`${file.name} is no image that this browser can read`);
    }
  }

  async play() {
    const run = this.run = {};
    this.playing = true;
    this.onchange();
    while (this.run === run && !this.ended) {
      await new Promise(requestAnimationFrame); // none comes while the page is not seen
      if (this.run !== run) return;
      this.place++;
      await this.onframe();
    }
    if (this.run === run) this.pause();
  }

  pause() {
    this.run = null;
    this.playing = false;
    this.onchange();
  }

  async seek(place) {
    this.place = place;
    await this.onframe();
  }

  close() {
    this.onframe = this.onchange = nothing;
    this.pause();
  }
}

export function openFiles(files) {
  const images = files.filter((file) => file.type.startsWith('image/'));
  if (images.length) return new Images(images).open();
  return new Video(null, URL.createObjectURL(files[0])).open();
}

export async function openCamera() {
  if (!navigator.mediaDevices) {
    throw new Error('the camera needs an address that begins with https:// or http://localhost');
  }
  const wanted = { video: { facingMode: 'environment', width: { ideal: 1280 } }, audio: false };
  try {
    return await new Video(await navigator.mediaDevices.getUserMedia(wanted)).open();
  } catch (error) {
    throw new Error({
      NotAllowedError: 'the camera was refused: allow it for this page in the settings of the '
        + 'browser, or pick a video',
      NotFoundError: 'there is no camera: connect one, or pick a video',
      NotReadableError: 'the camera is in use by another program: close that, or pick a video',
    }[error.name] ?? `the camera cannot be opened (${error.message})`);
  }
}
