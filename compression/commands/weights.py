"""Published ImageNet weights on the command line: what there is, and its download."""

import argparse
import json
import sys

from compression import settings
from compression.models import MODELS, NEW_CLASSIFIER, WEIGHTS
from compression.own_weights.published import TERMS, TRAIT, download, find_stored, names, source_of
from compression.texts import gettext as _


def published_weights(request: argparse.Namespace) -> int:
    """List the networks with published weights, or download those of one and print its choice as a spec has it.

    Raises:
        DataError, LimitError: as `published.download`.
    """
    folder = settings.weights_folder()
    if request.network is None:
        for name in names():
            held = find_stored(name, folder)
            where = _("here as {id}").format(id=held) if held else _("not downloaded")
            print(f"{name:<18} {MODELS[name].traits[TRAIT]['megabytes']:>4} MB  {source_of(name).url}  {where}")
        return 0
    source = source_of(request.network)
    if find_stored(request.network, folder) is None:
        size = MODELS[request.network].traits[TRAIT]["megabytes"]
        told = _("{url}, {size} MB: {terms}").format(url=source.url, size=size, terms=_(TERMS))
        print(told, file=sys.stderr, flush=True)
    name = _followed(request.network)
    print(json.dumps({**source.metadata["architecture"], WEIGHTS: name, NEW_CLASSIFIER: True}))
    return 0


def _followed(network: str) -> str:
    """Download a network's weights with its progress on a terminal; return their id."""
    steps, terminal = download(network, settings.weights_folder()), sys.stderr.isatty()
    try:
        while True:
            sentence = next(steps)
            if terminal:
                print(f"\r\x1b[K{sentence}", end="", file=sys.stderr, flush=True)
    except StopIteration as done:
        return str(done.value)
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
