"""The claims that verdicts answer."""

BETTER = "student > {rival}"
WITHIN = "student loses at most {points:g} {unit} against the teacher"
LOSES = "compressed loses at most {points:g} {unit}"


def within(claim: str, tolerance: float) -> str:
    """Return a claim with the accuracy that it allows to be lost, 0 to 1, in points."""
    points = round(100 * tolerance, 10)
    return claim.format(points=points, unit="point" if points == 1 else "points")
