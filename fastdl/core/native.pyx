# cython: language_level=3, boundscheck=False, wraparound=False
"""The only binding module: the call struct, the kernel tables, running, ISA level, threads."""
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


def set_isa(str name):
    """Use the kernels of one level from now on (plans included)."""
    global table, level
    if fd_table(name.encode()) == NULL:
        raise ValueError(f"this CPU has no ISA level {name!r}: choose one of {isa_levels()}")
    table = fd_table(name.encode())
    level = name


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
    cdef list patches                     # per external tensor: [(call, slot), ...]

    def __cinit__(self, list rows, int nt, int externals):
        """rows: (kernel, pointers, ints, doubles, nt, barrier, [(slot, external), ...])"""
        cdef int64_t k
        self.count = len(rows)
        self.nt = nt
        self.calls = <fd_call *>calloc(max(1, self.count), sizeof(fd_call))
        if self.calls == NULL:
            raise MemoryError(f"no memory for a plan of {self.count} calls")
        self.patches = [[] for _ in range(externals)]
        for k in range(self.count):
            kernel, pointers, ints, doubles, share, barrier, slots = rows[k]
            fill(&self.calls[k], kernel, pointers, ints, doubles, share)
            self.calls[k].barrier = barrier
            self.calls[k].status = &self.status
            for slot, external in slots:
                self.patches[external].append((k, slot))

    def __dealloc__(self):
        free(self.calls)

    cpdef bind(self, int external, uintptr_t address):
        cdef int64_t k
        cdef int slot
        for k, slot in <list>self.patches[external]:
            self.calls[k].p[slot] = <void *>address

    cpdef run(self):
        cdef int bad
        memset(&self.status, 0, sizeof(self.status))
        with nogil:
            bad = fd_run(table, self.calls, self.count, self.nt, &self.status)
        if bad:
            raise NativeError(self.status.code, self.status.value, self.status.call)


set_isa(isa_levels().pop())
