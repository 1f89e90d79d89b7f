/* What recurrent layers share: gates, products of a slice's few rows, the weights' gradients of a chunk of steps, what is kept
   for the gradient and in which order, and the art of asking the memory in time. Attention borrows the products. */
enum { RNN_ROWS = 16, RNN_STEPS = 12 };              /* of a slice; of a chunk, at most */
enum { RNN_MASK = 1, RNN_DROP = 2, RNN_KEEP = 4, RNN_DX = 8, RNN_GHS = 16, RNN_GH = 32, RNN_GC = 64, RNN_AFTER = 128, RNN_BACK = 256, RNN_ACT = 512 };

typedef struct {
    int64_t B, T, F, H, slices, parts, steps, S, ldz, ldh, at_w, at_u, at_u2, at_parts, at_local, local, joint;
    int64_t zs, hs;                                     /* floats from one step to the next in a chunk; never a power of two */
    int flags;
} rnn;

static rnn rnn_read(const fd_call *c) {
    rnn s; const int64_t *i = c->i;
    s.B = i[0]; s.T = i[1]; s.F = i[2]; s.H = i[3]; s.slices = i[4]; s.parts = i[5]; s.flags = (int)i[6]; s.steps = i[7];
    s.S = i[8]; s.ldz = i[9]; s.ldh = i[10]; s.at_w = i[11]; s.at_u = i[12]; s.at_u2 = i[13]; s.at_parts = i[14];
    s.at_local = i[15]; s.local = i[16]; s.joint = i[17];
    s.zs = s.S * s.ldz + 16; s.hs = s.S * s.ldh + 16;
    return s;
}

static inline vf rnn_get(const float *p, int64_t n) { return n == VL ? vf_load(p) : vf_loadn(p, n); }
static inline void rnn_put(float *p, vf v, int64_t n) { if (n == VL) vf_store(p, v); else vf_storen(p, v, n); }
#define LANES(j, n, H) for (int64_t j = 0, n; n = (H) - j < VL ? (H) - j : VL, j < (H); j += VL)
static inline void rnn_copy(float *to, const float *from, int64_t H) { LANES(j, n, H) rnn_put(to + j, rnn_get(from + j, n), n); }
static inline void rnn_zero(float *to, int64_t H) { LANES(j, n, H) rnn_put(to + j, vf_set1(0.f), n); }
static inline int64_t rnn_time(const rnn *s, int64_t step) { return s->flags & RNN_BACK ? s->T - 1 - step : step; }
static inline int rnn_on(const rnn *s, const uint8_t *mask, int64_t b, int64_t step) { return !mask || mask[b * s->T + rnn_time(s, step)]; }

/* Gates: the range is cut where the answer no longer changes, so one scaling by 2^k and no special cases suffice.
   2^(y by) - 1 = scale q + (scale - 1), and the sum with a large number rounds and leaves k in its last bits. Small arguments stay
   exact, the others' relative error grows with |y| (4 ulp at 30); NaN runs through. */
static inline vf rnn_power(vf y, float by, vf *scale) {
    vf magic = vf_set1(12582912.f), n = y * by + magic, f = y * by - (n - magic), p = vf_set1(1.5403512225e-4f);
    p = p * f + 1.3390735257e-3f; p = p * f + 9.6182376146e-3f; p = p * f + 5.5503573269e-2f;
    p = p * f + 2.4022649229e-1f; p = p * f + 6.9314718246e-1f;
    *scale = (vf)(((vi)n << 23) + 0x3f800000);
    return p * f;
}
static inline vf rnn_sigmoid(vf x) {
    vf s, q = rnn_power(vf_clip(x, 87.f), -1.44269504f, &s);
    return vf_inverse(q * s + (s + 1.f));
}
static inline vf rnn_tanh(vf x) {
    vf s, q = rnn_power(vf_clip(x, 9.2f), 2.88539008f, &s), e = q * s + (s - 1.f);
    return e * vf_inverse(e + 2.f);
}

