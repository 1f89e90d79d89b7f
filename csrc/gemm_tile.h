/* The micro-kernel: mr rows of A times a K x (nv vectors) panel of B, all sums in registers; transposition of VL x VL. */
#ifndef FD_GEMM_TILE_H
#define FD_GEMM_TILE_H
#include "vec.h"
#if VB == 64
enum { MR = 12, MR1 = 12 };          /* rows of a tile two vectors wide, of a tile one vector wide */
#elif VB == 32
enum { MR = 6, MR1 = 12 };
#else
enum { MR = 4, MR1 = 8 };
#endif
enum { NR = 2 * VL, MR_MAX = 12 };
/* -O2 alone would keep the sums in memory and count the rows */
#ifdef __clang__
#define EACH _Pragma("clang loop unroll(full)")
#else
#define EACH _Pragma("GCC unroll 16")
#endif

/* c (+)= a b over k < K, in order; a[m][k] lies at a + m rs + k cs, row k of b at b + k ldb. With `pack` set the panel
   is written to `to` on the way (the first row of tiles packs it for the others), and the next panel is asked for.
   Every k also asks for the line at ask + k asks: what a later tile will read of A, which no prefetcher would guess.
   Whole vectors of c are written: an edge tile gets a buffer. */
static inline __attribute__((always_inline))
void gemm_tile(const int mr, const int nv, const int pack, int64_t K, const float *a, int64_t rs, int64_t cs,
               const float *b, int64_t ldb, float *to, float *c, int64_t ldc, int add,
               const float *ask, int64_t asks) {
    vf s[MR_MAX][2];
    const float *g[MR_MAX / 3 + 1];                     /* one address for three rows: the others are +rs, +2rs */
    EACH for (int m = 0; m < mr; m++) {
        EACH for (int v = 0; v < nv; v++) s[m][v] = (vf){0};
        if (m % 3 == 0) g[m / 3] = a + m * rs;
    }
    for (int64_t k = 0; k < K; k++) {
        vf y[2];
        EACH for (int v = 0; v < nv; v++) {
            y[v] = vf_load(b + v * VL);
            if (pack) { vf_store(to + v * VL, y[v]); __builtin_prefetch(b + NR + v * VL, 0, 2); }
        }
        EACH for (int m = 0; m < mr; m++) {
            float x = g[m / 3][m % 3 * rs];
            EACH for (int v = 0; v < nv; v++) s[m][v] += y[v] * x;
        }
        EACH for (int m = 0; m < mr; m += 3) g[m / 3] += cs;
        __builtin_prefetch(ask);
        ask += asks;
        b += ldb;
        if (pack) to += NR;
    }
    EACH for (int m = 0; m < mr; m++, c += ldc)
        EACH for (int v = 0; v < nv; v++) vf_store(c + v * VL, add ? vf_load(c + v * VL) + s[m][v] : s[m][v]);
}

#define LO_(w, l) ((l) & (w) ? VL + (l) - (w) : (l))
#define HI_(w, l) ((l) & (w) ? VL + (l) : (l) + (w))
#define FOUR_(f, w, l) f(w, l), f(w, l + 1), f(w, l + 2), f(w, l + 3)
#if VB == 64
#define LANES_(f, w) FOUR_(f, w, 0), FOUR_(f, w, 4), FOUR_(f, w, 8), FOUR_(f, w, 12)
#elif VB == 32
#define LANES_(f, w) FOUR_(f, w, 0), FOUR_(f, w, 4)
#else
#define LANES_(f, w) FOUR_(f, w, 0)
#endif
#ifdef __clang__
#define PICK_(a, b, f, w) __builtin_shufflevector(a, b, LANES_(f, w))
#else
#define PICK_(a, b, f, w) __builtin_shuffle(a, b, (vi){LANES_(f, w)})
#endif
/* Blocks of w x w off the diagonal change places, for w = 1, 2, 4, 8. */
#define SWAP_(w) EACH for (int i = 0; i < VL; i++) if (!(i & w)) { \
    vf p = PICK_(r[i], r[i + w], LO_, w), q = PICK_(r[i], r[i + w], HI_, w); r[i] = p; r[i + w] = q; }
static inline __attribute__((always_inline)) void vf_transpose(vf *r) {
    SWAP_(1)
    SWAP_(2)
#if VB >= 32
    SWAP_(4)
#endif
#if VB >= 64
    SWAP_(8)
#endif
}
#endif
