"""Bundled YAML configs and the typed way to read them."""

from .loader import Config, bundled_config_names, load_config

__all__ = ["Config", "bundled_config_names", "load_config"]
