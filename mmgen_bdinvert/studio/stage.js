// The picture that can be dragged. Gradio gives `element`, `props`, `trigger` and `watch`; layout.py
// writes LIMITS, those of the controls, before this.
// One finger or the mouse shifts the face, two fingers or the wheel scale it, and so do the keys.
const frame = element.querySelector('.frame');
const image = frame.querySelector('img.picture');
const STEP = 0.01; // of an arrow key, as a fraction of the picture
const LATE = 5000; // ms after which a picture is no longer waited for

let motion = { shift: [0, 0], scale: 1 };
let handled = 0; // when a hand last moved the face: until it rests, answers do not move it back
let sent = 0; // when the last motion was sent; 0: its picture has come
let next = false; // whether the face has moved since
const pointers = new Map();

const within = (value, [low, high]) => Math.min(Math.max(value, low), high);
const rounded = (value, step) => Math.round(value / step) * step;
const resting = () => pointers.size === 0 && Date.now() - handled > 400;

function show() {
  const value = props.value || {};
  if (value.picture) image.src = value.picture;
  else image.removeAttribute('src');
  frame.classList.toggle('empty', !value.picture);
  frame.classList.toggle('straightened', Boolean(value.straightened));
  if (value.shift && resting()) motion = { shift: [...value.shift], scale: value.scale };
}

function send() {
  if (sent && Date.now() - sent < LATE) {
    next = true;
    return;
  }
  next = false;
  sent = Date.now();
  trigger('drag', {
    shift_x: rounded(motion.shift[0], 0.005),
    shift_y: rounded(motion.shift[1], 0.005),
    scale: rounded(motion.scale, 0.01),
  });
}

function move(dx, dy, factor) {
  if (frame.classList.contains('empty')) return;
  handled = Date.now();
  motion.shift = [motion.shift[0] + dx, motion.shift[1] + dy].map((v) => within(v, LIMITS.shift));
  motion.scale = within(motion.scale * factor, LIMITS.scale);
  send();
}

function spread() {
  const [a, b] = [...pointers.values()];
  return Math.hypot(a.x - b.x, a.y - b.y);
}

frame.addEventListener('pointerdown', (event) => {
  frame.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
});
frame.addEventListener('pointermove', (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const apart = pointers.size === 2 ? spread() : 0;
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  const { width, height } = frame.getBoundingClientRect();
  const share = 1 / pointers.size; // two fingers that move together shift once
  move(
    ((event.clientX - before.x) / width) * share,
    ((event.clientY - before.y) / height) * share,
    apart ? spread() / apart : 1,
  );
});
for (const name of ['pointerup', 'pointercancel']) {
  frame.addEventListener(name, (event) => pointers.delete(event.pointerId));
}
frame.addEventListener(
  'wheel',
  (event) => {
    if (frame.classList.contains('empty')) return;
    event.preventDefault();
    move(0, 0, Math.exp(-0.001 * event.deltaY));
  },
  { passive: false },
);
frame.addEventListener('keydown', (event) => {
  const moves = {
    ArrowLeft: [-STEP, 0, 1],
    ArrowRight: [STEP, 0, 1],
    ArrowUp: [0, -STEP, 1],
    ArrowDown: [0, STEP, 1],
    '+': [0, 0, 1.02],
    '-': [0, 0, 1 / 1.02],
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  move(...moves[event.key]);
});

watch('value', () => {
  sent = 0;
  show();
  if (next) send();
});
show();
