/* The micro-kernel: MR rows of A times a packed K x NR panel of B, all sums in registers. */
#ifndef FD_GEMM_TILE_H
#define FD_GEMM_TILE_H
#include "vec.h"
#if VB == 64
enum { MR = 12 };
#elif VB == 32
enum { MR = 6 };
#else
enum { MR = 4 };
#endif
enum { NR = 2 * VL };
#define EACH _Pragma("GCC unroll 16")     /* rows unrolled in full, or the sums leave their registers */

/* c[mr, n] = act(a b + bias); a[m][k] lies at a + m rs + k cs. Every element is one chain over k, in order. */
static inline __attribute__((always_inline))
void gemm_tile(const int mr, int64_t K, const float *a, int64_t rs, int64_t cs, const float *b,
               float *c, int64_t ldc, int64_t n, const float *bias, int act) {
    vf s0[MR], s1[MR];
    EACH for (int m = 0; m < mr; m++) s0[m] = s1[m] = vf_set1(0.f);
    for (int64_t k = 0; k < K; k++, b += NR) {
        vf b0 = vf_load(b), b1 = vf_load(b + VL);
        EACH for (int m = 0; m < mr; m++) {
            vf x = vf_set1(a[m * rs + k * cs]);
            s0[m] += x * b0;
            s1[m] += x * b1;
        }
    }
    vf w0 = vf_set1(0.f), w1 = w0;
    if (bias) { w0 = vf_loadn(bias, n < VL ? n : VL); if (n > VL) w1 = vf_loadn(bias + VL, n - VL); }
    EACH for (int m = 0; m < mr; m++, c += ldc) {
        vf y0 = s0[m] + w0, y1 = s1[m] + w1;
        vf zero = vf_set1(0.f);
        if (act == 1) { y0 = vf_sel((vi)(y0 < 0.f), zero, y0); y1 = vf_sel((vi)(y1 < 0.f), zero, y1); }
        if (act == 2) { y0 = vf_sigmoid(y0); y1 = vf_sigmoid(y1); }
        if (act == 3) { y0 = vf_tanh(y0); y1 = vf_tanh(y1); }
        if (n == NR) { vf_store(c, y0); vf_store(c + VL, y1); }
        else { vf_storen(c, y0, n < VL ? n : VL); if (n > VL) vf_storen(c + VL, y1, n - VL); }
    }
}
#endif
