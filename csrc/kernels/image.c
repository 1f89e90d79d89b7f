/* Images: a banded matrix along one axis (every resize), and the projective warp (rotation, zoom, shear, perspective). */
/* One row of m pixels of c channels, k taps each; c is a constant where this is inlined, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void resample_row(float *y, const float *x, const float *w, const int32_t *at,
                                                               int64_t lo, int64_t hi, int64_t k, const int c) {
    for (int64_t i = lo; i < hi; i++) {
        const float *p = x + at[i] * c, *v = w + i * k;
        float s[4];
        for (int j = 0; j < c; j++) s[j] = p[j] * v[0];
        for (int64_t t = 1; t < k; t++) for (int j = 0; j < c; j++) s[j] += p[t * c + j] * v[t];
        for (int j = 0; j < c; j++) y[i * c + j] = s[j];
    }
}
FD_KERNEL(resample) {                 /* y[outer, m, inner] | x[outer, n, inner], w[m, k], at[m] | outer, n, m, inner, k */
    int64_t n = c->i[1], m = c->i[2], inner = c->i[3], k = c->i[4], lo, hi;
    const int32_t *at = c->p[3];
    for (int64_t i = 0; i < m; i++) if (at[i] < 0 || at[i] + k > n) { fd_fail(c, FD_BAD_INDEX, at[i]); return; }
    fd_share(c->i[0] * m, 16, tid, nt, &lo, &hi);
    for (int64_t r = lo, o = lo / m; r < hi; o++) {
        int64_t first = r - o * m, last = hi - o * m < m ? hi - o * m : m;
        const float *w = c->p[2], *x = (float *)c->p[1] + o * n * inner;
        float *y = (float *)c->p[0] + o * m * inner;
        r = o * m + last;
        if (inner <= 4) {
            if (inner == 1) { if (k == 2) resample_row(y, x, w, at, first, last, 2, 1); else resample_row(y, x, w, at, first, last, k, 1); }
            if (inner == 2) resample_row(y, x, w, at, first, last, k, 2);
            if (inner == 3) {
                if (k == 2) resample_row(y, x, w, at, first, last, 2, 3);
                else if (k == 4) resample_row(y, x, w, at, first, last, 4, 3);
                else resample_row(y, x, w, at, first, last, k, 3);
            }
            if (inner == 4) resample_row(y, x, w, at, first, last, k, 4);
            continue;
        }
        for (int64_t i = first; i < last; i++) {
            const float *p = x + at[i] * inner, *v = w + i * k;
            float *q = y + i * inner;
            int64_t j = 0;
            for (; j + VL <= inner; j += VL) {
                vf s = vf_load(p + j) * v[0];
                for (int64_t t = 1; t < k; t++) s += vf_load(p + t * inner + j) * v[t];
                vf_store(q + j, s);
            }
            for (; j < inner; j++) {
                float s = p[j] * v[0];
                for (int64_t t = 1; t < k; t++) s += p[t * inner + j] * v[t];
                q[j] = s;
            }
        }
    }
}
FD_KERNEL(resample_grad) {            /* dx[outer, n, inner] | g[outer, m, inner], w[m, k], at[m] | outer, n, m, inner, k */
    int64_t n = c->i[1], m = c->i[2], inner = c->i[3], k = c->i[4], lo, hi;
    const int32_t *at = c->p[3];
    fd_share(c->i[0], 1, tid, nt, &lo, &hi);
    for (int64_t o = lo; o < hi; o++) {
        float *dx = (float *)c->p[0] + o * n * inner;
        for (int64_t j = 0; j < n * inner; j++) dx[j] = 0.f;
        for (int64_t i = 0; i < m; i++) {
            if (at[i] < 0 || at[i] + k > n) { fd_fail(c, FD_BAD_INDEX, at[i]); return; }
            const float *g = (float *)c->p[1] + (o * m + i) * inner, *w = (float *)c->p[2] + i * k;
            for (int64_t t = 0; t < k; t++) {
                float *d = dx + (at[i] + t) * inner;
                for (int64_t j = 0; j < inner; j++) d[j] += g[j] * w[t];
            }
        }
    }
}

