'use strict';
const element = (id) => document.getElementById(id);
const cards = [...element('cards').children];
const order = new Intl.Collator(undefined, {numeric: true});

function wipe(input) {
  input.closest('.wipe').style.setProperty('--at', `${input.value}%`);
}

function sort() {
  const [option] = element('sort').selectedOptions;
  const key = option.value;
  const sign = option.dataset.worst === 'high' ? -1 : 1;
  const missing = (card) => !(key in card.dataset);
  const byName = (a, b) => order.compare(a.dataset.name, b.dataset.name);
  const byNumber = (a, b) =>
    missing(b) - missing(a) || sign * (a.dataset[key] - b.dataset[key]) || byName(a, b);
  element('cards').append(...cards.sort(key === 'name' ? byName : byNumber));
}

function filter() {
  const wanted = element('filter').value.toLowerCase();
  for (const card of cards) card.hidden = !card.dataset.name.toLowerCase().includes(wanted);
  element('count').value = `${cards.filter((card) => !card.hidden).length} shown`;
}

element('cards').addEventListener('input', (event) => wipe(event.target));
element('all')?.addEventListener('input', (event) => {
  for (const input of document.querySelectorAll('.wipe input')) {
    input.value = event.target.value;
    wipe(input);
  }
});
element('sort').addEventListener('change', sort);
element('filter').addEventListener('input', filter);
element('size').addEventListener('input', (event) => {
  document.documentElement.style.setProperty('--tile', `${event.target.value}px`);
});
element('tools').addEventListener('submit', (event) => event.preventDefault());
element('tools').hidden = false;
filter();
