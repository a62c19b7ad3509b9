"""Numbers as people read them: three significant digits, always a unit; ratios come as 0 to 1 and leave as percent."""

import math

from compression.texts import gettext as _

EXACT_BELOW = 100_000  # counts; above, three significant digits and a prefix say more than ten figures
SECONDS_TOLD, MINUTES_TOLD, TENTHS_TOLD = 100, 5400, 36_000  # below so many seconds a time is told in that unit
PREFIXES = ("", "k", "M", "G", "T")


def three_digits(value: float) -> str:
    """Return a number with three significant digits, never in exponent form: 0.0612, 4.20, 381, 1,240."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(float(f"{value:.2e}"))))
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def scale(value: float) -> tuple[str, str]:
    """Return a number's three significant digits and its prefix of thousands: 31,400 gives ("31.4", "k")."""
    rounded, power = abs(float(f"{value:.2e}")), 0
    while rounded >= 1000 and power < len(PREFIXES) - 1:
        rounded, value, power = rounded / 1000, value / 1000, power + 1
    exact = power == 0 and value == int(value)
    return (f"{value:,.0f}" if exact else three_digits(value)), PREFIXES[power]


def format_bytes(size_bytes: float) -> str:
    """Return a file's size; 1 KB is 1,000 bytes, as the papers count."""
    number, prefix = scale(size_bytes)
    return f"{number} {prefix.upper()}B" if prefix else _("{number} bytes").format(number=number)


def byte_unit(largest: float) -> tuple[int, str]:
    """Return the unit for an axis of sizes up to `largest` bytes, in bytes and by its name: (1000, "KB")."""
    power = min(max(0, math.floor(math.log10(max(largest, 1)) / 3)), len(PREFIXES) - 1)
    return 1000**power, f"{PREFIXES[power].upper()}B" if power else _("bytes")


def format_count(count: float) -> str:
    """Return a count without its noun: exact below 100,000, then with three significant digits (431 k)."""
    return f"{count:,.0f}" if abs(count) < EXACT_BELOW else " ".join(scale(count))


def format_parameters(count: float) -> str:
    """Return a number of parameters with its noun."""
    return _("{count} parameters").format(count=format_count(count))


def format_macs(macs: float) -> str:
    """Return multiply-accumulate operations an example: 31.4 k MACs."""
    return _("{number} MACs").format(number=" ".join(scale(macs)).rstrip())


def format_milliseconds(latency_ms: float) -> str:
    """Return a latency in milliseconds with three significant digits."""
    return _("{number} ms").format(number=three_digits(latency_ms))


def format_percent(ratio: float, decimals: int = 1) -> str:
    """Return a ratio (0 to 1) as percent, with one decimal unless told otherwise: 96.7 %."""
    return f"{100 * ratio:.{decimals}f} %" if math.isfinite(ratio) else "–"


def format_points(difference: float, decimals: int = 1) -> str:
    """Return a difference of two ratios in percentage points, without a noun: 2.1."""
    return f"{100 * difference:z.{decimals}f}".replace("-", "−")


def format_seconds(seconds: float) -> str:
    """Return a duration: 4.2 s, 42 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 9.95:
        return _("{seconds:.1f} s").format(seconds=seconds)
    whole = round(seconds)
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds} s").format(minutes=whole // 60, seconds=whole % 60)
    return _("{hours} h {minutes} min").format(hours=whole // 3600, minutes=whole % 3600 // 60)


def format_about(seconds: float) -> str:
    """Return a predicted time, no more exactly than it is known: 0.6 gives "1 s", 6.1 "6 s", 254 "4 min", 9,000 "2.5 h"."""
    if seconds < SECONDS_TOLD:
        return _("{count} s").format(count=max(1, round(seconds)))
    if seconds < MINUTES_TOLD:
        return _("{count} min").format(count=max(2, round(seconds / 60)))
    return _("{count} h").format(count=f"{seconds / 3600:,.{int(seconds < TENTHS_TOLD)}f}")


def format_ratio(ratio: float) -> str:
    """Return how many times: 12.4×."""
    return f"{three_digits(ratio)}×"
