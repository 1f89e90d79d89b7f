/* Reductions over the middle of [outer, n, inner], cut into parts of `chunk`: y[outer, parts, inner]. The order of
   additions depends on the shape only. A long reduction is two calls: parts into scratch, then the parts in order. */
enum { RED_FOLD = 256, RED_WIDE = VB == 64 ? 4 : 8 };

static inline float one_f(float x) { return x; }
static inline int32_t one_i(int32_t x) { return x; }
static inline int32_t one_b(uint8_t x) { return x != 0; }
static inline vi only(int64_t n) { return vi_iota() < (int32_t)n; }      /* the first n lanes */
#define choose_f vf_sel
#define choose_i vi_sel
#define choose_b vi_sel

/* in, out: kinds of element. Wide: type of a row's total. read(v): what is reduced. first: the neutral element (may use
   *p, a row's first element). vstep/step: u with v. finish(t): the result of a total t. */
#define REDUCE(name, in, out, Wide, read, first, vstep, step, finish)                             \
static inline T_##out name##_row(const T_##in *p, int64_t n, int64_t total) {                     \
    Wide sum = 0; (void)total;                                                                    \
    for (int64_t k = 0; k < n; k += 4096) {             /* vector partial results a block, blocks in order */ \
        int64_t m = n - k < 4096 ? n - k : 4096, j = 0;                                           \
        const T_##in *q = p + k;                                                                  \
        T_##out u = first;                                                                        \
        if (m >= 4 * VL) {                                                                        \
            V_##out a[4], neutral = all_##out(u), v, w;                                           \
            for (int i = 0; i < 4; i++) a[i] = neutral;                                           \
            for (; j + 4 * VL <= m; j += 4 * VL)                                                  \
                for (int i = 0; i < 4; i++) { V_##out u = a[i]; v = read(load_##in(q + j + i * VL)); a[i] = vstep; } \
            for (; j < m; j += VL) {                                                              \
                int64_t left = m - j < VL ? m - j : VL;                                           \
                v = choose_##out(only(left), read(left == VL ? load_##in(q + j) : loadn_##in(q + j, left)), neutral); \
                V_##out u = a[0]; a[0] = vstep;                                                   \
            }                                                                                     \
            for (int i = 0; i < 2; i++) { V_##out u = a[i]; v = a[i + 2]; a[i] = vstep; }         \
            { V_##out u = a[0]; v = a[1]; w = vstep; }                                            \
            T_##out lane[VL]; store_##out(lane, w);                                               \
            for (int h = VL / 2; h; h /= 2) for (int i = 0; i < h; i++) { T_##out u = lane[i], v = lane[i + h]; lane[i] = step; } \
            u = lane[0];                                                                          \
        } else for (; j < m; j++) { T_##out v = read(one_##in(q[j])); u = step; }                 \
        if (k) { Wide v = u, u = sum; sum = step; } else sum = u;                                 \
    }                                                                                             \
    Wide t = sum;                                                                                 \
    return (T_##out)(finish);                                                                     \
}                                                                                                 \
static inline V_##out name##_lanes(const T_##in *p, int64_t k, int64_t to, int64_t inner, int64_t m) { \
    V_##out a[4], v;                                    /* four chains, so that additions overlap */ \
    int64_t chains = to - k < 4 ? to - k : 4;                                                     \
    for (int i = 0; i < chains; i++) a[i] = read(m == VL ? load_##in(p + (k + i) * inner) : loadn_##in(p + (k + i) * inner, m)); \
    for (k += chains; k + 4 <= to; k += 4)                                                        \
        for (int i = 0; i < 4; i++) { V_##out u = a[i]; v = read(m == VL ? load_##in(p + (k + i) * inner) : loadn_##in(p + (k + i) * inner, m)); a[i] = vstep; } \
    for (; k < to; k++) { V_##out u = a[0]; v = read(m == VL ? load_##in(p + k * inner) : loadn_##in(p + k * inner, m)); a[0] = vstep; } \
    for (int i = 1; i < chains; i++) { V_##out u = a[0]; v = a[i]; a[0] = vstep; }                 \
    return a[0];                                                                                  \
}                                                                                                 \
FD_KERNEL(name) {              /* y[outer, parts, inner] | x[outer, n, inner] | outer, n, inner, chunk, total | */ \
    T_##out *y = c->p[0]; const T_##in *x = c->p[1];                                              \
    int64_t outer = c->i[0], n = c->i[1], inner = c->i[2], chunk = c->i[3], total = c->i[4], lo, hi; \
    int64_t parts = chunk >= n ? 1 : (n + chunk - 1) / chunk;                                     \
    if (inner == 1) {                                                                             \
        fd_share(outer * parts, 1, tid, nt, &lo, &hi);                                            \
        for (int64_t t = lo; t < hi; t++) {                                                       \
            int64_t r = parts == 1 ? t : t / parts, from = (t - r * parts) * chunk;               \
            y[t] = name##_row(x + r * n + from, n - from < chunk ? n - from : chunk, total);      \
        }                                                                                         \
        return;                                                                                   \
    }                                                                                             \
    int64_t wide = RED_WIDE * VL, strips = (inner + wide - 1) / wide;                             \
    fd_share(outer * parts * strips, 1, tid, nt, &lo, &hi);                                       \
    for (int64_t task = lo; task < hi; task++) {                                                  \
        int64_t rp = task / strips, col = task % strips * wide, r = rp / parts, from = rp % parts * chunk; \
        int64_t to = n - from < chunk ? n : from + chunk, m = inner - col < wide ? inner - col : wide; \
        const T_##in *p = x + r * n * inner + col;                                                \
        V_##out acc[RED_WIDE], v;                                                                 \
        for (int64_t k = from; k < to; k += RED_FOLD) {                                           \
            int64_t end = k + RED_FOLD < to ? k + RED_FOLD : to;                                  \
            V_##out part[RED_WIDE];                                                               \
            if (m == wide) {                                                                      \
                for (int i = 0; i < RED_WIDE; i++) part[i] = read(load_##in(p + k * inner + i * VL)); \
                for (int64_t q = k + 1; q < end; q++)                                             \
                    for (int i = 0; i < RED_WIDE; i++) { V_##out u = part[i]; v = read(load_##in(p + q * inner + i * VL)); part[i] = vstep; } \
            } else                                                                                \
                for (int i = 0; i * VL < m; i++) part[i] = name##_lanes(p + i * VL, k, end, inner, m - i * VL < VL ? m - i * VL : VL); \
            for (int i = 0; i * VL < m; i++) { V_##out u = acc[i]; v = part[i]; acc[i] = k == from ? v : vstep; } \
        }                                                                                         \
        for (int i = 0; i * VL < m; i++) {                                                        \
            int64_t left = m - i * VL;                                                            \
            V_##out t = acc[i], z = (V_##out)(finish);                                            \
            T_##out *to_ = y + rp * inner + col + i * VL;                                         \
            if (left >= VL) store_##out(to_, z); else storen_##out(to_, z, left);                 \
        }                                                                                         \
    }                                                                                             \
}
#define IS(v) (v)
#define SQUARE(v) ({ __auto_type v_ = (v); v_ * v_; })
#define COUNT(v) ((v) & 1)
static inline float max1(float u, float v) { return v > u || v != v ? v : u; }
static inline float min1(float u, float v) { return v < u || v != v ? v : u; }
REDUCE(sum, f, f, double, IS, 0.f, u + v, u + v, t)
REDUCE(mean, f, f, double, IS, 0.f, u + v, u + v, t / (float)total)
REDUCE(sum_squares, f, f, double, SQUARE, 0.f, u + v, u + v, t)
REDUCE(prod, f, f, double, IS, 1.f, u * v, u * v, t)
REDUCE(max, f, f, float, IS, *q, vf_max(u, v), max1(u, v), t)
REDUCE(min, f, f, float, IS, *q, vf_min(u, v), min1(u, v), t)
REDUCE(sum_i32, i, i, int32_t, IS, 0, (vi)((vu)u + (vu)v), (int32_t)((uint32_t)u + (uint32_t)v), t)
REDUCE(max_i32, i, i, int32_t, IS, *q, vi_sel(v > u, v, u), v > u ? v : u, t)
REDUCE(min_i32, i, i, int32_t, IS, *q, vi_sel(v < u, v, u), v < u ? v : u, t)
REDUCE(sum_bool, b, i, int32_t, COUNT, 0, u + v, u + v, t)
REDUCE(any, b, b, uint8_t, IS, 0, u | v, u | v, t)
REDUCE(all, b, b, uint8_t, IS, 1, u & v, u & v, t)

/* better: v's lane (or v) wins over u's; ties keep the lower index, NaN wins over numbers as in NumPy */
#define ARG(name, in, better)                                                                     \
FD_KERNEL(name) {                     /* y int32[outer, inner] | x[outer, n, inner] | outer, n, inner | */ \
    int32_t *y = c->p[0]; const T_##in *x = c->p[1];                                              \
    int64_t n = c->i[1], inner = c->i[2], strips = (inner + VL - 1) / VL, lo, hi;                 \
    fd_share(c->i[0] * strips, 1, tid, nt, &lo, &hi);                                             \
    for (int64_t t = lo; t < hi; t++) {                                                           \
        const T_##in *p = x + t / strips * n * inner + t % strips * VL;                           \
        if (inner == 1) {                                                                         \
            T_##in u = *p; int32_t best = 0; int64_t k = 1;                                       \
            if (n >= 2 * VL) {                                                                    \
                V_##in a = load_##in(p); vi at = vi_iota(), now = at;                             \
                for (k = VL; k + VL <= n; k += VL) {                                              \
                    now += VL;                                                                    \
                    V_##in u = a, v = load_##in(p + k); vi m = (vi)(better);                      \
                    a = choose_##in(m, v, a); at = vi_sel(m, now, at);                            \
                }                                                                                 \
                T_##in lane[VL]; int32_t where[VL]; store_##in(lane, a); vi_store(where, at);     \
                u = lane[0]; best = where[0];                                                     \
                for (int j = 1; j < VL; j++) {                                                    \
                    T_##in v = lane[j]; int wins = (better) != 0;                                 \
                    T_##in w = u; u = v; v = w;                                                   \
                    int loses = (better) != 0;                                                    \
                    if (wins || (!loses && where[j] < best)) best = where[j]; else u = w;         \
                }                                                                                 \
            }                                                                                     \
            for (; k < n; k++) { T_##in v = p[k]; int now = (better) != 0; u = now ? v : u; best = now ? (int32_t)k : best; } \
            y[t] = best;                                                                          \
            continue;                                                                             \
        }                                                                                         \
        int64_t m = inner - t % strips * VL < VL ? inner - t % strips * VL : VL;                  \
        V_##in u = loadn_##in(p, m); vi best = {0};                                               \
        for (int64_t k = 1; k < n; k++) {                                                         \
            V_##in v = loadn_##in(p + k * inner, m); vi now = (vi)(better);                       \
            u = choose_##in(now, v, u); best = vi_sel(now, vi_set1((int32_t)k), best);            \
        }                                                                                         \
        vi_storen(y + t / strips * inner + t % strips * VL, best, m);                             \
    }                                                                                             \
}
ARG(argmax, f, (v > u) | ((v != v) & (u == u)))
ARG(argmin, f, (v < u) | ((v != v) & (u == u)))
ARG(argmax_i32, i, v > u)
ARG(argmin_i32, i, v < u)

/* y[k] = x[0] o ... o x[k] along the middle of [outer, n, inner] */
#define SCAN(name, in, Wide, op)                                                                  \
FD_KERNEL(name) {                     /* y[outer, n, inner] | x[outer, n, inner] | outer, n, inner | */ \
    T_##in *y = c->p[0]; const T_##in *x = c->p[1];                                               \
    int64_t n = c->i[1], inner = c->i[2], strips = (inner + VL - 1) / VL, lo, hi;                 \
    fd_share(c->i[0] * strips, 1, tid, nt, &lo, &hi);                                             \
    for (int64_t t = lo; t < hi; t++) {                                                           \
        int64_t at = t / strips * n * inner + t % strips * VL, m = inner - t % strips * VL < VL ? inner - t % strips * VL : VL; \
        if (inner == 1) {                                                                         \
            Wide u = x[at]; y[at] = (T_##in)u;                                                    \
            for (int64_t k = at + 1; k < at + n; k++) { u = u op (Wide)x[k]; y[k] = (T_##in)u; }   \
            continue;                                                                             \
        }                                                                                         \
        V_##in u = loadn_##in(x + at, m); storen_##in(y + at, u, m);                              \
        for (int64_t k = 1; k < n; k++) {                                                         \
            V_##in v = loadn_##in(x + at + k * inner, m);                                         \
            u = (V_##in)(WIDE_##in(u) op WIDE_##in(v));                                           \
            storen_##in(y + at + k * inner, u, m);                                                \
        }                                                                                         \
    }                                                                                             \
}
#define WIDE_f(v) (v)
#define WIDE_i(v) ((vu)(v))
SCAN(cumsum, f, double, +)
SCAN(cumprod, f, double, *)
SCAN(cumsum_i32, i, uint32_t, +)
SCAN(cumprod_i32, i, uint32_t, *)
