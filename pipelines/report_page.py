"""One HTML page from the numbers and pictures of a representation report; it needs no other file."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

from .representation_report import headlines

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Representation report: {{ numbers.settings.model }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .3rem; }
p { max-width: 46rem; margin: .4rem 0 .8rem; } p.note, figcaption { color: #555; font-size: .9rem; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0 1rem; }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e4e4; }
th { border-bottom: 2px solid #bbb; font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
div.wide { overflow-x: auto; } img { max-width: 100%; height: auto; display: block; margin: .6rem 0; }
td.text { min-width: 9rem; }
</style>
</head>
<body>
{% macro table(rows, texts=false) %}
<div class="wide"><table>
<tr>{% for name in rows | columns %}<th{% if name is numeric(rows) %} class="n"{% endif %}>
{{- name | label }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for name in rows | columns %}
<td{% if name is numeric(rows) %} class="n"{% elif texts %} class="text"{% endif %}>{{ row.get(name) | cell }}</td>
{%- endfor %}</tr>
{% endfor %}</table></div>
{% endmacro %}
{% macro picture(name, alt) %}
{% if name in images %}<img src="data:image/png;base64,{{ images[name] }}" alt="{{ alt }}">{% endif %}
{% endmacro %}
<h1>Representation report</h1>
<p class="note">Model {{ numbers.settings.model }}, data {{ numbers.settings.data }}:
{{ numbers.settings.segments }} held-out segments measured, {{ numbers.settings.reference_segments }} others as
reference, {{ numbers.settings.left_out }} too long for the model. Seed {{ numbers.settings.seed }}.
All texts are decoded free-running, each segment on its own. BLEU and chrF run from 0 to 100, shares and AUC from 0 to
1; log-probabilities are in nats.</p>
{{ table(headlines) }}

<h2>Reconstruction</h2>
<p>What the latents keep of the wording: <em>exact</em> is the share that came back as it was, <em>ended</em> the share
that came to an end by itself. A fall with length says that the latents are too few for long segments.</p>
{{ table(reconstruction) }}
{{ picture("length", "BLEU, chrF and exact share by segment length") }}
{% if numbers.reconstruction.errors %}
<p>The first segments that came back changed:</p>
{{ table(numbers.reconstruction.errors, true) }}
{% endif %}

<h2>Robustness</h2>
<p>Latents are moved by a share of their norm and decoded; the decoder is told how far. Random directions show what a
denoiser's errors do; worst-case directions (gradient ascent on the decoder's loss) show thin walls between segments
that random noise does not find.</p>
{{ picture("robustness", "BLEU and exact share against noise") }}
{{ table(numbers.robustness) }}

<h2>Local smoothness</h2>
<p>How far a small edit moves the latents; <em>relative</em> is the ratio to the distance of another segment. Edits that
keep the meaning should stay well below those that change it.</p>
{{ table(numbers.smoothness.local) }}
{% if numbers.smoothness.inserted_word %}
<p>The same for one inserted word, before the first word (position 0), in the middle and before the last (1), where
another segment is 1: <em>slots</em> compares slot by slot, which counts that later slots are shifted, <em>mean</em> the
means over the slots.</p>
{{ table(numbers.smoothness.inserted_word) }}
{% endif %}

<h2>Distributional smoothness</h2>
<p>Decodings between two segments. Holes in the space show as decodings that are not well formed (no end, empty, or
looping) or that read like shuffled words (log-probability per word under trigrams of other held-out text). <em>On
path</em> is the share whose own latents are nearer to the point than to either end: at 0.25 and 0.75 it is low where
the decoder gives the nearer end. <em>Drift</em> is their distance from the point, 1 being the distance of the ends.
<em>Human</em> are the ends themselves.</p>
{{ table(numbers.smoothness.distributional) }}
{{ table(numbers.smoothness.interpolations, true) }}

<h2>Paraphrases</h2>
<p>AUC: how often a paraphrase is more similar to its text than a negative is, by the cosine of the latents that say
what they mean: of the gist without its topic, or all latents of a model without a gist. Pairs of <em>rules</em> are
rewrites of the measured segments, the others come from the files given. Negatives are other texts, texts of like
length, or the text itself with one thing changed by rule: there few words differ, and below 0.5 wording outweighs
meaning. Few pairs say little; under ten there is no interval.</p>
{{ picture("paraphrases", "AUC by set of pairs and kind of negative") }}
{{ table(paraphrases) }}
{% if all_latents %}
<p>The same by all {{ numbers.latents.slots }} latents, those that keep the wording too: all that a denoiser writes.</p>
{{ table(all_latents) }}
{% endif %}

<h2>Latents</h2>
<p>Effective rank {{ numbers.latents.effective_rank | cell }} of {{ numbers.latents.slots * numbers.latents.width }}
({{ numbers.latents.slots }} slots of {{ numbers.latents.width }}), over {{ numbers.latents.segments }} segments.
{% if numbers.latents.segments < 10 * numbers.latents.slots * numbers.latents.width %}
Fewer than ten segments for each channel: with more, the rank would come out higher.
{% endif %}
</p>
{{ picture("spectrum", "Spectrum of the latents") }}
{{ picture("channels", "Mean, standard deviation and kurtosis of every channel") }}
{{ table(channels) }}
{% if numbers.latents.slots > 1 %}
<p>Share of each slot's variance that a linear map from the other slots explains:
{% if none in numbers.latents.explained_by_other_slots %}
not measured, too few segments.
{% else %}
{% for value in numbers.latents.explained_by_other_slots %}{{ value | cell }}{{ ", " if not loop.last }}{% endfor %}
{% endif %}
</p>
{% endif %}

<h2>Maps</h2>
<p>Out-of-domain text should lie apart or at the rim, and joined dots, a text and its paraphrase, near each other.
{% if path %}
The denoising path of one sentence leads from the first estimate (○) to the last (★), which should lie among the
segments in domain.
{% endif %}
Two directions show only the share of the variance that stands at their axes: what is near here may be far apart in the
whole space, where the AUC above compares.</p>
{{ picture("pca", "Principal components of the latents") }}
{{ picture("umap", "UMAP of the latents") }}
</body>
</html>
"""


def report_page(numbers: dict[str, Any], images: Mapping[str, bytes], path: bool) -> str:
    """The page: numbers as in `report.json`, PNG images by name (inlined), `path` where a denoising path is drawn."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"cell": cell, "columns": _columns, "label": _label}
    environment.tests["numeric"] = _numeric
    whole, summary = numbers["reconstruction"], numbers["latents"]["channels"]["summary"]
    return environment.from_string(TEMPLATE).render(
        numbers=numbers,
        images={name: b64encode(image).decode() for name, image in images.items()},
        headlines=headlines(numbers),
        reconstruction=[{"words": "all", **whole["overall"]}, *whole["by_length"]],
        paraphrases=_with_intervals(numbers["paraphrases"]),
        all_latents=_with_intervals(numbers["paraphrases_all_latents"]),
        channels=[{"over all channels": name.replace("_", " "), "value": value} for name, value in summary.items()],
        path=path,
    )


def _with_intervals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **{name: value for name, value in row.items() if name != "interval"},
            "95% interval": " – ".join(f"{end:.3f}" for end in row["interval"] or []) or None,
        }
        for row in rows
    ]


def cell(value: Any) -> str:
    """A number or text as it stands in a table."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return str(value)


def _label(name: str) -> str:
    return name.replace("_", " ").replace("bleu", "BLEU").replace("chrf", "chrF")


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _numeric(name: str, rows: list[dict[str, Any]]) -> bool:
    return all(isinstance(row.get(name), int | float | None) for row in rows)
