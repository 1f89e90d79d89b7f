/* Pooling over up to three spatial axes, channels last. A task is one (sample, depth) slab or one (sample, channels)
   strip; windows are walked in order, so the bits do not depend on the threads. */
typedef struct { int64_t N, C, in[3], out[3], size[3], step[3], pad[3]; } pool_shape;
static inline pool_shape pool_read(const fd_call *c) {
    pool_shape s; s.N = c->i[0]; s.C = c->i[1];
    for (int k = 0; k < 3; k++) {
        s.in[k] = c->i[2 + k]; s.out[k] = c->i[5 + k]; s.size[k] = c->i[8 + k]; s.step[k] = c->i[11 + k]; s.pad[k] = c->i[14 + k];
    }
    return s;
}
/* first and end of window o along axis k, cut at the borders */
static inline void pool_range(const pool_shape *s, int k, int64_t o, int64_t *a, int64_t *b) {
    int64_t from = o * s->step[k] - s->pad[k], to = from + s->size[k];
    *a = from < 0 ? 0 : from;
    *b = to > s->in[k] ? s->in[k] : to;
}
#define WINDOW(od, oh, ow)                                                                          \
    int64_t d0, d1, h0, h1, w0, w1;                                                                 \
    pool_range(&s, 0, od, &d0, &d1); pool_range(&s, 1, oh, &h0, &h1); pool_range(&s, 2, ow, &w0, &w1);
#define EACH_PIXEL                                                                                  \
    for (int64_t d = d0; d < d1; d++) for (int64_t h = h0; h < h1; h++) for (int64_t w = w0; w < w1; w++)
#define AT(d, h, w) ((((n * s.in[0] + (d)) * s.in[1] + (h)) * s.in[2] + (w)) * s.C)

