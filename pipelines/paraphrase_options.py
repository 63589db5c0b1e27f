"""The options of paraphrasing and of latent tools: defaults and ranges. Needs no torch."""

MIXED = ("denoise", "meaning")
METHODS = ("mixed", *MIXED, "gaussian")
CHANGE_WEIGHT = 2.0
WARNING_WEIGHT = 0.3
DIRECTION_STRENGTH = 3.0  # of the difference of the means: at 1 hardly any sentence comes out changed


RANGES = {
    "num": (1, 1000),
    "oversample": (1, 100),
    "temperature": (0, 100),
    "change_weight": (0, 100),
    "warning_weight": (0, 100),
    "seed": (0, 2**62),
    "batch_size": (1, 100_000),
    "strength": (0, 1),
}
WHOLE = ("num", "oversample", "seed", "batch_size")


def check_options(**options: object) -> None:
    """Check those options of `ParaphrasePipeline` that are given; others are not looked at.

    Raises:
        ValueError: one is out of range.
    """
    for name, (low, high) in RANGES.items():
        if name not in options:
            continue
        value = options[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            within = "above 0, up to 1" if name == "strength" else f"between {low} and {high}"
            raise ValueError(f"{name} is {value}; it must be {within}")
        if name in WHOLE and not isinstance(value, int):
            raise ValueError(f"{name} is {value}; it must be a whole number")
    if options.get("strength") == 0:
        raise ValueError("strength is 0: nothing changes, and copies are dropped; give more, such as 0.4")
    if options.get("method", "mixed") not in METHODS:
        raise ValueError(f"method is {options['method']!r}; known: {', '.join(METHODS)}")
