"""Words that somebody looks for among runs."""

import re

import pandas as pd

SHORTEST_ID = 4  # characters of the beginning of a run's id; fewer would occur in many by chance


def matching(texts: pd.Series, ids: pd.Series, find: str) -> pd.Series:
    """Return which rows have all words of `find`, as booleans with the index of `texts`.

    A word may stand anywhere in the text, but a number only as a whole number: 8 finds neither 0.8 nor 18 nor Guest F8B4. Ids
    are random, so a word finds one by its beginning alone.
    """
    texts, ids = texts.str.lower(), ids.str.lower()
    found = pd.Series(True, index=texts.index)
    for word in find.lower().split():
        here = texts.str.contains(_pattern(word), regex=True)
        found &= here | ids.str.startswith(word) if len(word) >= SHORTEST_ID else here
    return found


def _pattern(word: str) -> str:
    escaped = re.escape(word)
    return rf"(?<![\w.]){escaped}(?!\w|\.\d)" if re.fullmatch(r"\d+(\.\d+)?", word) else escaped


def natural(text: str) -> list[tuple[bool, float, str]]:
    """Return what sorts texts with their numbers as numbers: `temperature 4` before `temperature 20`."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(True, float(part), "") if index % 2 else (False, 0.0, part) for index, part in enumerate(parts)]