#define POOL(name, start, step, finish)                                                             \
FD_KERNEL(name) {          /* y[N, out, C] | x[N, in, C] | N, C, in[3], out[3], size[3], step[3], pad[3] */ \
    const pool_shape s = pool_read(c); float *y = c->p[0]; const float *x = c->p[1]; int64_t lo, hi; \
    fd_share(s.N * s.out[0] * s.out[1], 1, tid, nt, &lo, &hi);                                      \
    for (int64_t t = lo; t < hi; t++) {                                                             \
        int64_t n = t / (s.out[0] * s.out[1]), od = t / s.out[1] % s.out[0], oh = t % s.out[1];     \
        for (int64_t ow = 0; ow < s.out[2]; ow++) {                                                 \
            WINDOW(od, oh, ow)                                                                      \
            float *to = y + (t * s.out[2] + ow) * s.C;                                              \
            float count = (float)((d1 - d0) * (h1 - h0) * (w1 - w0)); (void)count;                  \
            const float *from = x + AT(d0, h0, w0);                                                 \
            const int64_t row = s.in[2] * s.C, plane = s.in[1] * row, four = d1 - d0 == 1 && h1 - h0 == 2 && w1 - w0 == 2; \
            for (int64_t k = 0; k < s.C; k += VL) {                                                 \
                int64_t m = s.C - k; vf a = vf_set1(start), v;                                      \
                const float *p = from + k;                                                          \
                if (four && m >= VL) {                                                              \
                    v = vf_load(p); a = step; v = vf_load(p + s.C); a = step;                       \
                    v = vf_load(p + row); a = step; v = vf_load(p + row + s.C); a = step;           \
                } else for (int64_t d = d0; d < d1; d++, p += plane - (h1 - h0) * row)              \
                    for (int64_t h = h0; h < h1; h++, p += row - (w1 - w0) * s.C)                   \
                        for (int64_t w = w0; w < w1; w++, p += s.C) { v = m >= VL ? vf_load(p) : vf_loadn(p, m); a = step; } \
                a = finish;                                                                         \
                if (m >= VL) vf_store(to + k, a); else vf_storen(to + k, a, m);                     \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
}
POOL(max_pool, -INFINITY, vf_max(a, v), a)
POOL(average_pool, 0.f, a + v, a / count)

/* Windows that lie side by side: every dx is written once, in the order of memory. */
#define POOL_SPREAD(name, before, inside)                                                           \
static void name(const fd_call *c, int tid, int nt, pool_shape s) {                                 \
    float *dx = c->p[0]; const float *g = c->p[1]; int64_t lo, hi;                                  \
    fd_share(s.N * s.in[0], 1, tid, nt, &lo, &hi);                                                  \
    for (int64_t t = lo; t < hi; t++) {                                                             \
        int64_t n = t / s.in[0], d = t % s.in[0], od = (d + s.pad[0]) / s.size[0];                  \
        for (int64_t oh = 0; oh <= s.out[1]; oh++) {         /* the last: rows behind every window */ \
            int64_t w0, w1, h0, h1, d0, d1;                                                         \
            pool_range(&s, 0, od, &d0, &d1); pool_range(&s, 1, oh, &h0, &h1);                       \
            if (oh == s.out[1]) h1 = s.in[1];                                                       \
            if (od == s.out[0] || oh == s.out[1]) {                                                 \
                if (h0 < h1) memset(dx + AT(d, h0, 0), 0, (size_t)((h1 - h0) * s.in[2] * s.C) * 4); \
                continue;                                                                           \
            }                                                                                       \
            for (int64_t ow = 0; ow < s.out[2]; ow++) {                                             \
                pool_range(&s, 2, ow, &w0, &w1);                                                    \
                int64_t q = (((n * s.out[0] + od) * s.out[1] + oh) * s.out[2] + ow) * s.C;          \
                float count = (float)((d1 - d0) * (h1 - h0) * (w1 - w0)); (void)count;              \
                for (int64_t k = 0; k < s.C; k += VL) {                                             \
                    int64_t m = s.C - k, o = q + k; vf gv = m >= VL ? vf_load(g + o) : vf_loadn(g + o, m); before \
                    for (int64_t h = h0; h < h1; h++) for (int64_t w = w0; w < w1; w++) {           \
                        int64_t i = AT(d, h, w) + k; vf v = vf_set1(0.f); inside                    \
                        if (m >= VL) vf_store(dx + i, v); else vf_storen(dx + i, v, m);             \
                    }                                                                               \
                }                                                                                   \
            }                                                                                       \
            pool_range(&s, 2, s.out[2], &w0, &w1);                                                  \
            if (w0 < s.in[2]) for (int64_t h = h0; h < h1; h++) memset(dx + AT(d, h, w0), 0, (size_t)((s.in[2] - w0) * s.C) * 4); \
        }                                                                                           \
    }                                                                                               \
}
#define BESIDE (s.size[0] == s.step[0] && s.size[1] == s.step[1] && s.size[2] == s.step[2])

/* dx of one (sample, strip of channels) at a time: windows may overlap, so a strip has one writer */
#define POOL_GRAD(name, alone, before, inside)                                                      \
POOL_SPREAD(name##_beside, before, inside)                                                          \
FD_KERNEL(name) {          /* dx[N, in, C] | g[N, out, C], (x, y) | N, C, in[3], out[3], size[3], step[3], pad[3] */ \
    const pool_shape s = pool_read(c); float *dx = c->p[0]; const float *g = c->p[1]; int64_t lo, hi; \
    enum { STRIP = 4 * VL };                                                                        \
    if (BESIDE && (alone)) { name##_beside(c, tid, nt, s); return; }                                \
    int64_t strips = (s.C + STRIP - 1) / STRIP, outs = s.out[0] * s.out[1] * s.out[2], ins = s.in[0] * s.in[1] * s.in[2]; \
    fd_share(s.N * strips, 1, tid, nt, &lo, &hi);                                                   \
    for (int64_t t = lo; t < hi; t++) {                                                             \
        int64_t n = t / strips, from = t % strips * STRIP, to = from + STRIP < s.C ? from + STRIP : s.C; \
        for (int64_t q = 0; q < ins; q++) memset(dx + (n * ins + q) * s.C + from, 0, (size_t)(to - from) * 4); \
        for (int64_t q = 0; q < outs; q++) {                                                        \
            WINDOW(q / (s.out[1] * s.out[2]), q / s.out[2] % s.out[1], q % s.out[2])                \
            float count = (float)((d1 - d0) * (h1 - h0) * (w1 - w0)); (void)count;                  \
            for (int64_t k = from; k < to; k += VL) {                                               \
                int64_t m = to - k, o = (n * outs + q) * s.C + k;                                   \
                vf gv = m >= VL ? vf_load(g + o) : vf_loadn(g + o, m); before                       \
                EACH_PIXEL {                                                                        \
                    int64_t i = AT(d, h, w) + k; vf v = m >= VL ? vf_load(dx + i) : vf_loadn(dx + i, m); inside \
                    if (m >= VL) vf_store(dx + i, v); else vf_storen(dx + i, v, m);                 \
                }                                                                                   \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
}
POOL_GRAD(average_pool_grad, 1, gv /= count;, v += gv;)
/* the first pixel that holds the maximum takes the gradient; none where relu made x and the maximum is not above zero */
POOL_GRAD(max_pool_grad, s.size[0] == 1,      /* in three dimensions the first hit may lie in another plane */
    const float *x = c->p[2]; const float *y = c->p[3]; vf top = m >= VL ? vf_load(y + o) : vf_loadn(y + o, m); vi open = c->i[17] ? (vi)(top > 0.f) : ~(vi){0};,
    vf xv = m >= VL ? vf_load(x + i) : vf_loadn(x + i, m); vi hit = (vi)(xv == top) & open; open &= ~hit;
    v += (vf)((vi)gv & hit);)
#undef WINDOW
#undef EACH_PIXEL
#undef AT
