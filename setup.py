"""Builds the native door: csrc/isa.c once per instruction-set level, then Cython's native.pyx around them."""
import os
import platform
import shutil
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

X86 = platform.machine().lower() in ("x86_64", "amd64")
LEVELS = [("base", 16, [])]
if X86:
    LEVELS += [("v3", 32, ["-mavx2", "-mfma"]),
               ("v4", 64, ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma",
                           "-mprefer-vector-width=512"])]
FLAGS = ["-O2", "-g0", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fvisibility=hidden",
         "-Wno-psabi", "-Wno-unused-function", "-fstack-protector-strong"]
OPENMP = [] if sys.platform == "darwin" else ["-fopenmp"]


class build_levels(build_ext):
    """Compiles the kernels for every level and links all of them into the one extension."""

    def build_extension(self, ext):
        cc = os.environ.get("CC", "").split()[:1] or self.compiler.compiler_so[:1]
        if not shutil.which(cc[0]):
            raise SystemExit(f"fastdl needs a C compiler to build its kernels and found none ({cc[0]!r}): install "
                             "gcc or clang (Debian/Ubuntu: apt install gcc python3-dev) and run pip install again.")
        ext.extra_objects = list(ext.extra_objects)
        for level, vector_bytes, flags in LEVELS:
            folder = os.path.join(self.build_temp, level)
            ext.extra_objects += self.compiler.compile(
                ["csrc/isa.c"], output_dir=folder, include_dirs=["csrc"],
                macros=[("VB", str(vector_bytes)), ("FD_LEVEL", level)], extra_postargs=FLAGS + flags,
                depends=ext.depends)
        super().build_extension(ext)


headers = [os.path.join(folder, name) for folder, _, names in os.walk("csrc") for name in names]
setup(ext_modules=[Extension("fastdl.core.native", ["fastdl/core/native.pyx", "csrc/run.c", "csrc/dispatch.c"],
                             include_dirs=["csrc"], depends=headers, extra_compile_args=FLAGS + OPENMP,
                             extra_link_args=OPENMP)],
      cmdclass={"build_ext": build_levels})
