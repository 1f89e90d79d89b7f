/* Batch normalisation of x[rows, C]. A task is one block of rows and one strip of channels; the blocks depend on the shape
   only, and their results are joined in order, so the bits do not depend on the threads. */
enum { NORM_SUB = 64, NORM_STRIP = 256 };       /* rows that stay in cache between two looks; channels of a strip */
static inline vf norm_get(const float *p, int64_t m) { return m >= VL ? vf_load(p) : vf_loadn(p, m); }
static inline void norm_set(float *p, vf v, int64_t m) { if (m >= VL) vf_store(p, v); else vf_storen(p, v, m); }
/* for every task: its rows [r0, r1), its first channel `col`, its vectors `w` of which the last holds `tail` lanes */
#define NORM_TASKS(rows, C, block)                                                                 \
    int64_t strips = (C + NORM_STRIP - 1) / NORM_STRIP, lo, hi;                                    \
    fd_share((rows + block - 1) / block * strips, 1, tid, nt, &lo, &hi);                           \
    for (int64_t t = lo; t < hi; t++) {                                                            \
        const int64_t b = t / strips, col = t % strips * NORM_STRIP, r0 = b * block, r1 = r0 + block < rows ? r0 + block : rows; \
        const int64_t left = C - col < NORM_STRIP ? C - col : NORM_STRIP, w = (left + VL - 1) / VL; (void)w;
#define M(j) (left - (j) * VL)                  /* lanes of vector j that exist */

/* Memory is quick only when it is read in its order: so it comes into the cache before columns are walked down. A call on
   few rows (see chain.c) finds them there. */
#define NORM_NEAR(rows, C) ((rows) * (C) <= 1 << 18)
static inline void norm_touch(const float *p, int64_t rows, int64_t C, int64_t n) {
    if (n == C) { n *= rows; rows = 1; }
    for (int64_t r = 0; r < rows; r++, p += C) for (int64_t k = 0; k < n; k += 16) (void)*(const volatile float *)(p + k);
}

/* g where 0 < v < top, else 0 */
static inline vf norm_passed(vf g, vf v, vf top) { return vf_sel((vi)(v > 0.f) & (vi)(v < top), g, vf_set1(0)); }

/* Chan's rule: two sets' means and sums of squared distances from them make those of their union. */
static inline void norm_union(vf *mean, vf *m2, float n, vf mean_b, vf m2_b, float m) {
    vf d = mean_b - *mean;
    *mean += d * (m / (n + m));
    *m2 += m2_b + d * d * (n * m / (n + m));
}

/* of n rows of one vector: the mean, and the sum of squared distances from it */
#define GET(p) (whole ? vf_load(p) : vf_loadn(p, m))
#define FOUR(of) for (; k + 4 <= n; k += 4) EACH for (int u = 0; u < 4; u++) { of(k + u, u) } for (; k < n; k++) { of(k, 0) }
static inline __attribute__((always_inline)) void norm_spread(const int whole, const float *q, int64_t n, int64_t C, int64_t m, vf *mean, vf *m2) {
    vf s[4], z[4]; EACH for (int u = 0; u < 4; u++) s[u] = z[u] = vf_set1(0);
    int64_t k = 0;
#define ADD(k, u) s[u] += GET(q + (k) * C);
    FOUR(ADD)
#undef ADD
    const vf own = ((s[0] + s[1]) + (s[2] + s[3])) / (float)n;
    k = 0;
#define ADD(k, u) vf d = GET(q + (k) * C) - own; z[u] += d * d;
    FOUR(ADD)
#undef ADD
    *mean = own; *m2 = (z[0] + z[1]) + (z[2] + z[3]);
}
/* of n rows of one vector: the sums of g and of g (x - mean); act: of g where norm_apply let (x - mean) k + beta pass */
static inline __attribute__((always_inline)) void norm_dots(const int whole, const int act, const float *g, const float *x, int64_t n, int64_t C, int64_t m,
                                                            vf mean, vf scale, vf beta, vf top, vf *sg, vf *sx) {
    vf p[4], q[4]; EACH for (int u = 0; u < 4; u++) p[u] = q[u] = vf_set1(0);
    int64_t k = 0;
#define ADD(k, u) vf h = GET(g + (k) * C), d = GET(x + (k) * C) - mean; if (act) h = norm_passed(h, d * scale + beta, top); p[u] += h; q[u] += h * d;
    FOUR(ADD)
#undef ADD
    *sg = (p[0] + p[1]) + (p[2] + p[3]); *sx = (q[0] + q[1]) + (q[2] + q[3]);
}
#undef FOUR
#undef GET

FD_KERNEL(batch_stats) {                        /* parts[blocks, 2, C] | x[rows, C] | rows, C, block | */
    float *parts = c->p[0]; const float *x = c->p[1]; const int64_t rows = c->i[0], C = c->i[1], block = c->i[2];
    NORM_TASKS(rows, C, block)
        for (int64_t r = r0; r < r1; r += NORM_SUB) {
            const int64_t n = r1 - r < NORM_SUB ? r1 - r : NORM_SUB;
            if (!NORM_NEAR(rows, C)) norm_touch(x + r * C + col, n, C, left);
            for (int64_t j = 0; j < w; j++) {
                float *to = parts + 2 * b * C + col + j * VL;
                vf own, z;
                if (M(j) >= VL) norm_spread(1, x + r * C + col + j * VL, n, C, M(j), &own, &z);
                else norm_spread(0, x + r * C + col + j * VL, n, C, M(j), &own, &z);
                vf mean = r > r0 ? norm_get(to, M(j)) : vf_set1(0), m2 = r > r0 ? norm_get(to + C, M(j)) : vf_set1(0);
                norm_union(&mean, &m2, (float)(r - r0), own, z, (float)n);
                norm_set(to, mean, M(j));
                norm_set(to + C, m2, M(j));
            }
        }
    }
}
FD_KERNEL(batch_stats_join) {                   /* mean[C], var[C] | parts[blocks, 2, C] | rows, C, block | */
    float *mean = c->p[0], *var = c->p[1]; const float *parts = c->p[2];
    const int64_t rows = c->i[0], C = c->i[1], block = c->i[2]; int64_t lo, hi;
    fd_share(C, 16, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k += VL) {
        vf a = vf_set1(0), z = a;
        for (int64_t b = 0, r = 0; r < rows; b++, r += block) {
            const float *p = parts + 2 * b * C + k;
            norm_union(&a, &z, (float)r, norm_get(p, hi - k), norm_get(p + C, hi - k), (float)(rows - r < block ? rows - r : block));
        }
        norm_set(mean + k, a, hi - k);
        norm_set(var + k, z / (float)rows, hi - k);
    }
}
FD_KERNEL(norm_scale) {                         /* k[C] | var[C], gamma[C] | C | epsilon: k = gamma / sqrt(var + epsilon) */
    float *k = c->p[0]; const float *var = c->p[1], *gamma = c->p[2]; int64_t lo, hi;
    fd_share(c->i[0], 16, tid, nt, &lo, &hi);
    for (int64_t j = lo; j < hi; j += VL) norm_set(k + j, norm_get(gamma + j, hi - j) / vf_sqrt(norm_get(var + j, hi - j) + (float)c->d[0]), hi - j);
}
/* act: 0 none, 1 relu, 2 relu6; where it lets pass, strictly between floor and top */
#define NORM_ACT(act) const vf floor_ = vf_set1((act) ? 0.f : -__builtin_inff()), top = vf_set1((act) == 2 ? 6.f : __builtin_inff());
FD_KERNEL(norm_apply) {                         /* y[rows, C] | x[rows, C], mean[C], k[C], beta[C] | rows, C, act |: y = act((x - mean) k + beta) */
    float *y = c->p[0]; const float *x = c->p[1], *mean = c->p[2], *k = c->p[3], *beta = c->p[4];
    const int64_t rows = c->i[0], C = c->i[1];
    NORM_ACT(c->i[2])
    NORM_TASKS(rows, C, NORM_SUB)
        for (int64_t r = r0; r < r1; r++) for (int64_t j = 0; j < left; j += VL) {
            const int64_t m = left - j, at = r * C + col + j; const float *q = &mean[col + j], *s = &k[col + j], *z = &beta[col + j];
            if (m >= VL) vf_store(y + at, vf_clamp((vf_load(x + at) - vf_load(q)) * vf_load(s) + vf_load(z), floor_, top));
            else vf_storen(y + at, vf_clamp((vf_loadn(x + at, m) - vf_loadn(q, m)) * vf_loadn(s, m) + vf_loadn(z, m), floor_, top), m);
        }
    }
}
FD_KERNEL(batch_norm_sums) {                    /* parts[blocks, 2, C] | g[rows, C], x[rows, C], mean[C], (k[C], beta[C]) | rows, C, block, act |: sums of g, g (x - mean) */
    float *parts = c->p[0]; const float *g = c->p[1], *x = c->p[2], *mean = c->p[3]; const int64_t rows = c->i[0], C = c->i[1], block = c->i[2], act = c->i[3];
    const float *scale = act ? c->p[4] : mean, *beta = act ? c->p[5] : mean;
    NORM_ACT(act) (void)floor_;
    NORM_TASKS(rows, C, block)
        for (int64_t r = r0; r < r1; r += NORM_SUB) {
            const int64_t end = r + NORM_SUB < r1 ? r + NORM_SUB : r1;
            if (!NORM_NEAR(rows, C)) { norm_touch(g + r * C + col, end - r, C, left); norm_touch(x + r * C + col, end - r, C, left); }
            for (int64_t j = 0; j < w; j++) {
                const int64_t at = r * C + col + j * VL, to_c = col + j * VL; vf own_g, own_x;
                const vf a = norm_get(mean + to_c, M(j)), k = norm_get(scale + to_c, M(j)), z = norm_get(beta + to_c, M(j));
                float *to = parts + 2 * b * C + to_c;
#define DOTS(whole, act) norm_dots(whole, act, g + at, x + at, end - r, C, M(j), a, k, z, top, &own_g, &own_x)
                if (M(j) >= VL) { if (act) DOTS(1, 1); else DOTS(1, 0); } else if (act) DOTS(0, 1); else DOTS(0, 0);
#undef DOTS
                const vf sg = r > r0 ? norm_get(to, M(j)) : vf_set1(0), sx = r > r0 ? norm_get(to + C, M(j)) : vf_set1(0);
                norm_set(to, sg + own_g, M(j));
                norm_set(to + C, sx + own_x, M(j));
            }
        }
    }
}
FD_KERNEL(batch_norm_join) {                    /* dgamma[C], dbeta[C], abc[3, C] | parts[blocks, 2, C], var[C], gamma[C] | rows, C, blocks | epsilon */
    float *dgamma = c->p[0], *dbeta = c->p[1], *abc = c->p[2]; const float *parts = c->p[3], *var = c->p[4], *gamma = c->p[5];
    const int64_t C = c->i[1]; const float n = (float)c->i[0]; int64_t lo, hi;
    fd_share(C, 16, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k += VL) {
        const int64_t m = hi - k; vf sg = vf_set1(0), sx = sg;
        for (int64_t b = 0; b < c->i[2]; b++) { sg += norm_get(parts + 2 * b * C + k, m); sx += norm_get(parts + (2 * b + 1) * C + k, m); }
        const vf inv = 1.f / vf_sqrt(norm_get(var + k, m) + (float)c->d[0]), a = norm_get(gamma + k, m) * inv, dg = sx * inv;
        norm_set(dgamma + k, dg, m); norm_set(dbeta + k, sg, m);
        norm_set(abc + k, a, m); norm_set(abc + C + k, -a * inv * dg / n, m); norm_set(abc + 2 * C + k, -a * sg / n, m);
    }
}
FD_KERNEL(batch_norm_grad) {                    /* dx[rows, C] | g, x, mean[C], abc[3, C], (k[C], beta[C]) | rows, C, act |: dx = a g + b (x - mean) + c */
    float *dx = c->p[0]; const float *g = c->p[1], *x = c->p[2], *mean = c->p[3], *abc = c->p[4]; const int64_t rows = c->i[0], C = c->i[1], act = c->i[2];
    const float *scale = act ? c->p[5] : mean, *beta = act ? c->p[6] : mean;
    NORM_ACT(act) (void)floor_;
#define DX(act, get) vf d = get(x + at) - get(mean + e), h = get(g + at); if (act) h = norm_passed(h, d * get(scale + e) + get(beta + e), top); \
                     h = h * get(abc + e) + (d * get(abc + C + e) + get(abc + 2 * C + e));
#define TAIL(p) vf_loadn(p, m)
#define GRAD_ROWS(act) for (int64_t r = r0; r < r1; r++) for (int64_t j = 0; j < left; j += VL) {                      \
            const int64_t m = left - j, e = col + j, at = r * C + e;                                            \
            if (m >= VL) { DX(act, vf_load) vf_store(dx + at, h); } else { DX(act, TAIL) vf_storen(dx + at, h, m); } }
    NORM_TASKS(rows, C, NORM_SUB)
        if (act) GRAD_ROWS(1) else GRAD_ROWS(0)
    }
#undef GRAD_ROWS
#undef TAIL
#undef DX
}
FD_KERNEL(moving_update) {                      /* v[n] | x[n] | n | momentum: v = momentum v + (1 - momentum) x */
    float *v = c->p[0]; const float *x = c->p[1]; const float a = (float)c->d[0], b = (float)(1 - c->d[0]); int64_t lo, hi;
    fd_share(c->i[0], 4096, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k += VL) norm_set(v + k, norm_get(v + k, hi - k) * a + norm_get(x + k, hi - k) * b, hi - k);
}
#undef M
