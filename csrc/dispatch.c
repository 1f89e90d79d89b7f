/* CPU -> kernel table. The levels are the psABI's: base (any x86-64), v3 (AVX2, FMA), v4 (AVX-512). */
#include "fd.h"
#include <string.h>

#define K(name, slots) #name,
const char *const fd_kernel_names[] = {
#include "kernels.def"
};
#undef K
#define K(name, slots) slots,
const char *const fd_kernel_slots[] = {
#include "kernels.def"
};
#undef K
const int fd_kernel_count = sizeof fd_kernel_names / sizeof fd_kernel_names[0];

#if defined(__x86_64__) || defined(_M_X64)
extern const fd_kernel fd_table_base[], fd_table_v3[], fd_table_v4[];
const fd_kernel *fd_table(const char *isa) {
    __builtin_cpu_init();
    if (!strcmp(isa, "base")) return fd_table_base;
    if (!strcmp(isa, "v3") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return fd_table_v3;
    if (!strcmp(isa, "v4") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return fd_table_v4;
    return NULL;
}
#else
extern const fd_kernel fd_table_base[];
const fd_kernel *fd_table(const char *isa) { return strcmp(isa, "base") ? NULL : fd_table_base; }
#endif
