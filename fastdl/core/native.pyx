# cython: language_level=3, boundscheck=False, wraparound=False
"""The only binding module: the call struct, the kernel tables, running, ISA level, threads."""
from time import perf_counter

from libc.stdint cimport int16_t, int32_t, int64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from cpython.buffer cimport PyObject_GetBuffer, PyBuffer_Release, PyBUF_SIMPLE

cdef extern from "fd.h":
    enum: FD_MAX_P
    enum: FD_MAX_I
    enum: FD_MAX_D
    ctypedef struct fd_status:
        int64_t code
        int64_t value
        int64_t call
    ctypedef struct fd_call:
        int32_t kernel
        int16_t nt
        int16_t barrier
        void *p[16]
        int64_t i[24]
        double d[8]
        fd_status *status
    ctypedef void (*fd_kernel)(const fd_call *, int, int) noexcept nogil
    int fd_run(const fd_kernel *table, const fd_call *calls, int64_t n, int nt, fd_status *status) noexcept nogil
    const fd_kernel *fd_table(const char *isa)
    const char *const fd_kernel_names[]
    const char *const fd_kernel_slots[]
    const int fd_kernel_count
    int fd_cpu_count()

cdef const fd_kernel *table = NULL
cdef str level = ""
cdef int threads = 1
cdef int era = 0

KERNELS = {fd_kernel_names[k].decode(): k for k in range(fd_kernel_count)}
SLOTS = {fd_kernel_names[k].decode(): fd_kernel_slots[k].decode() for k in range(fd_kernel_count)}


class NativeError(Exception):
    """A kernel refused its input: `code`, the offending `value`, the `call` (position in the plan)."""

    def __init__(self, code, value, call):
        super().__init__(code, value, call)
        self.code, self.value, self.call = code, value, call


cpdef uintptr_t address(array) except? 0:
    """Where a contiguous array's memory starts."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    cdef uintptr_t start = <uintptr_t>view.buf
    PyBuffer_Release(&view)
    return start


def isa_levels():
    """The levels this CPU can run, slowest first."""
    return [name for name in ("base", "v3", "v4") if fd_table(name.encode()) != NULL]


def isa():
    return level


def isa_era():
    """How often the level was set: what kernels prepared before lies as another level wants it."""
    return era


def set_isa(str name):
    """Use the kernels of one level from now on (plans included)."""
    global table, level, era
    if fd_table(name.encode()) == NULL:
        raise ValueError(f"this CPU has no ISA level {name!r}: choose one of {isa_levels()}")
    table = fd_table(name.encode())
    level = name
    era += 1


def cpu_count():
    return fd_cpu_count()


def get_threads():
    return threads


def set_threads(int n):
    global threads
    if n < 1 or n > 256:
        raise ValueError(f"threads must be from 1 to 256, got {n}")
    threads = n


cdef int fill(fd_call *c, int kernel, tuple pointers, tuple ints, tuple doubles, int nt) except -1:
    cdef int k
    if len(pointers) > FD_MAX_P or len(ints) > FD_MAX_I or len(doubles) > FD_MAX_D:
        raise ValueError("a kernel call holds at most %d pointers, %d ints, %d doubles" % (FD_MAX_P, FD_MAX_I, FD_MAX_D))
    c.kernel = kernel
    c.nt = nt
    c.barrier = 1
    for k in range(len(pointers)):
        c.p[k] = <void *><uintptr_t>pointers[k]
    for k in range(len(ints)):
        c.i[k] = ints[k]
    for k in range(len(doubles)):
        c.d[k] = doubles[k]
    return 0


def call(int kernel, tuple pointers, tuple ints, tuple doubles=(), int nt=1):
    """Run one kernel now, on `nt` threads; pointers are addresses."""
    cdef fd_call c
    cdef fd_status status
    memset(&c, 0, sizeof(c))
    memset(&status, 0, sizeof(status))
    fill(&c, kernel, pointers, ints, doubles, nt)
    c.status = &status
    with nogil:
        fd_run(table, &c, 1, nt, &status)
    if status.code:
        raise NativeError(status.code, status.value, 0)


cdef class Program:
    """An array of calls. `bind` patches the addresses that change between runs; `run` creates no object."""
    cdef fd_call *calls
    cdef fd_status status
    cdef readonly int64_t count
    cdef public int nt
    cdef int externals
    cdef int32_t *spot                    # (call, slot) pairs, grouped by external tensor
    cdef int32_t *start                   # where an external's pairs begin

    def __cinit__(self, list rows, int nt, int externals):
        """rows: (kernel, pointers, ints, doubles, nt, barrier, [(slot, external), ...])"""
        cdef int64_t k, n
        self.count, self.nt, self.externals = len(rows), nt, externals
        patches = [[] for _ in range(externals)]
        for k in range(self.count):
            for slot, external in rows[k][6]:
                patches[external].append((k, slot))
        self.calls = <fd_call *>calloc(max(1, self.count), sizeof(fd_call))
        self.spot = <int32_t *>calloc(2 * sum(map(len, patches)) + 1, sizeof(int32_t))
        self.start = <int32_t *>calloc(externals + 1, sizeof(int32_t))
        if self.calls == NULL or self.spot == NULL or self.start == NULL:
            raise MemoryError(f"no memory for a plan of {self.count} calls")
        for k in range(self.count):
            kernel, pointers, ints, doubles, share, barrier, _ = rows[k]
            fill(&self.calls[k], kernel, pointers, ints, doubles, share)
            self.calls[k].barrier = barrier
            self.calls[k].status = &self.status
        n = 0
        for k in range(externals):
            self.start[k] = n
            for call, slot in patches[k]:
                self.spot[2 * n], self.spot[2 * n + 1] = call, slot
                n += 1
        self.start[externals] = n

    def __dealloc__(self):
        free(self.calls)
        free(self.spot)
        free(self.start)

    cpdef bind(self, list arrays):
        """The memory of the external tensors for the next run."""
        cdef int64_t k, j
        cdef void *at
        if len(arrays) != self.externals:
            raise ValueError(f"a plan of {self.externals} external tensors was given {len(arrays)}")
        for k in range(self.externals):
            if self.start[k] == self.start[k + 1]:
                continue
            at = <void *>address(arrays[k])
            for j in range(self.start[k], self.start[k + 1]):
                self.calls[self.spot[2 * j]].p[self.spot[2 * j + 1]] = at

    cpdef run(self):
        cdef int bad
        memset(&self.status, 0, sizeof(self.status))
        with nogil:
            bad = fd_run(table, self.calls, self.count, self.nt, &self.status)
        if bad:
            raise NativeError(self.status.code, self.status.value, self.status.call)

    def time(self):
        """Run once, call by call, with a thread team for each: seconds a call (the teams' starts included)."""
        cdef int64_t k
        spent = []
        memset(&self.status, 0, sizeof(self.status))
        for k in range(self.count):
            start = perf_counter()
            with nogil:
                fd_run(table, &self.calls[k], 1, self.calls[k].nt, &self.status)
            spent.append(perf_counter() - start)
        return spent


set_isa(isa_levels().pop())
