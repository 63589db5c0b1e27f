"""The page on which pairs are read: one HTML file that needs no other file and sends nothing anywhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import Environment

if TYPE_CHECKING:
    from .blind_pairs import BlindPair

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which text is better?</title>
<style>
:root { color-scheme: light dark; --line: #8886; --mark: #2563c9; }
body { font: 17px/1.6 system-ui, sans-serif; max-width: 70rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.15rem; margin: 1.4rem 0 .2rem; }
p.note { opacity: .75; font-size: .92rem; margin: .3rem 0; max-width: 46rem; }
kbd { border: 1px solid var(--line); border-radius: .25rem; padding: 0 .35rem; font: inherit; font-size: .85em; }
.texts { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; margin: .8rem 0; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: .4rem 1rem 1rem; }
article h3 { margin: .2rem 0; font-size: 1rem; } article p { margin: 0; max-width: 36rem; overflow-wrap: anywhere; }
fieldset { border: 0; padding: 0; margin: .6rem 0; display: flex; gap: .6rem; flex-wrap: wrap; }
label { border: 1px solid var(--line); border-radius: .5rem; padding: .35rem 1rem; cursor: pointer; }
label:has(:checked) { border-color: var(--mark); box-shadow: inset 0 0 0 1px var(--mark); }
label:focus-within { outline: 2px solid var(--mark); outline-offset: 2px; }
footer { position: sticky; bottom: 0; background: Canvas; border-top: 1px solid var(--line); padding: .6rem 0; }
button { font: inherit; padding: .35rem 1rem; }
.js section { display: none; } .js section.now { display: block; }
</style>
</head>
<body>
<h1>Which text is better?</h1>
<p class="note">Read both texts to the end, then say which one makes more sense as a whole. Choose <em>tie</em> only if
you cannot say. Keys: <kbd>A</kbd>, <kbd>B</kbd>, <kbd>T</kbd> (tie) answer and go on, <kbd>←</kbd> and <kbd>→</kbd>
turn the pages. Your answers stay in this browser until you download them.</p>
<form>
{% for pair in pairs %}
<section data-pair="{{ pair.pair }}">
<h2>Pair {{ loop.index }} of {{ pairs | length }}{% if pair.title %}: {{ pair.title }}{% endif %}</h2>
{% if pair.task %}
<p class="note">Task: {{ pair.task }}</p>
{% endif %}
<div class="texts">
<article><h3>A</h3><p>{{ pair.a }}</p></article>
<article><h3>B</h3><p>{{ pair.b }}</p></article>
</div>
<fieldset aria-label="Which is better?">
{% for value, name in (("A", "A is better"), ("B", "B is better"), ("tie", "Tie")) %}
<label><input type="radio" name="{{ pair.pair }}" value="{{ value }}"> {{ name }}</label>
{% endfor %}
</fieldset>
</section>
{% endfor %}
</form>
<footer>
<button type="button" id="back">Back</button>
<button type="button" id="next">Next</button>
<button type="button" id="save" disabled>Download answers</button>
<span id="done" role="status"></span>
</footer>
<script>
const sections = [...document.querySelectorAll("section")];
const radios = section => [...section.querySelectorAll("input")];
const answer = section => (radios(section).find(radio => radio.checked) || {}).value;
const store = "blind-" + sections[0].dataset.pair.split("-")[0];
const [back, next, save, done] = ["back", "next", "save", "done"].map(id => document.getElementById(id));
let now = 0;

function remembered() {
  try { return JSON.parse(localStorage.getItem(store)) || {}; } catch { return {}; }
}

function show(index) {
  now = Math.max(0, Math.min(sections.length - 1, index));
  sections.forEach((section, place) => section.classList.toggle("now", place === now));
  back.disabled = now === 0;
  next.disabled = now === sections.length - 1;
  window.scrollTo(0, 0);
}

function count() {
  const answered = sections.filter(answer).length;
  done.textContent = `${answered} of ${sections.length} answered`;
  save.disabled = answered < sections.length;
  const kept = Object.fromEntries(sections.filter(answer).map(one => [one.dataset.pair, answer(one)]));
  try { localStorage.setItem(store, JSON.stringify(kept)); } catch { /* a page without a store still works */ }
}

function choose(value) {
  radios(sections[now]).find(radio => radio.value === value).checked = true;
  count();
  show(now + 1);
}

document.addEventListener("change", count);
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const value = {a: "A", b: "B", t: "tie"}[event.key.toLowerCase()];
  const turn = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (value) choose(value);
  else if (turn) show(now + turn);
  else return;
  event.preventDefault();
});
back.onclick = () => show(now - 1);
next.onclick = () => show(now + 1);
save.onclick = () => {
  const lines = ["pair,answer", ...sections.map(section => section.dataset.pair + "," + answer(section))];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.join("\\n") + "\\n"], {type: "text/csv"}));
  link.download = "answers.csv";
  link.click();
};
const before = remembered();
sections.forEach(section => radios(section).forEach(radio => {
  radio.checked = before[section.dataset.pair] === radio.value;
}));
document.body.classList.add("js");
count();
const open = sections.findIndex(section => !answer(section));
show(open < 0 ? sections.length - 1 : open);
</script>
</body>
</html>
"""


def blind_page(pairs: Sequence["BlindPair"]) -> str:
    """The page of some pairs, at least one; their texts are escaped."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE).render(pairs=pairs)