/* c[mr, n] = first + a b: first is c itself (acc), a row (bias), or nothing; b is a packed panel of K rows, of which the
   first nv vectors count */
static inline __attribute__((always_inline))
void rnn_tile(const int mr, const int nv, int64_t K, const float *a, int64_t rs, const float *b, float *c, int64_t ldc, int64_t n, const float *bias, int acc,
              const float *ask, int64_t line) {
    vf s[MR][2];
    EACH for (int v = 0; v < nv; v++) {
        int64_t w = n - v * VL < VL ? n - v * VL : VL;
        vf first = bias ? rnn_get(bias + v * VL, w) : vf_set1(0.f);
        EACH for (int m = 0; m < mr; m++) s[m][v] = acc ? rnn_get(c + m * ldc + v * VL, w) : first;
    }
    for (int64_t k = 0; k < K; k++, b += NR, ask += line) {
        vf y[2];
        if (mr > 3) __builtin_prefetch(ask);            /* a thin tile has no load to spare */
        EACH for (int v = 0; v < nv; v++) y[v] = vf_load(b + v * VL);
        EACH for (int m = 0; m < mr; m++) {
            vf x = vf_set1(a[m * rs + k]);
            EACH for (int v = 0; v < nv; v++) s[m][v] += x * y[v];
        }
    }
    EACH for (int v = 0; v < nv; v++) {
        int64_t w = n - v * VL < VL ? n - v * VL : VL;
        EACH for (int m = 0; m < mr; m++) rnn_put(c + m * ldc + v * VL, s[m][v], w);
    }
}
static __attribute__((noinline))
void rnn_rows(int64_t mr, int64_t K, const float *a, int64_t rs, const float *b, float *c, int64_t ldc, int64_t n, const float *bias, int acc,
              const float *ask, int64_t line) {
#define TILE(r) rnn_tile(r, 2, K, a, rs, b, c, ldc, n, bias, acc, ask, line)
#define HALF(r) rnn_tile(r, 1, K, a, rs, b, c, ldc, n, bias, acc, ask, line)
    if (n > VL) { BY_ROWS(mr, TILE) } else { BY_ROWS(mr, HALF) }
#undef TILE
#undef HALF
}

/* c[M, N] = first + a[M, K] P for one step's rows; on the way n floats are asked for */
static void rnn_gemm_ask(int64_t M, int64_t K, const float *a, int64_t rs, const float *P, int64_t N, float *c, int64_t ldc, const float *bias, int acc,
                         const float *ask, int64_t left) {
    int64_t tiles = (M + MR - 1) / MR;
    for (int64_t from = 0; from < N; from += NR, P += K * NR)
        for (int64_t j = 0; j < tiles; j++) {
            int64_t m = M * j / tiles, mr = M * (j + 1) / tiles - m;
            rnn_rows(mr, K, a + m * rs, rs, P, c + m * ldc + from, ldc, N - from < NR ? N - from : NR, bias ? bias + from : NULL, acc,
                     left > 0 ? ask : c, left > 0 ? 16 : 0);
            ask += 16 * K;
            left -= 16 * K;
        }
}
static void rnn_gemm(int64_t M, int64_t K, const float *a, int64_t rs, const float *P, int64_t N, float *c, int64_t ldc, const float *bias, int acc) {
    rnn_gemm_ask(M, K, a, rs, P, N, c, ldc, bias, acc, c, 0);
}

/* Rows lie far apart, and the backward walk jumps: the hardware does not foresee what comes next. */
static inline void rnn_ahead(const float *p, int64_t n) { for (int64_t j = 0; j < n; j += 16) __builtin_prefetch(p + j); }
static inline void rnn_ahead_write(const float *p, int64_t n) { for (int64_t j = 0; j < n; j += 16) __builtin_prefetch(p + j, 1); }
/* What the chunk before will touch, n floats of each row: asked for during this one's products, a line at a time, for a processor
   that waits for many takes no more. The last of a list has n = 0. */
typedef struct { const float *p; int64_t row, n; } rnn_ask;

