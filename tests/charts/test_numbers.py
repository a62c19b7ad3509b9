"""Numbers as people read them."""

import math

import pytest

from compression.charts import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0612, "0.0612"),
        (0.21, "0.210"),
        (4.2, "4.20"),
        (9.996, "10.0"),
        (99.96, "100"),
        (380.6, "381"),
        (1240, "1,240"),
        (12_345.6, "12,300"),
        (-3.14159, "-3.14"),
        (1e-9, "0.00000000100"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_three_significant_digits_without_exponents(value: float, text: str) -> None:
    assert numbers.three_digits(value) == text


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (numbers.format_bytes, 0, "0 bytes"),
        (numbers.format_bytes, 999, "999 bytes"),
        (numbers.format_bytes, 3_864, "3.86 KB"),
        (numbers.format_bytes, 999_600, "1.00 MB"),
        (numbers.format_bytes, 1_724_320, "1.72 MB"),
        (numbers.format_count, 510, "510"),
        (numbers.format_count, 94_410, "94,410"),
        (numbers.format_count, 431_080, "431 k"),
        (numbers.format_parameters, 94_410, "94,410 parameters"),
        (numbers.format_macs, 510, "510 MACs"),
        (numbers.format_macs, 31_400, "31.4 k MACs"),
        (numbers.format_macs, 5_917_952, "5.92 M MACs"),
        (numbers.format_macs, 2e15, "2,000 T MACs"),
        (numbers.format_milliseconds, 0.21428, "0.214 ms"),
        (numbers.format_percent, 0.9671, "96.7 %"),
        (numbers.format_percent, 1, "100.0 %"),
        (numbers.format_percent, math.nan, "–"),
        (numbers.format_points, 0.0212, "2.1"),
        (numbers.format_points, -0.0212, "−2.1"),
        (numbers.format_points, -0.0004, "0.0"),
        (numbers.format_seconds, 4.21, "4.2 s"),
        (numbers.format_seconds, 9.96, "10 s"),
        (numbers.format_seconds, 59.7, "1 min 0 s"),
        (numbers.format_seconds, 200, "3 min 20 s"),
        (numbers.format_seconds, 7_500, "2 h 5 min"),
        (numbers.format_ratio, 185.1, "185×"),
    ],
)
def test_quantities_carry_their_unit(show: object, value: float, text: str) -> None:
    assert show(value) == text
