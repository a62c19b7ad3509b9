"""`python -m benchmarks [training reporting …] [--images PATH]` prints the lab's figures as a table."""

import argparse
import importlib
import sys
from pathlib import Path

import our_compression  # noqa: F401

BENCHMARKS = {
    "training": "training_loop",
    "distill": "distillation",
    "reporting": "reporting",
    "runs": "runs",
    "pages": "pages",
    "verdict": "verdict",
    "latency": "latency",
    "chaos": "chaos",
    "class": "classroom",
    "forecast": "forecasts",
    "gpu": "gpu",
}


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, or all, and print a row a figure as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print the lab's figures as a table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(BENCHMARKS)}")
    parser.add_argument("--images", type=Path, help="own images that distill trains on where CIFAR-10 is not there")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in BENCHMARKS]:
        print(f"There is no benchmark {unknown[0]!r}; allowed are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    print("| figure | measured | target | how |\n|---|---|---|---|")
    for name in chosen.names or BENCHMARKS:
        options = {"images": chosen.images} if name == "distill" else {}
        for figure in importlib.import_module(f"benchmarks.{BENCHMARKS[name]}").measure(**options):
            print(f"| {figure.name} | {figure.value} | {figure.target} | {figure.method} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
