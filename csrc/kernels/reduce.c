/* Reductions over the middle of [outer, reduce, inner]. The order of additions depends on the shape only. */
#define REDUCE(name, first, step, scale)                                                          \
FD_KERNEL(name) {                     /* y[outer, inner] | x[outer, reduce, inner] | outer, reduce, inner */ \
    float *y = c->p[0]; const float *x = c->p[1];                                                 \
    int64_t outer = c->i[0], n = c->i[1], inner = c->i[2], lo, hi;                                \
    float by = scale; (void)by;                                                                   \
    if (inner == 1) {                                                                             \
        fd_share(outer, 1, tid, nt, &lo, &hi);                                                    \
        for (int64_t r = lo; r < hi; r++) {                                                       \
            const float *p = x + r * n; double total = 0; int64_t k = 0; int started = 0;         \
            float best = 0;                                                                       \
            for (; k < n; k += 4096) {              /* vector partial sums a block, blocks added in double */ \
                int64_t m = n - k < 4096 ? n - k : 4096;                                          \
                if (first) {                                                                      \
                    vf a = vf_set1(0.f), b = p[k] * vf_set1(0.f); (void)b;                        \
                    for (int64_t j = 0; j < m; j += VL) { vf v = m - j >= VL ? vf_load(p + k + j) : vf_loadn(p + k + j, m - j); a += v; } \
                    total += vf_sum(a);                                                           \
                } else for (int64_t j = 0; j < m; j++) { float v = p[k + j], u = best; best = !started ? v : step; started = 1; } \
            }                                                                                     \
            y[r] = first ? (float)(total * by) : best;                                            \
        }                                                                                         \
        return;                                                                                   \
    }                                                                                             \
    int64_t strips = (inner + 63) / 64;                                                           \
    fd_share(outer * strips, 1, tid, nt, &lo, &hi);                                               \
    for (int64_t t = lo; t < hi; t++) {                                                           \
        int64_t r = t / strips, from = t % strips * 64, m = inner - from < 64 ? inner - from : 64; \
        const float *p = x + r * n * inner + from; float acc[64] = {0}, part[64]; \
        for (int64_t k0 = 0; k0 < n; k0 += 256) {                                                 \
            int64_t k1 = k0 + 256 < n ? k0 + 256 : n;                                             \
            for (int j = 0; j < m; j++) part[j] = p[k0 * inner + j];                              \
            for (int64_t k = k0 + 1; k < k1; k++) for (int j = 0; j < m; j++) { float v = p[k * inner + j], u = part[j]; part[j] = step; } \
            for (int j = 0; j < m; j++) { float v = part[j], u = acc[j]; acc[j] = k0 ? step : v; } \
        }                                                                                         \
        for (int j = 0; j < m; j++) y[r * inner + from + j] = first ? acc[j] * by : acc[j];       \
    }                                                                                             \
}
REDUCE(sum, 1, u + v, 1.f)
REDUCE(mean, 1, u + v, 1.f / (float)n)
REDUCE(max, 0, (v > u || v != v ? v : u), 1.f)
REDUCE(min, 0, (v < u || v != v ? v : u), 1.f)
FD_KERNEL(argmax) {                   /* y int32[rows] | x[rows, n] | rows, n */
    int32_t *y = c->p[0]; const float *x = c->p[1];
    int64_t n = c->i[1], lo, hi; fd_share(c->i[0], 16, tid, nt, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const float *p = x + r * n; int64_t best = 0;
        for (int64_t k = 1; k < n; k++) if (p[k] > p[best]) best = k;
        y[r] = (int32_t)best;
    }
}
