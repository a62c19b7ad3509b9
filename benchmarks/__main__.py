"""`python -m benchmarks [training reporting …]` prints the lab's figures as a table."""

import importlib
import sys

import our_compression  # noqa: F401

BENCHMARKS = {
    "training": "training_loop",
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


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all, and print a row a figure as soon as it is there."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"There is no benchmark {unknown[0]!r}; allowed are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    print("| figure | measured | target | how |\n|---|---|---|---|")
    for name in names or BENCHMARKS:
        for figure in importlib.import_module(f"benchmarks.{BENCHMARKS[name]}").measure():
            print(f"| {figure.name} | {figure.value} | {figure.target} | {figure.method} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