/* The same for a chunk of steps of R rows: the rows of a tile are steps. Row r starts at a + r ar and c + r cr. */
static void rnn_chunk(int64_t R, int64_t steps, int64_t K, const float *a, int64_t ar, int64_t as, const float *P, int64_t N,
                      float *c, int64_t cr, int64_t cs, const float *bias) {
    int64_t tiles = (steps + MR - 1) / MR;
    for (int64_t from = 0; from < N; from += NR, P += K * NR)
        for (int64_t r = 0; r < R; r++) {
            if (!from && r + 1 < R) for (int64_t t = 0; t < steps; t++) rnn_ahead(a + (r + 1) * ar + t * as, K);
            for (int64_t j = 0; j < tiles; j++) {
                int64_t m = steps * j / tiles, mr = steps * (j + 1) / tiles - m;
                rnn_rows(mr, K, a + r * ar + m * as, as, P, c + r * cr + m * cs + from, cs, N - from < NR ? N - from : NR, bias ? bias + from : NULL, 0, c, 0);
            }
        }
}

/* to[mr, n] += sum over rows r and steps t of a[r, t, m] g[r, t, n] */
static inline __attribute__((always_inline))
void rnn_outer_tile(const int mr, const int nv, int64_t R, int64_t steps, const float *a, int64_t ar, int64_t as, const float *g, int64_t gr, int64_t gs,
                    float *to, int64_t ldc, int64_t n, const float *ask, int64_t row, int64_t line) {
    vf s[MR][2];
    int64_t last = n - (nv - 1) * VL;
    EACH for (int m = 0; m < mr; m++) {
        __builtin_prefetch(to + m * ldc, 1);
        if (nv == 2) __builtin_prefetch(to + m * ldc + VL, 1);
        EACH for (int v = 0; v < nv; v++) s[m][v] = vf_set1(0.f);
    }
    for (int64_t r = 0; r < R; r++) {
        const float *p = a + r * ar, *q = g + r * gr;
        for (int64_t t = 0; t < steps; t++, p += as, q += gs) {
            vf y[2] = {vf_set1(0.f), vf_set1(0.f)};
            __builtin_prefetch(p + ar);
            __builtin_prefetch(ask + r * row + t * line, 0, 2);
            EACH for (int v = 0; v < nv; v++) y[v] = rnn_get(q + v * VL, v + 1 < nv ? VL : last);
            EACH for (int m = 0; m < mr; m++) {
                vf x = vf_set1(p[m]);
                EACH for (int v = 0; v < nv; v++) s[m][v] += x * y[v];
            }
        }
    }
    EACH for (int m = 0; m < mr; m++)
        EACH for (int v = 0; v < nv; v++) {
            float *at = to + m * ldc + v * VL;
            int64_t w = v + 1 < nv ? VL : last;
            rnn_put(at, rnn_get(at, w) + s[m][v], w);
        }
}
static void rnn_outer(int64_t R, int64_t steps, int64_t M, const float *a, int64_t ar, int64_t as, int64_t N, const float *g, int64_t gr, int64_t gs,
                      float *to, int64_t ldc, rnn_ask **asks) {
    int64_t tiles = (M + MR - 1) / MR;
    for (int64_t from = 0; from < N; from += NR)
        for (int64_t j = 0; j < tiles; j++) {
            int64_t m = M * j / tiles, mr = M * (j + 1) / tiles - m, n = N - from < NR ? N - from : NR;
            int64_t line = *asks && (*asks)->n > 0 ? 16 : 0;             /* every tile asks for `steps` lines of every row */
            rnn_ask ask = line ? **asks : (rnn_ask){g, 0, 0};
            if (line) { (*asks)->p += line * steps; if (((*asks)->n -= line * steps) <= 0) ++*asks; }
#define TILE(k) rnn_outer_tile(k, 2, R, steps, a + m, ar, as, g + from, gr, gs, to + m * ldc + from, ldc, n, ask.p, ask.row, line)
#define HALF(k) rnn_outer_tile(k, 1, R, steps, a + m, ar, as, g + from, gr, gs, to + m * ldc + from, ldc, n, ask.p, ask.row, line)
            if (n > VL) { BY_ROWS(mr, TILE) } else { BY_ROWS(mr, HALF) }
#undef TILE
#undef HALF
        }
}

