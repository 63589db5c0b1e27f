"""How sure a share is, from how many it was counted."""

import math

Z95 = 1.959964


def wilson_interval(successes: float, trials: int) -> tuple[float, float]:
    """95% interval of a share (Wilson, 1927); halves count, as of ties."""
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} of {trials} is no share; trials must be at least 1 and successes at most that")
    share, square = successes / trials, Z95**2 / trials
    middle = (share + square / 2) / (1 + square)
    half = Z95 / (1 + square) * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def binomial_test(successes: int, trials: int) -> float:
    """Two-sided exact p-value of `successes` of `trials` against a chance of one half; 1 without trials."""
    fewer = min(successes, trials - successes)
    tail = sum(math.comb(trials, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / 2**trials)
