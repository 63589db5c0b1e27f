"""One HTML page of an evaluation; it needs no other file."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment

from .metrics import THEMES
from .tables import cell, columns, grouped_notes, headlines, label, measured_with, plain_rows

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Story evaluation: {{ systems }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .3rem; }
p, ul { max-width: 46rem; margin: .4rem 0 .8rem; } .note { color: #555; font-size: .9rem; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0 1rem; }
th, td { padding: .2rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e4e4; }
th { border-bottom: 2px solid #bbb; font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.first td { border-top: 2px solid #bbb; } tr.system { background: #eef5fb; } tr.control { color: #555; }
div.wide { overflow-x: auto; } img { max-width: 100%; height: auto; display: block; margin: .6rem 0; }
dl.note { max-width: 46rem; margin: .2rem 0; } dt { font-weight: 600; display: inline; }
dd { display: inline; margin: 0 0 0 .3rem; } dd::after { content: ""; display: block; }
</style>
</head>
<body>
{% macro table(rows) %}
{% set names = rows | columns %}
<div class="wide"><table>
<tr>{% for name in names %}<th{% if name is numeric(rows) %} class="n"{% endif %}>
{{- name | label }}</th>{% endfor %}</tr>
{% for row in rows %}
<tr class="{{ row | kind }}{{ ' first' if not loop.first and row.get('task') != loop.previtem.get('task') }}">
{%- for name in names %}
<td{% if name is numeric(rows) %} class="n"{% endif %}>{{ row.get(name) | cell }}</td>
{%- endfor %}</tr>
{% endfor %}
</table></div>
{% endmacro %}
{% macro picture(name, alt) %}
{% if name in images %}<img src="data:image/png;base64,{{ images[name] }}" alt="{{ alt }}">{% endif %}
{% endmacro %}
<h1>Story evaluation</h1>
<p class="note">{{ systems }}. {{ settings.stories }} test stories from {{ settings.data }};
{{ settings.judge_stories }} judge stories, which no system has seen. Seed {{ settings.seed }}. {{ measured_with }}</p>
<p>Every system writes for the same human stories, with as many sentences as the human's where it can be told.
Grey rows are controls: human texts, whole or spoilt in one known way. A measure is worth as much as it keeps the row
<em>human</em> apart from the spoilt rows; a system is judged by which of them it is near.</p>
<dl class="note">{% for name, text in numbers.tasks.items() %}<dt>{{ name }}</dt><dd>given: {{ text }}</dd>
{% endfor %}</dl>
<dl class="note">{% for name, text in numbers.controls.items() %}<dt>{{ name }}</dt><dd>{{ text }}</dd>
{% endfor %}</dl>

{{ table(headlines) }}

{% for theme, (text, metrics) in themes.items() if numbers.tables[theme] %}
<h2>{{ theme | capitalize }}</h2>
<p>{{ text }}</p>
<dl class="note">{% for metric in metrics %}<dt>{{ metric.name | label }}</dt>
<dd>{{ metric.better }}; detects {{ metric.detects }}</dd>
{% endfor %}</dl>
{{ picture(theme, theme ~ " of every row") }}
{{ table(numbers.tables[theme] | plain) }}
{% if theme == "coherence" %}
<p>What the classifier tells apart on judge stories that it was not trained on:</p>
{{ table(numbers.classifier | plain) }}
{% endif %}
{% if theme == "diversity" and numbers.conditions %}
<p>Several texts for one condition: ROUGE-L between two texts <em>within</em> a condition and <em>across</em>
conditions, 0 to 100. Near 100 within: the seed is ignored. No more within than across: the condition is ignored.</p>
{{ table(numbers.conditions | plain) }}
{% endif %}
{% endfor %}

{% if numbers.latents %}
<h2>Latents</h2>
<p>Latents against those of judge sentences, in the principal directions of the latter. <em>Sampled</em> are as the
sampler left them; <em>encoded</em> are texts that were encoded again. Fréchet: squared distance of fitted Gaussians,
detects any drift; mean shift and ratio of deviations say where from (a ratio under 1: the sampler is too timid);
nearest is the median distance to the nearest human latents (far above the human row: off the manifold; far below:
copies), spread that to the nearest of its own kind (near 0: always the same).</p>
{{ table(numbers.latents | plain) }}
{% endif %}
{% if numbers.ladder %}
<h2>Ladder</h2>
<p>The same human stories through ever more of the model; the row where the scores fall shows the part to mend.
BLEU, chrF and exact compare with the human text; the other columns are shares.</p>
{{ table(numbers.ladder.table) }}
{% endif %}
{% if numbers.sweep %}
<h2>Guidance and temperature</h2>
<p>The model's own frontier, title given. Compare systems along it, not at one setting of each.</p>
{{ picture("sweep", "What guidance and temperature trade") }}
{{ table(numbers.sweep | plain) }}
{% endif %}
{% if numbers.examples %}
<h2>Examples</h2>
<p>The first stories of every task, not chosen; a slash stands between segments.</p>
{{ table(numbers.examples | plain) }}
{% endif %}
{% if notes %}
<h2>Notes</h2>
<ul>{% for note in notes %}<li>{{ note }}</li>
{% endfor %}</ul>
{% endif %}
</body>
</html>
"""


def page(numbers: dict[str, Any], images: Mapping[str, bytes]) -> str:
    """The page: numbers as in `report.json`, PNG images by name (inlined)."""
    controls = numbers["controls"]
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "cell": cell,
        "columns": columns,
        "label": label,
        "plain": plain_rows,
        "kind": lambda row: "" if "row" not in row else "control" if row["row"] in controls else "system",
    }
    environment.tests["numeric"] = _numeric
    return environment.from_string(TEMPLATE).render(
        numbers=numbers,
        settings=numbers["settings"],
        measured_with=measured_with(numbers["settings"]),
        headlines=plain_rows(headlines(numbers)),
        systems=", ".join(numbers["settings"]["systems"]) or "controls only",
        themes=THEMES,
        notes=grouped_notes(numbers["notes"]),
        images={name: b64encode(image).decode() for name, image in images.items()},
    )


def _numeric(name: str, rows: Sequence[dict[str, Any]]) -> bool:
    return all(isinstance(row.get(name), int | float | list | None) for row in rows)
