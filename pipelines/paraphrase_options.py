"""The options of paraphrasing and of latent tools: defaults and ranges. Needs no torch."""

MIXED = ("denoise", "meaning")
METHODS = ("mixed", *MIXED, "gaussian")
CHANGE_WEIGHT = 1.0
WARNING_WEIGHT = 0.1
DIRECTION_STRENGTH = 3.0  # of the difference of the means: at 1 hardly any sentence comes out changed


def check_options(
    num: int = 5,
    strength: float = 0.4,
    method: str = "mixed",
    oversample: int = 4,
    temperature: float = 0.5,
    change_weight: float = CHANGE_WEIGHT,
    warning_weight: float = WARNING_WEIGHT,
    seed: int = 0,
    batch_size: int = 512,
    **others: object,
) -> None:
    """Check the options of `ParaphrasePipeline`; `others` are not looked at.

    Raises:
        ValueError: one is out of range.
    """
    for value, name, low, high in [
        (num, "num", 1, 1000),
        (oversample, "oversample", 1, 100),
        (temperature, "temperature", 0, 100),
        (change_weight, "change_weight", 0, 100),
        (warning_weight, "warning_weight", 0, 100),
        (seed, "seed", 0, 2**62),
        (batch_size, "batch_size", 1, 100_000),
        (strength, "strength", 0, 1),
    ]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            within = "above 0, up to 1" if name == "strength" else f"between {low} and {high}"
            raise ValueError(f"{name} is {value}; it must be {within}")
        if name in ("num", "oversample", "seed", "batch_size") and not isinstance(value, int):
            raise ValueError(f"{name} is {value}; it must be a whole number")
    if strength == 0:
        raise ValueError("strength is 0: nothing changes, and copies are dropped; give more, such as 0.4")
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; known: {', '.join(METHODS)}")
