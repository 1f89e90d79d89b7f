"""Real data bundled with the package: small, offline, enough to learn from. Sources and licences: NOTICE."""
from fastdl.datasets.mini import digits, digits8x8, fashion, novel, photos, weather

__all__ = ["digits", "digits8x8", "fashion", "novel", "photos", "weather"]
