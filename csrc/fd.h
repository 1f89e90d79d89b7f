/* The whole ABI. One struct is one kernel call: eager mode fills it and runs it, a plan keeps an array
   of them. Kernels are serial: each does share `tid` of `nt`; only run.c knows about threads. */
#ifndef FD_H
#define FD_H
#include <stdint.h>
#include <stddef.h>

enum { FD_MAX_P = 16, FD_MAX_I = 24, FD_MAX_D = 8 };
enum { FD_OK = 0, FD_BAD_INDEX = 1 };

typedef struct fd_status { int64_t code, value, call; } fd_status;

typedef struct fd_call {
    int32_t kernel;              /* row of kernels.def */
    int16_t nt;                  /* how many threads share this call */
    int16_t barrier;             /* all threads meet after it */
    void   *p[FD_MAX_P];         /* outputs, scratch, inputs, as the primitive yields them */
    int64_t i[FD_MAX_I];
    double  d[FD_MAX_D];
    fd_status *status;           /* shared by the calls of one run */
} fd_call;

typedef void (*fd_kernel)(const fd_call *c, int tid, int nt);
#define FD_KERNEL(name) static void name(const fd_call *c, int tid, int nt)

/* Rows [lo, hi) of thread tid: whole blocks, dealt out evenly. The blocks do not depend on nt. */
static inline void fd_share(int64_t n, int64_t block, int tid, int nt, int64_t *lo, int64_t *hi) {
    if (nt == 1) { *lo = 0; *hi = n; return; }
    int64_t blocks = (n + block - 1) / block;
    int64_t a = blocks * tid / nt * block, b = blocks * (tid + 1) / nt * block;
    *lo = a < n ? a : n;
    *hi = b < n ? b : n;
}

/* The first error wins; the run stops at the next barrier, before any weight is touched. */
static inline void fd_fail(const fd_call *c, int64_t code, int64_t value) {
    int64_t none = FD_OK;
    if (__atomic_compare_exchange_n(&c->status->code, &none, code, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        c->status->value = value;
        c->status->call = c->kernel;
    }
}

/* run.c, dispatch.c */
int  fd_run(const fd_kernel *table, const fd_call *calls, int64_t n, int nt, fd_status *status);
const fd_kernel *fd_table(const char *isa);        /* NULL: this CPU or build lacks the level */
extern const char *const fd_kernel_names[], *const fd_kernel_slots[];
extern const int fd_kernel_count;
int  fd_cpu_count(void);
#endif
