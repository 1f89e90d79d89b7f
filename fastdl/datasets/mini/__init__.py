"""Real data bundled with the package: small, offline, enough to learn from."""
from fastdl.datasets.mini import digits

__all__ = ["digits"]
