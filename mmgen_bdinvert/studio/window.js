// The photo in which a window is chosen. Gradio gives `element`, `props`, `trigger` and `watch`.
// A window is [x, y, size, angle] in pixels of the photo, as in mmgen_bdinvert.photos.window.
const frame = element.querySelector('.frame');
const [image, svg] = [frame.querySelector('img.picture'), frame.querySelector('svg')];
const part = (name) => svg.querySelector(`.${name}`);
const corners = [...svg.querySelectorAll('.corner')];
const [LEAST, LARGEST] = [16, 2]; // pixels; sides of the photo
const [HANDLE, AWAY] = [9, 30]; // pixels on the screen
const LATE = 400; // ms without a key after which the window is sent

let size = [1, 1];
let held = [0, 0, LEAST, 0];
let faces = [];
let hand = null; // what is dragged: 'window', 'corner' or 'turn'
let timer = 0; // until keys or the wheel have rested
const pointers = new Map();

const within = (value, low, high) => Math.min(Math.max(value, low), high);
const centre = () => [held[0] + held[2] / 2, held[1] + held[2] / 2];
const perPixel = () => size[0] / (frame.clientWidth || 1); // of the screen

function at([x, y, side, angle], u, v) {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  return [x + (side * (1 + u * cos + v * sin)) / 2, y + (side * (1 - u * sin + v * cos)) / 2];
}

const outline = (window) => [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => at(window, u, v));

// Beyond the upper side of the window, or the lower one, or inside where neither is in view.
function turning() {
  const away = 1 + (2 * AWAY * perPixel()) / held[2];
  const seen = ([x, y]) => x > 0 && y > 0 && x < size[0] && y < size[1];
  return [-away, away].find((v) => seen(at(held, 0, v))) ?? -0.6;
}

function put(node, values) {
  for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
}

function draw() {
  const points = outline(held);
  const [width, height] = size;
  const unit = perPixel();
  put(svg, { viewBox: `0 0 ${width} ${height}` });
  put(part('shade'), { d: `M0 0H${width}V${height}H0ZM${points.join('L')}Z` });
  put(part('window'), { points: points.join(' ') });
  const [x, y] = centre();
  put(part('inside'), {
    x: held[0], y: held[1], width: held[2], height: held[2], transform: `rotate(${-held[3]} ${x} ${y})`,
  });
  points.forEach(([cx, cy], i) => put(corners[i], { cx, cy, r: HANDLE * unit }));
  const v = turning();
  const [[x1, y1], [x2, y2]] = [at(held, 0, Math.abs(v) > 1 ? Math.sign(v) : 0), at(held, 0, v)];
  put(part('stem'), { x1, y1, x2, y2 });
  put(part('turn'), { cx: x2, cy: y2, r: HANDLE * unit });
}

function drawFaces() {
  const unit = perPixel();
  const drawn = faces.map((face, i) => {
    const [x, y] = at(face, -1, -1);
    return `<g data-face="${i}"><polygon points="${outline(face).join(' ')}"/>
      <text x="${x + 5 * unit}" y="${y + 17 * unit}" font-size="${15 * unit}">${i + 1}</text></g>`;
  });
  part('faces').innerHTML = faces.length > 1 ? drawn.join('') : '';
}

function show() {
  const value = props.value || {};
  if (!('window' in value)) {
    if ('inside' in value) put(part('inside'), { href: value.inside });
    else frame.classList.add('empty');
    document.querySelector('#photo_view').classList.toggle('opened', !frame.classList.contains('empty'));
    return;
  }
  image.src = value.picture;
  put(part('inside'), { href: '' });
  [size, faces] = [value.size, value.faces];
  frame.classList.remove('empty');
  document.querySelector('#photo_view').classList.add('opened');
  frame.style.setProperty('--ratio', size[0] / size[1]);
  if (!hand && !timer) held = [...value.window];
  drawFaces();
  draw();
}

function send(window = held) {
  clearTimeout(timer);
  timer = 0;
  const [x, y, side, angle] = window;
  const round = (number) => Math.round(10 * number) / 10;
  trigger('drag', { x: round(x), y: round(y), size: round(side), angle: round(angle) });
}

function change({ by = [0, 0], factor = 1, turn = 0 }) {
  const [x, y] = centre().map((value, i) => within(value + by[i], 0, size[i]));
  const side = within(held[2] * factor, LEAST, LARGEST * Math.max(...size));
  const angle = ((((held[3] + turn + 180) % 360) + 360) % 360) - 180;
  held = [x - side / 2, y - side / 2, side, angle];
  draw();
}

function later(what) {
  change(what);
  clearTimeout(timer);
  timer = setTimeout(send, LATE);
}

function position(event) {
  const box = frame.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * size[0], ((event.clientY - box.top) / box.height) * size[1]];
}

const apart = ([a, b]) => [Math.hypot(b[0] - a[0], b[1] - a[1]), Math.atan2(a[1] - b[1], b[0] - a[0])];

svg.addEventListener('pointerdown', (event) => {
  const kind = ['corner', 'turn', 'window'].find((name) => event.target.classList.contains(name));
  const face = event.target.closest('[data-face]');
  if (face) {
    held = [...faces[Number(face.dataset.face)]];
    draw();
    send();
  } else if (kind || pointers.size) {
    hand = hand || kind;
    svg.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, position(event));
  }
});
svg.addEventListener('pointermove', (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const fingers = pointers.size === 2 ? apart([...pointers.values()]) : null;
  const now = position(event);
  pointers.set(event.pointerId, now);
  const middle = centre();
  if (fingers) {
    const [distance, angle] = apart([...pointers.values()]);
    const by = [0, 1].map((i) => (now[i] - before[i]) / 2);
    change({ by, factor: distance / fingers[0], turn: ((angle - fingers[1]) * 180) / Math.PI });
  } else if (hand === 'window') {
    change({ by: [now[0] - before[0], now[1] - before[1]] });
  } else if (hand === 'corner') {
    const away = (point) => Math.hypot(point[0] - middle[0], point[1] - middle[1]);
    change({ factor: (Math.SQRT2 * away(now)) / held[2] });
  } else {
    const side = Math.sign(turning());
    const angle = (Math.atan2(side * (now[0] - middle[0]), side * (now[1] - middle[1])) * 180) / Math.PI;
    change({ turn: (Math.abs(angle) < 3 ? 0 : Math.round(angle)) - held[3] });
  }
});
for (const name of ['pointerup', 'pointercancel']) {
  svg.addEventListener(name, (event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    hand = null;
    send();
  });
}
svg.addEventListener(
  'wheel',
  (event) => {
    if (!event.target.classList.contains('window')) return;
    event.preventDefault();
    later({ factor: Math.exp(-0.001 * event.deltaY) });
  },
  { passive: false },
);
frame.addEventListener('keydown', (event) => {
  const step = 0.01 * Math.max(...size);
  const turns = { ArrowLeft: 1, ArrowRight: -1 };
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key === '+' || event.key === '-') later({ factor: event.key === '+' ? 1.02 : 1 / 1.02 });
  else if (event.shiftKey && event.key in turns) later({ turn: turns[event.key] });
  else if (event.key in moves) later({ by: moves[event.key] });
  else return;
  event.preventDefault();
});
new ResizeObserver(() => {
  drawFaces();
  draw();
}).observe(frame);
watch('value', show);
show();