/* z *= d for the R rows of a step; to[n] += the sum over the rows */
static void rnn_scale(int64_t R, int64_t H, float *z, int64_t ldz, const float *d, int64_t ldd, float *to) {
    LANES(j, n, H) {
        vf sum = vf_set1(0.f);
        for (int64_t r = 0; r < R; r++) {
            vf v = rnn_get(z + r * ldz + j, n) * rnn_get(d + r * ldd + j, n);
            rnn_put(z + r * ldz + j, v, n);
            sum += v;
        }
        rnn_put(to + j, rnn_get(to + j, n) + sum, n);
    }
}

/* zx = x w + b for the steps [s0, s0 + steps) of the rows from b0 */
static void rnn_project(const rnn *s, const float *x, int64_t b0, int64_t R, int64_t s0, int64_t steps, const float *P, int64_t N, const float *bias, float *z) {
    rnn_chunk(R, steps, s->F, x + (b0 * s->T + rnn_time(s, s0)) * s->F, s->T * s->F, s->flags & RNN_BACK ? -s->F : s->F, P, N, z, s->ldz, s->zs, bias);
}
/* dx = dz w^T likewise; dw += x^T dz */
static void rnn_input_grad(const rnn *s, float *dx, int64_t b0, int64_t R, int64_t s0, int64_t steps, const float *P, int64_t K, const float *dz) {
    rnn_chunk(R, steps, K, dz, s->ldz, s->zs, P, s->F, dx + (b0 * s->T + rnn_time(s, s0)) * s->F, s->T * s->F, s->flags & RNN_BACK ? -s->F : s->F, NULL);
}
static void rnn_weight_grad(const rnn *s, const float *x, int64_t b0, int64_t R, int64_t s0, int64_t steps, const float *dz, int64_t N, float *dw, int64_t ldw, rnn_ask **asks) {
    rnn_outer(R, steps, s->F, x + (b0 * s->T + rnn_time(s, s0)) * s->F, s->T * s->F, s->flags & RNN_BACK ? -s->F : s->F, N, dz, s->ldz, s->zs, dw, ldw, asks);
}

/* What the gradient reads of a slice: chunk by chunk the states before it (`first` floats a row), then each step's gates (`width` a row). */
static inline float *rnn_kept(const rnn *s, float *kept, int64_t b0, int64_t R, int64_t s0, int64_t first, int64_t width) {
    int64_t chunks = (s->T + s->steps - 1) / s->steps;
    return kept + b0 * (chunks * first + s->T * width) + R * (s0 / s->steps * first + s0 * width);
}
/* What the chunk before s0 will touch: what was kept, the outputs' gradient, x, dx. */
static void rnn_before(const rnn *s, rnn_ask *ask, const float *x, const float *dx, const float *ghs, float *kept, int64_t b0, int64_t R, int64_t s0,
                       int64_t first, int64_t width) {
    int64_t t = s0 - s->steps, n = s->steps * s->F, at = (b0 * s->T + (s->flags & RNN_BACK ? s->T - s0 : t)) * s->F, each = first + s->steps * width;
    if (s0) {
        if (kept) *ask++ = (rnn_ask){rnn_kept(s, kept, b0, R, t, first, width), each, each};
        if (ghs) *ask++ = (rnn_ask){ghs + (b0 * s->T + t) * s->H, s->T * s->H, s->steps * s->H};
        *ask++ = (rnn_ask){x + at, s->T * s->F, n};
        if (dx) *ask++ = (rnn_ask){dx + at, s->T * s->F, n};
    }
    ask->n = 0;
}
/* The first step of row b that is not masked. */
static int64_t rnn_first(const rnn *s, const uint8_t *mask, int64_t b) {
    int64_t k = 0;
    while (k < s->T && !rnn_on(s, mask, b, k)) k++;
    return k;
}
/* hd = drop * h, or a plain copy */
static void rnn_drop(float *to, const float *h, const float *drop, int64_t H) {
    if (!drop) { if (to != h) rnn_copy(to, h, H); return; }
    LANES(j, n, H) rnn_put(to + j, rnn_get(h + j, n) * rnn_get(drop + j, n), n);
}
/* dh += the gradient that came in for this step's output */
static void rnn_gain(float *dh, const float *g, int64_t H) { LANES(j, n, H) rnn_put(dh + j, rnn_get(dh + j, n) + rnn_get(g + j, n), n); }
/* dh (+)= drop * (dz u^T) for all rows of a step */
static void rnn_state_grad(const rnn *s, int64_t R, int64_t K, const float *dz, const float *P, float *dh, float *tmp, const float *drop, int add) {
    if (!drop) { rnn_gemm(R, K, dz, s->ldz, P, s->H, dh, s->ldh, NULL, add); return; }
    rnn_gemm(R, K, dz, s->ldz, P, s->H, tmp, s->ldh, NULL, 0);
    for (int64_t r = 0; r < R; r++) {
        float *d = dh + r * s->ldh;
        LANES(j, n, s->H) {
            vf part = rnn_get(tmp + r * s->ldh + j, n) * rnn_get(drop + r * s->H + j, n);
            rnn_put(d + j, add ? rnn_get(d + j, n) + part : part, n);
        }
    }
}

