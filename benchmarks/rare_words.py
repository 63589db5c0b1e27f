"""How much of what it never saw does a model give back: a hundred made-up sentences with rare names and foreign words.

python benchmarks/rare_words.py --model stories-small

Some of the names and words may stand in training texts; `--unseen CORPUS`, repeatable, adds rows of those that stand in
none of the corpora, nor in what `data.rare_words` took from them.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

NAMES = """Aoibheann Bjarki Chidinma Dzhokhar Eulalia Fiachra Ghislaine Hrafnhildur Ikaika Jacinthe Kwabena Llewellyn
Mthunzi Nguyet Oluwaseun Przemek Quetzalli Rhiannon Saoirse Tsvetana Uxue Vytautas Wojciech Xochitl Ysolde Zsofia
Anjali Bartholomew Cosima Dimitra Ekaterina Florentin Giovanna Hiroshi Ingeborg Joaquin Katarzyna Leocadia Mireille
Nikolaos Ottoline Philippa Raghunath Svetlana Thibault Umberto Vasudha Winifred Yevgeny Zahra"""
FOREIGN = """Weltschmerz saudade hygge croissant piñata jamón łódka žluťoučký tsunami bouillabaisse Schadenfreude
karaoke smörgåsbord naïveté façade doppelganger origami kimchi fjord ikebana paella gnocchi dacha samovar babushka
tortilla baguette Zeitgeist kindergarten siesta fiesta sauna ombudsman tundra mammoth safari yacht sombrero guerrilla
mosquito vigilante chutzpah schlep bagel ciao gelato opera piccolo volcano umbrella"""
FORMS = [
    "{name} bought a {word} at the market.",
    "Nobody told {name} what {word} means.",
    "{name} and {other} argued about the {word}.",
    "In the end {name} wrote the word {word} on the wall.",
]


def sentences() -> list[str]:
    """One hundred of them: every name and every word twice, in sentences of four forms."""
    names, words = NAMES.split(), FOREIGN.split()
    made = []
    for number in range(100):
        name, other = names[number % 50], names[(number + 17) % 50]
        word = words[(number + 7 * (number // 50)) % 50]
        made.append(FORMS[number % 4].format(name=name, other=other, word=word))
    return made


def main(
    model: str = "stories-small",
    show: int = 10,
    unseen: Annotated[list[Path] | None, typer.Option(help="Corpora whose words do not count as unseen.")] = None,
) -> None:
    """Print the shares that come back, of sentences, names and foreign words, and some sentences beside them."""
    from segdiff import RepresentationPipeline
    from segdiff.pipelines.corpus import read_documents

    codec = RepresentationPipeline.from_pretrained(model)
    texts = sentences()
    back = codec.decode(codec.encode(texts))
    pairs = list(zip(texts, back, strict=True))
    exact = sum(text == found for text, found in pairs) / len(pairs)
    names = [(name, found) for text, found in pairs for name in NAMES.split() if name in text.split()]
    words = [(word, found) for text, found in pairs for word in FOREIGN.split() if word in text.rstrip(".").split()]
    print(f"sentences exact {exact:.2f}")
    print(f"names found {sum(name in found.rstrip('.').split() for name, found in names) / len(names):.2f}")
    print(f"foreign words found {sum(word in found.rstrip('.').split() for word, found in words) / len(words):.2f}")
    if unseen:
        read = {
            word
            for path in unseen
            for document in read_documents(path)
            for segment in document.segments
            for word in re.findall(r"[^\W\d_]+", segment)
        }
        for what, some in (("names", names), ("foreign words", words)):
            new = [word in found.rstrip(".").split() for word, found in some if word not in read]
            print(f"{what} that no corpus has, found {sum(new) / len(new):.2f} of {len(new)}")
        rare = {*NAMES.split(), *FOREIGN.split()} & read
        new = [text == found for text, found in pairs if rare.isdisjoint(text.rstrip(".").split())]
        print(f"sentences of such alone, exact {sum(new) / len(new):.2f} of {len(new)}")
    for text, found in pairs[:show]:
        print(f"  {text}\n    {found}")


if __name__ == "__main__":
    typer.run(main)
