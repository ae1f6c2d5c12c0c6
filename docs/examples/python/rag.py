"""Retrieval for a language model: find the passages that a question is about, put them into a prompt, and keep which
ones they were, so that an answer can be looked into long after the passages have changed.

The passages are the 5,000 glosses of WordNet in `docs/examples/data/wordnet-5k`. An embedder is a function that makes a
vector of a text, so yours goes in the place of these two, which need neither a model nor the network:

- `looked_up` has the vectors that a sentence encoder made of the sample's 40 questions, and knows no other text. Its
  vectors compare what is meant.
- `counted_words` takes any text, and is no model: it counts words. A gloss is near to a question if they have words in
  common, so it finds neither synonyms nor other languages.

No language model is called: what it would be asked is printed. It needs numpy."""

import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy

import koru_delta

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "wordnet-5k"

Embedder = Callable[[str], Any]
"""Makes a vector of a text."""


def looked_up() -> Embedder:
    """An embedder that knows the sample's questions by heart."""
    texts = [each["text"] for each in json.loads((SAMPLE / "queries.json").read_text(encoding="utf-8"))]
    vectors = dict(zip(texts, numpy.load(SAMPLE / "queries.f32.npy"), strict=True))

    def embed(text: str) -> Any:
        if text not in vectors:
            raise LookupError(f"no vector was made of {text!r} beforehand")
        return vectors[text]

    return embed


def counted_words(text: str, dimension: int = 512) -> Any:
    """An embedder that counts words, each at a place that its checksum decides (feature hashing). Words that many texts
    have count for nothing."""
    vector = numpy.zeros(dimension, "f4")
    for word in re.findall(r"\w+", text.lower()):
        if len(word) > 3:
            vector[zlib.crc32(word[:6].encode()) % dimension] += 1
    return vector


def passages() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Key, document and vector of each gloss. With an encoder at hand its vector would be `embed(text)`."""
    vectors = numpy.load(SAMPLE / "vectors.f16.npy")
    with (SAMPLE / "glosses.jsonl").open(encoding="utf-8") as lines:
        for line, vector in zip(lines, vectors, strict=True):
            row = json.loads(line)
            yield (
                row["key"],
                {
                    "text": f"{', '.join(row['words'])}: {row['gloss']}",
                    "topic": row["topic"],
                },
                vector,
            )


def fill(db: koru_delta.Database) -> None:
    """Puts in the passages, each with two vectors: of what it means, and of the words that it has."""
    notes = db.collection("passages")
    rest = passages()
    # Each batch is one commit.
    while batch := list(islice(rest, 1000)):
        notes.put_many(
            [(key, document) for key, document, _ in batch],
            vectors={
                "meaning": [vector for *_, vector in batch],
                "words": [counted_words(document["text"]) for _, document, _ in batch],
            },
            message="the sample",
        )


def prompt(question: str, hits: koru_delta.Hits) -> str:
    """What a language model would be asked."""
    sources = "\n".join(f"[{number}] {hit.value['text']}" for number, hit in enumerate(hits, 1))
    return f"Answer from these passages, and name the ones that you used.\n\n{sources}\n\nQuestion: {question}"


def main(path: str, question: str) -> None:
    with koru_delta.open(path) as db:
        notes = db.collection("passages")
        if next(notes.keys(limit=1), None) is None:
            fill(db)

        name, embed = "meaning", looked_up()
        try:
            vector = embed(question)
        except LookupError as unknown:
            print(f"{unknown.args[0]}: words are compared, and not what they mean\n")
            name, vector = "words", counted_words(question)
        hits = notes.search(vector, name=name, k=3)
        print(prompt(question, hits))

        # The answer knows its passages, in the versions that it was given.
        causes = [notes.at(hit.key, hit.version) for hit in hits]
        answer = db.collection("answers").put(question, {"from": [hit.key for hit in hits]}, causes=causes)

        # Only what is about food, however near anything else is.
        print("\nabout food:")
        for hit in notes.search(vector, name=name, k=3, filter={"topic": "noun.food"}):
            print(f"  {hit.score:.2f} {hit.value['text'][:70]}")

        # The passages go on changing: here the nearest one is withdrawn.
        nearest = hits[0]
        notes.delete(nearest.key, message="the source was wrong")
        now = notes.search(vector, name=name, k=3)
        then = notes.search(vector, name=name, k=3, as_of=answer)
        print("\nnow:      ", ", ".join(hit.key for hit in now))
        print("as it was:", ", ".join(hit.key for hit in then))
        assert [(hit.key, hit.score) for hit in then] == [(hit.key, hit.score) for hit in hits]

        # Which answers have to be looked at again?
        for edge in notes.lineage(nearest.key, nearest.version, direction="effects").edges:
            print(f"to look at again: {edge.effect.collection}/{edge.effect.key}")


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "rag.koru",
        sys.argv[2] if len(sys.argv) > 2 else "food made from milk",
    )
