"""What the sizes in every network's configuration must be."""

from typing import Any


def require_sizes(sizes: dict[str, Any]) -> None:
    """Raises ValueError, naming the field, for a value that is no whole number and no tuple of them."""
    for name, value in sizes.items():
        for size in value if isinstance(value, tuple) else (value,):
            if not isinstance(size, int) or size < 0:
                raise ValueError(f"{name} must be made of whole numbers, not {value!r}")


def require_divisible(name: str, size: int, divisor_name: str, divisor: int) -> None:
    """Raises ValueError, naming both, unless a size divides into equal parts."""
    if not divisor or size % divisor:
        raise ValueError(f"{name}={size} is no multiple of {divisor_name}={divisor}")