enum { EDGE_CONSTANT, EDGE_NEAREST, EDGE_WRAP, EDGE_MIRROR, EDGE_REFLECT };
/* The pixel that stands at index k of an axis of n, or -1 for the fill value. */
static inline int64_t edge(int64_t k, int64_t n, int64_t mode) {
    if (k >= 0 && k < n) return k;
    if (mode == EDGE_CONSTANT) return -1;
    if (mode == EDGE_NEAREST || n == 1) return k < 0 ? 0 : n - 1;
    int64_t period = mode == EDGE_WRAP ? n : mode == EDGE_MIRROR ? 2 * n - 2 : 2 * n;
    k %= period;
    if (k < 0) k += period;
    return k < n ? k : mode == EDGE_MIRROR ? period - k : period - 1 - k;
}
/* The product rounded by itself: a fused multiply-add would send some ties of the nearest pixel to the other side. */
static inline float apart(float a, float b) { return (float)((double)a * b); }
static inline float sane(float v) { return v > -1e8f ? (v < 1e8f ? v : 1e8f) : -1e8f; }       /* NaN too becomes a number */

FD_KERNEL(warp) {                     /* y[b, h, w, c] | x[b, h, w, c], m[b or 1, 8] | b, h, w, c, matrices, order, mode | fill */
    int64_t h = c->i[1], w = c->i[2], ch = c->i[3], mode = c->i[6], lo, hi;
    float fill = (float)c->d[0];
    fd_share(c->i[0] * h, 4, tid, nt, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        int64_t b = r / h;
        const float *x = (float *)c->p[1] + b * h * w * ch, *m = (float *)c->p[2] + (c->i[4] > 1 ? b : 0) * 8;
        float *y = (float *)c->p[0] + r * w * ch, row = (float)(r % h);
        float u1r = apart(m[1], row), v1r = apart(m[4], row), k1r = apart(m[7], row);
        for (int64_t q = 0; q < w; q++, y += ch) {
            float col = (float)q, k = apart(m[6], col) + k1r + 1.f;
            float u = sane((apart(m[0], col) + u1r + m[2]) / k), v = sane((apart(m[3], col) + v1r + m[5]) / k);
            if (!c->i[5]) {
                int64_t iu = edge((int64_t)(u < 0 ? u - 0.5f : u + 0.5f), w, mode), iv = edge((int64_t)(v < 0 ? v - 0.5f : v + 0.5f), h, mode);
                for (int64_t j = 0; j < ch; j++) y[j] = iu < 0 || iv < 0 ? fill : x[(iv * w + iu) * ch + j];
                continue;
            }
            float fu = __builtin_floorf(u), fv = __builtin_floorf(v), tu = u - fu, tv = v - fv;
            int64_t u0 = (int64_t)fu, v0 = (int64_t)fv, u1 = u0 + 1, v1 = v0 + 1;
            if (u0 < 0 || u1 >= w || v0 < 0 || v1 >= h) {
                u0 = edge(u0, w, mode); u1 = edge(u1, w, mode); v0 = edge(v0, h, mode); v1 = edge(v1, h, mode);
            }
            float w00 = (1.f - tv) * (1.f - tu), w01 = (1.f - tv) * tu, w10 = tv * (1.f - tu), w11 = tv * tu;
            if (u0 < 0 || u1 < 0 || v0 < 0 || v1 < 0) {
                for (int64_t j = 0; j < ch; j++)
                    y[j] = w00 * (u0 < 0 || v0 < 0 ? fill : x[(v0 * w + u0) * ch + j]) + w01 * (u1 < 0 || v0 < 0 ? fill : x[(v0 * w + u1) * ch + j])
                         + w10 * (u0 < 0 || v1 < 0 ? fill : x[(v1 * w + u0) * ch + j]) + w11 * (u1 < 0 || v1 < 0 ? fill : x[(v1 * w + u1) * ch + j]);
                continue;
            }
            const float *a = x + (v0 * w + u0) * ch, *e = x + (v0 * w + u1) * ch, *f = x + (v1 * w + u0) * ch, *g = x + (v1 * w + u1) * ch;
            for (int64_t j = 0; j < ch; j++) y[j] = w00 * a[j] + w01 * e[j] + w10 * f[j] + w11 * g[j];
        }
    }
}