/* to[k * NR + j] = w[j * ld + k] for k < K and j < VL; columns from n on are zero */
static void rnn_turn(float *to, const float *w, int64_t ld, int64_t K, int64_t n) {
    vf r[VL];
    for (int64_t k = 0; k < K; k += VL) {
        int64_t rows = K - k < VL ? K - k : VL;
        EACH for (int j = 0; j < VL; j++) r[j] = j < n ? rnn_get(w + j * ld + k, rows) : vf_set1(0.f);
        vf_transpose(r);
        for (int j = 0; j < rows; j++) vf_store(to + (k + j) * NR, r[j]);
    }
}
FD_KERNEL(rnn_pack) {   /* P[at +][panels, height, NR] from row `above` on | w[rows, ld] | K, N, ld, from, transposed, at, height, above */
    float *P = (float *)c->p[0] + c->i[5]; const float *w = c->p[1];
    int64_t K = c->i[0], N = c->i[1], ld = c->i[2], from = c->i[3], panels = (N + NR - 1) / NR, lo, hi;
    fd_share(panels, 1, tid, nt, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *to = P + (p * c->i[6] + c->i[7]) * NR;
        int64_t n = N - p * NR < NR ? N - p * NR : NR;
        if (c->i[4]) {                                   /* P[k, j] = w[j, (k + from) mod ld] */
            for (int64_t k = 0, at; k < K; k += at) {
                int64_t start = (k + from) % ld;
                at = ld - start < K - k ? ld - start : K - k;
                for (int64_t v = 0; v < NR; v += VL) rnn_turn(to + k * NR + v, w + (p * NR + v) * ld + start, ld, at, n - v);
            }
        } else for (int64_t k = 0; k < K; k++, to += NR) {
            const float *q = w + k * ld + from + p * NR;
            for (int64_t j = 0; j < NR; j++) to[j] = j < n ? q[j] : 0.f;
        }
    }
}

FD_KERNEL(add_slices) {   /* y[n] | parts[at +][m, stride] | n, m, stride, at: added in order */
    float *y = c->p[0]; const float *p = (const float *)c->p[1] + c->i[3];
    int64_t n = c->i[0], m = c->i[1], stride = c->i[2], lo, hi;
    fd_share(n, 1024, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k += VL) {
        int64_t left = hi - k < VL ? hi - k : VL; vf a = vf_loadn(p + k, left);
        for (int64_t j = 1; j < m; j++) a += vf_loadn(p + j * stride + k, left);
        vf_storen(y + k, a, left);
    }
}
