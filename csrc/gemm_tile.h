/* The micro-kernel: mr rows of A times a K x (nv vectors) panel of B, all sums in registers, and how sums end;
   transposition of VL x VL. */
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

/* How a sum over K ends: y = act((s + bias - mean) k + beta + rest), all but the sum optional, in the order and with the
   bits of the separate passes; rest lies as y does. Kinds, so that inner loops do not ask: 0 bias, 1 norm, 2 norm and rest,
   each with an activation that is a clamp; 3 bias and another activation; 4 nothing. */
typedef struct { const float *bias, *mean, *k, *beta, *rest; int act, kind, any; } sum_end;
typedef struct { vf bias, mean, k, beta, floor, top; } sum_cols;
static inline vf gemm_act(vf y, int act) {
    if (act == 1) return vf_sel((vi)(y < 0.f), (vf){0}, y);
    if (act == 2) return vf_sigmoid(y);
    if (act == 3) return vf_tanh(y);
    if (act == 4) { y = vf_sel((vi)(y < 0.f), (vf){0}, y); return vf_sel((vi)(y > 6.f), vf_set1(6.f), y); }
    return y;
}
static inline sum_end end_read(void *const *p, int64_t bias, int64_t norm, int64_t rest, int64_t act) {
    sum_end e = {0};
    if (bias) e.bias = *p++;
    if (norm) { e.mean = p[0]; e.k = p[1]; e.beta = p[2]; p += 3; }
    if (rest) e.rest = *p;
    e.act = (int)act; e.any = bias || norm || act;
    e.kind = !e.any ? 4 : act == 2 || act == 3 ? 3 : rest ? 2 : norm ? 1 : 0;
    return e;
}
static inline sum_cols end_cols(const sum_end *e, int64_t at, int64_t m) {         /* of m columns from `at` on */
    sum_cols c; c.bias = c.mean = c.k = c.beta = (vf){0};
    c.floor = vf_set1(e->act ? 0.f : -__builtin_inff()); c.top = vf_set1(e->act == 4 ? 6.f : __builtin_inff());
    m = m < VL ? m : VL;
    if (e->bias) c.bias = vf_loadn(e->bias + at, m);
    if (e->mean) { c.mean = vf_loadn(e->mean + at, m); c.k = vf_loadn(e->k + at, m); c.beta = vf_loadn(e->beta + at, m); }
    return c;
}
static inline __attribute__((always_inline)) vf end_of(const int kind, vf s, const sum_end *e, const sum_cols *c, int64_t at, int64_t m) {    /* y[at:at + m] */
    if (kind == 4) return s;
    s += c->bias;
    if (kind == 3) return gemm_act(s, e->act);
    if (kind) s = (s - c->mean) * c->k + c->beta;
    if (kind == 2) s += m >= VL ? vf_load(e->rest + at) : vf_loadn(e->rest + at, m);
    return vf_clamp(s, c->floor, c->top);
}
#define BY_KIND(kind, body) switch (kind) { case 0: body(0) break; case 1: body(1) break; case 2: body(2) break; case 3: body(3) break; default: body(4) }

/* c (+)= a b over k < K, in order; a[m][k] lies at a + m rs + k cs, row k of b at b + k ldb. With `pack` set the panel
   is written to `to` on the way (the first row of tiles packs it for the others), and the next panel is asked for.
   Every k also asks for the line at ask + k asks: what a later tile will read of A, which no prefetcher would guess.
   Whole vectors of c are written: an edge tile gets a buffer. With `e` set (kinds 0 to 2) the sums end here: c is
   y + at, column `col` on. */
static inline __attribute__((always_inline))
void gemm_tile(const int mr, const int nv, const int pack, int64_t K, const float *a, int64_t rs, int64_t cs,
               const float *b, int64_t ldb, float *to, float *c, int64_t ldc, int add,
               const float *ask, int64_t asks, const sum_end *e, int64_t col, int64_t at) {
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
    if (add) EACH for (int m = 0; m < mr; m++) EACH for (int v = 0; v < nv; v++) s[m][v] += vf_load(c + m * ldc + v * VL);
    if (e) EACH for (int v = 0; v < nv; v++) {
        const sum_cols w = end_cols(e, col + v * VL, VL);
#define END(kind) EACH for (int m = 0; m < mr; m++) s[m][v] = end_of(kind, s[m][v], e, &w, at + m * ldc + v * VL, VL);
        if (e->kind == 0) { END(0) } else if (e->kind == 1) { END(1) } else { END(2) }
#undef END
    }
    EACH for (int m = 0; m < mr; m++, c += ldc) EACH for (int v = 0; v < nv; v++) vf_store(c + v * VL, s[m][v]);
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
