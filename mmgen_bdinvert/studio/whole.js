// The whole photo with the edit in it, which takes the place of the one with the window. Gradio
// gives `element`, `props` and `watch`. While it is held, the photo is shown as it was.
const image = element.querySelector('img');
const view = document.querySelector('#photo_view');

function show() {
  const edited = props.value || '';
  if (edited && !view.classList.contains('edited')) view.classList.remove('choosing');
  view.classList.toggle('edited', Boolean(edited));
  if (edited) image.src = edited;
  else image.removeAttribute('src');
}

image.addEventListener('pointerdown', () => {
  image.src = document.querySelector('#window img.picture').src;
});
for (const name of ['pointerup', 'pointercancel', 'pointerleave']) image.addEventListener(name, show);
image.addEventListener('dragstart', (event) => event.preventDefault());
image.addEventListener('contextmenu', (event) => event.preventDefault());
watch('value', show);
show();
