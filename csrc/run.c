/* The executor: the only file that knows OpenMP. One parallel region runs a whole array of calls. */
#define _GNU_SOURCE
#include "fd.h"
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) { return 0; }
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#define give_way() sched_yield()
#else
#define give_way() ((void)0)
#endif
#if defined(__x86_64__) || defined(__i386__)
#define breathe() __builtin_ia32_pause()
#else
#define breathe() ((void)0)
#endif

/* libgomp hangs in a forked child whose parent has used it: the child runs serially instead. */
static int forked = 0;
#if defined(__unix__) || defined(__APPLE__)
static void in_child(void) { forked = 1; }
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, in_child); }
#endif

int fd_cpu_count(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
#if defined(__unix__) || defined(__APPLE__)
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
#else
    return 1;
#endif
}

static int serial(const fd_kernel *table, const fd_call *calls, int64_t n, fd_status *status) {
    for (int64_t k = 0; k < n; k++) {
        const fd_call *c = &calls[k];
        /* the share of every thread in turn: kernels may cut their scratch by tid */
        for (int t = 0; t < c->nt; t++) table[c->kernel](c, t, c->nt);
        if (status->code != FD_OK) { status->call = k; return 1; }
    }
    return 0;
}

/* On a crowded machine two threads that wait for each other are slower than one: a run in which thread 0 spent much of
   its time waiting counts as bad, and after two bad ones close together the runs of the next moments are serial (the
   same shares, so the same bits). Then one run tries again; what it finds decides for how long. */
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec; }
static const double moment = 0.01, longest = 0.16;               /* seconds */
static double serial_until = 0, serial_next = 0.01;
static int bad_runs = 0;
static void learn(double idle, double start, double end) {
    if (idle > 1e-4 && idle > .3 * (end - start)) {
        if ((bad_runs += 4) >= 8) {
            serial_until = end + serial_next;
            serial_next = serial_next < longest ? 2 * serial_next : longest;
            bad_runs = 4;
        }
    } else if (bad_runs > 0 && --bad_runs == 0) serial_next = moment;
}

/* Where all threads meet. It spins for a few microseconds, then yields: on a machine that others use too, the thread
   waited for may have no core, and an OpenMP barrier would burn a whole time slice for every meeting. */
typedef struct { int here, round; } gate;
static void meet(gate *g, int team, double *idle) {
    int round = __atomic_load_n(&g->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&g->here, 1, __ATOMIC_ACQ_REL) == team) {
        g->here = 0;
        __atomic_store_n(&g->round, round + 1, __ATOMIC_RELEASE);
        return;
    }
    double since = 0;
    for (int k = 0; __atomic_load_n(&g->round, __ATOMIC_ACQUIRE) == round; k++) {
        if (k < 2000) { breathe(); continue; }
        if (k == 2000) since = now();
        give_way();
    }
    if (since > 0) *idle += now() - since;
}

int fd_run(const fd_kernel *table, const fd_call *calls, int64_t n, int nt, fd_status *status) {
    if (nt <= 1 || forked) return serial(table, calls, n, status);
#ifdef _OPENMP
    if (serial_until > 0) {
        if (now() < serial_until) return serial(table, calls, n, status);
        serial_until = 0;
    }
    gate g = {0, 0};
    double waited = 0, start = now(), done = 0;          /* of thread 0 */
    #pragma omp parallel num_threads(nt)
    {
        int tid = omp_get_thread_num(), team = omp_get_num_threads();
        double idle = 0;
        for (int64_t k = 0; k < n; k++) {
            const fd_call *c = &calls[k];
            /* a smaller team than asked for (nested, limited) still does every share */
            for (int t = tid; t < c->nt; t += team) table[c->kernel](c, t, c->nt);
            if (c->barrier) {
                meet(&g, team, &idle);
                if (__atomic_load_n(&status->code, __ATOMIC_RELAXED) != FD_OK) break;
            }
        }
        if (tid == 0) { waited = idle; done = now(); }
    }
    double end = now();
    learn(waited + end - done, start, end);
    return status->code != FD_OK;
#else
    return serial(table, calls, n, status);
#endif
}
