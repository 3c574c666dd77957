'use strict';
{
const data = JSON.parse(document.getElementById('data').textContent);

// Tables

for (const table of document.querySelectorAll('table')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const numbers = head.classList.contains('number');
      const now = head.getAttribute('aria-sort');
      // Numbers begin with the highest, names with A.
      const descending = now ? now === 'ascending' : numbers;
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      const value = row => row.cells[column].textContent.trim();
      const compare = numbers
        ? (a, b) => (parseFloat(value(a)) || 0) - (parseFloat(value(b)) || 0)
        : (a, b) => value(a).localeCompare(value(b), 'en', {numeric: true});
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((a, b) => (descending ? -1 : 1) * compare(a, b)));
    });
  });
}

// Player

if (data.sequences.length) {
  const find = id => document.getElementById(id);
  const draw = (parent, kind, attributes) => {
    const shape = document.createElementNS('http://www.w3.org/2000/svg', kind);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    parent.append(shape);
    return shape;
  };
  const kinds = [{name: 'ground truth', colour: '#fff', dash: [3, 1.5], truth: true}, ...data.trackers];
  const look = kind => `--own: ${kind.colour}; --dash: ${kind.dash.map(length => `${2 * length}px`).join(' ') || 'none'}`;
  const jpeg = (sequence, place) => `data:image/jpeg;base64,${sequence.jpegs[place]}`;
  const stage = find('stage'), canvas = find('frame'), boxes = find('boxes'), curve = find('curve');
  const scrub = find('scrub'), chooser = find('sequence'), play = find('play'), zoom = find('zoom');
  let sequence, images, place = 0, timer = null, now;

  // The part x, y, w, h of a frame that a zoom leaves, around where the target was last seen.
  const windowAt = (own, at, times) => {
    const box = own.truth.slice(0, at + 1).reverse().find(Boolean) || own.boxes[0][at];
    const sizes = [own.width, own.height];
    const low = sizes.map((size, k) => Math.max(0, Math.min(
      box[k] + box[k + 2] / 2 - size / times / 2, size - size / times)));
    return [...low, ...sizes.map(size => size / times)];
  };

  // A box of each kind in an SVG, dark rims below; gives what moves them to a frame.
  const boxesIn = (svg, own) => {
    const pairs = kinds.map(kind => [draw(svg, 'rect', {class: 'rim', style: look(kind)})]);
    // Ground truth on top.
    [...kinds.keys()].reverse().forEach(i => pairs[i].push(draw(svg, 'rect', {
      class: kinds[i].truth ? 'box truth' : 'box', style: look(kinds[i])})));
    return (at, times, shown = () => true) => {
      svg.setAttribute('viewBox', windowAt(own, at, times).join(' '));
      pairs.forEach((pair, i) => {
        const box = i ? own.boxes[i - 1][at] : own.truth[at];
        for (const rect of pair) {
          rect.style.display = box && shown(i) ? '' : 'none';
          if (box) ['x', 'y', 'width', 'height'].forEach((key, k) => rect.setAttribute(key, box[k]));
        }
      });
    };
  };

  const entries = kinds.map(kind => {
    const label = document.createElement('label'), check = document.createElement('input');
    const name = document.createElement('span'), value = document.createElement('output');
    check.type = 'checkbox';
    check.checked = true;
    check.addEventListener('change', () => show(place));
    name.append(kind.name);
    label.append(check);
    const swatch = draw(label, 'svg', {class: 'swatch', viewBox: '0 0 30 10', 'aria-hidden': 'true'});
    draw(swatch, 'line', {class: kind.truth ? 'box truth' : 'box', x2: 30, y1: 5, y2: 5, style: look(kind)});
    label.append(name);
    if (!kind.truth) label.append(value);
    find('legend').append(label);
    return {check, value};
  });

  let move, lines;
  const show = to => {
    place = Math.max(0, Math.min(to, sequence.shown.length - 1));
    const frame = sequence.shown[place], image = images[place];
    const times = Number(zoom.value);
    const paint = () => {
      const scale = image.naturalWidth / sequence.width;
      const part = windowAt(sequence, place, times).map(value => value * scale);
      canvas.getContext('2d').drawImage(image, ...part, 0, 0, canvas.width, canvas.height);
    };
    if (image.complete) paint();
    else image.onload = () => { if (image === images[place]) paint(); };
    move(place, times, i => entries[i].check.checked);
    lines.forEach((own, i) => own.forEach(line => {
      line.style.display = entries[i + 1].check.checked ? '' : 'none';
    }));
    const said = [];
    entries.slice(1).forEach(({value}, i) => {
      const overlap = sequence.overlaps[i][frame];
      value.textContent = overlap === null ? 'absent' : overlap.toFixed(2);
      said.push(`${data.trackers[i].name} ${value.textContent}`);
    });
    scrub.value = place;
    scrub.setAttribute('aria-valuetext', `frame ${frame + 1}, overlaps: ${said.join(', ')}`);
    stage.setAttribute('aria-label', `${sequence.name}, frame ${frame + 1} of ${sequence.length}`);
    find('where').textContent = `frame ${frame + 1} of ${sequence.length}`;
    now.setAttribute('x1', frame);
    now.setAttribute('x2', frame);
  };

  const drawCurve = () => {
    const last = Math.max(sequence.length - 1, 1);
    curve.setAttribute('viewBox', `0 -0.04 ${last} 1.08`);
    curve.replaceChildren();
    for (const [begin, end] of sequence.absent) {
      draw(curve, 'rect', {class: 'absent', x: begin - 0.5, y: -0.04, width: end - begin, height: 1.08});
    }
    draw(curve, 'line', {class: 'half', x1: 0, x2: last, y1: 0.5, y2: 0.5});
    lines = sequence.overlaps.map((values, i) => {
      const own = [];
      let points = [];
      const stretch = () => {
        if (points.length) own.push(draw(curve, 'polyline', {points: points.join(' '), style: look(data.trackers[i])}));
        points = [];
      };
      values.forEach((value, frame) => value === null ? stretch() : points.push(`${frame},${1 - value}`));
      stretch();
      return own;
    });
    now = draw(curve, 'line', {class: 'now', y1: -0.04, y2: 1.04});
  };

  const open = (number, to = 0) => {
    sequence = data.sequences[number];
    chooser.value = number;
    images = sequence.jpegs.map((_, i) => Object.assign(new Image(), {src: jpeg(sequence, i)}));
    const scale = Math.min(1, 960 / Math.max(sequence.width, sequence.height));
    canvas.width = Math.round(sequence.width * scale);
    canvas.height = Math.round(sequence.height * scale);
    stage.style.setProperty('--ratio', sequence.width / sequence.height);
    zoom.value = sequence.zoom;
    boxes.replaceChildren();
    move = boxesIn(boxes, sequence);
    scrub.max = sequence.shown.length - 1;
    const count = sequence.shown.length;
    find('sampling').textContent = count < sequence.length
      ? ` Of this sequence ${count} of ${sequence.length} frames are in this page.` : '';
    drawCurve();
    show(to);
  };

  const pause = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = 'Play';
    play.setAttribute('aria-label', 'Play');
  };
  const start = () => {
    if (place >= sequence.shown.length - 1) show(0);
    play.textContent = 'Pause';
    play.setAttribute('aria-label', 'Pause');
    clearInterval(timer);
    timer = setInterval(() => {
      if (place >= sequence.shown.length - 1) pause();
      else show(place + 1);
    }, 40 / find('speed').value);
  };
  const toggle = () => timer === null ? start() : pause();

  data.sequences.forEach((own, i) => {
    chooser.add(new Option(own.why ? `${own.name} – ${own.why}` : own.name, i));
  });
  chooser.addEventListener('change', () => { pause(); open(Number(chooser.value)); });
  zoom.addEventListener('change', () => show(place));
  find('speed').addEventListener('change', () => { if (timer !== null) start(); });
  play.addEventListener('click', toggle);
  find('back').addEventListener('click', () => { pause(); show(place - 1); });
  find('forth').addEventListener('click', () => { pause(); show(place + 1); });
  scrub.addEventListener('input', () => { pause(); show(Number(scrub.value)); });
  stage.addEventListener('click', toggle);

  const seek = event => {
    const area = curve.getBoundingClientRect();
    const frame = (event.clientX - area.left) / area.width * (sequence.length - 1);
    const distance = sequence.shown.map(own => Math.abs(own - frame));
    pause();
    show(distance.indexOf(Math.min(...distance)));
  };
  curve.addEventListener('pointerdown', event => { curve.setPointerCapture(event.pointerId); seek(event); });
  curve.addEventListener('pointermove', event => { if (event.buttons) seek(event); });

  const keys = {
    ArrowLeft: shift => show(place - (shift ? 10 : 1)),
    ArrowRight: shift => show(place + (shift ? 10 : 1)),
    Home: () => show(0),
    End: () => show(sequence.shown.length - 1),
    n: () => open((Number(chooser.value) + 1) % data.sequences.length),
    p: () => open((Number(chooser.value) + data.sequences.length - 1) % data.sequences.length),
  };
  document.querySelector('.player').addEventListener('keydown', event => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches('select')) return;
    if (event.key === ' ' && !event.target.matches('button, [type=checkbox]')) toggle();
    else if (keys[event.key]) { pause(); keys[event.key](event.shiftKey); }
    else return;
    event.preventDefault();
  });

  // Six frames of each sequence, to choose from.
  data.sequences.forEach((own, number) => {
    const title = document.createElement('h3'), why = document.createElement('span');
    const strip = document.createElement('div');
    why.className = 'why';
    why.textContent = [own.why && ` – ${own.why}`, own.zoom > 1 && ` – ${own.zoom} × larger`].filter(Boolean).join('');
    title.append(own.name, why);
    strip.className = 'strip';
    const last = own.shown.length - 1;
    for (const at of new Set([0, 1, 2, 3, 4, 5].map(i => Math.round(i * last / 5)))) {
      const shot = document.createElement('button'), number_ = document.createElement('span');
      const svg = draw(shot, 'svg', {'aria-hidden': 'true'});
      shot.type = 'button';
      shot.className = 'shot';
      shot.setAttribute('aria-label', `Show ${own.name} at frame ${own.shown[at] + 1}`);
      draw(svg, 'image', {href: jpeg(own, at), width: own.width, height: own.height});
      number_.textContent = own.shown[at] + 1;
      shot.append(number_);
      boxesIn(svg, own)(at, own.zoom);
      shot.addEventListener('click', () => { pause(); open(number, at); reveal(); });
      strip.append(shot);
    }
    find('strips').append(title, strip);
  });
  const reveal = () => {
    find('player').scrollIntoView();
    stage.focus({preventScroll: true});
  };
  for (const button of document.querySelectorAll('.open')) {
    button.addEventListener('click', () => { pause(); open(Number(button.dataset.sequence)); reveal(); });
  }
  open(0);
}
}
