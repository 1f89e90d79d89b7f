/* Recurrent layers over a whole sequence. The batch is cut into slices of at most 16 rows, fixed by the shape; a thread
   runs all the time steps of a slice without a barrier. The input's product is made for a chunk of steps at once, the
   state's step by step; the weights' gradients gather chunk by chunk, while everything is in the cache, into a partial
   sum, and add_slices adds the partial sums in their order: the bits do not depend on the threads.
   Most of the time beyond the products is memory's: what is kept for the gradient lies in the order in which it is read. */
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
        __builtin_prefetch(ask);
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
/* What the next chunk will touch, n floats of each row: asked for during the products before it, a few lines at a time, for a
   processor that has many misses to wait for takes no more of them. The last entry of a list has n = 0. */
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

/* to[mr, n] += sum over rows r and steps t of a[r, t, m] g[r, t, n]; the weights' gradient is asked for before it is needed */
static inline __attribute__((always_inline))
void rnn_outer_tile(const int mr, const int nv, int64_t R, int64_t steps, const float *a, int64_t ar, int64_t as, const float *g, int64_t gr, int64_t gs,
                    float *to, int64_t ldc, int64_t n, const float *ask, int64_t row) {
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
            __builtin_prefetch(ask + r * row + t * 16, 0, 2);
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
static void rnn_next(rnn_ask **asks, rnn_ask *ask, int64_t n) {
    *ask = **asks;
    (*asks)->p += n;
    if (((*asks)->n -= n) <= 0) ++*asks;
}
static void rnn_outer(int64_t R, int64_t steps, int64_t M, const float *a, int64_t ar, int64_t as, int64_t N, const float *g, int64_t gr, int64_t gs,
                      float *to, int64_t ldc, rnn_ask **asks) {
    int64_t tiles = (M + MR - 1) / MR;
    for (int64_t from = 0; from < N; from += NR)
        for (int64_t j = 0; j < tiles; j++) {
            int64_t m = M * j / tiles, mr = M * (j + 1) / tiles - m, n = N - from < NR ? N - from : NR;
            rnn_ask ask = {g, gr, 0};
            if (asks && (*asks)->n) rnn_next(asks, &ask, 16 * steps);
#define TILE(k) rnn_outer_tile(k, 2, R, steps, a + m, ar, as, g + from, gr, gs, to + m * ldc + from, ldc, n, ask.p, ask.row)
#define HALF(k) rnn_outer_tile(k, 1, R, steps, a + m, ar, as, g + from, gr, gs, to + m * ldc + from, ldc, n, ask.p, ask.row)
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
/* What the chunk before s0 will touch: what was kept (unless it would push this chunk out of the cache), x, dx, the outputs' gradient. */
static void rnn_before(const rnn *s, rnn_ask *ask, const float *x, const float *dx, const float *ghs, float *kept, int64_t b0, int64_t R, int64_t s0,
                       int64_t first, int64_t width) {
    int64_t t = s0 - s->steps, n = s->steps * s->F, at = (b0 * s->T + (s->flags & RNN_BACK ? s->T - s0 : t)) * s->F, each = first + s->steps * width;
    if (s0) {
        if (kept && R * each <= 1 << 17) *ask++ = (rnn_ask){rnn_kept(s, kept, b0, R, t, first, width), each, each};
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

/* One row's gates, z = [i f g o] before the activations; c and o in place. */
static void lstm_row(int64_t H, float *z, float *c, float *gates) {
    LANES(j, n, H) {
        vf i = rnn_sigmoid(rnn_get(z + j, n)), f = rnn_sigmoid(rnn_get(z + H + j, n));
        vf g = rnn_tanh(rnn_get(z + 2 * H + j, n)), o = rnn_sigmoid(rnn_get(z + 3 * H + j, n));
        rnn_put(c + j, f * rnn_get(c + j, n) + i * g, n);
        rnn_put(z + 3 * H + j, o, n);
        if (gates) { rnn_put(gates + j, i, n); rnn_put(gates + H + j, f, n); rnn_put(gates + 2 * H + j, g, n); rnn_put(gates + 3 * H + j, o, n); }
    }
}
/* h = o tanh(c), y a copy: a loop of its own, for the processor to have several rows of the long chain of operations under way */
static void lstm_out(int64_t H, const float *o, const float *c, float *h, float *y) {
    LANES(j, n, H) {
        vf out = rnn_get(o + j, n) * rnn_tanh(rnn_get(c + j, n));
        rnn_put(h + j, out, n);
        rnn_put(y + j, out, n);
    }
}

FD_KERNEL(lstm) {   /* hs[B, T, H], h[B, H], c[B, H], (kept), work | x, h0, c0, b, (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, q = 0, lo, hi;
    float *hs = c->p[q++], *hn = c->p[q++], *cn = c->p[q++], *kept = s.flags & RNN_KEEP ? c->p[q++] : NULL, *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *c0 = c->p[q++], *bias = c->p[q++];
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *z = work + s.at_local + tid * s.local, *h = z + s.steps * s.zs, *hd = drop ? h + s.hs : h, *cell = h + 2 * s.hs;
    fd_share(s.slices, 1, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k++) {
        int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, seen[RNN_ROWS];
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(h + r * s.ldh, h0 + (b0 + r) * H, H);
            rnn_copy(cell + r * s.ldh, c0 + (b0 + r) * H, H);
            if (drop) rnn_drop(hd + r * s.ldh, h + r * s.ldh, drop + (b0 + r) * H, H);
            seen[r] = 0;
        }
        for (int64_t s0 = 0; s0 < s.T; s0 += s.steps) {
            int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
            float *keep = kept ? rnn_kept(&s, kept, b0, R, s0, 2 * H, 4 * H) : NULL;
            if (keep) for (int64_t r = 0; r < R; r++, keep += 2 * H) {
                rnn_copy(keep, h + r * s.ldh, H);
                rnn_copy(keep + H, cell + r * s.ldh, H);
            }
            if (!s.joint) rnn_project(&s, x, b0, R, s0, steps, work + s.at_w, 4 * H, bias, z);
            for (int64_t t = s0; t < s0 + steps; t++) {
                float *zt = s.joint ? z : z + (t - s0) * s.zs;
                if (s.joint) {                          /* a row is [h x], and so are the weights */
                    for (int64_t r = 0; r < R; r++) rnn_copy(hd + r * s.ldh + H, x + ((b0 + r) * s.T + rnn_time(&s, t)) * s.F, s.F);
                    rnn_gemm_ask(R, H + s.F, hd, s.ldh, work + s.at_u, 4 * H, zt, s.ldz, bias, 0, keep, keep ? R * 4 * H : 0);
                } else rnn_gemm_ask(R, H, hd, s.ldh, work + s.at_u, 4 * H, zt, s.ldz, NULL, 1, keep, keep ? R * 4 * H : 0);
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    rnn_ahead_write(hs + (b * s.T + t + 1) * H, H);
                    if (s.joint) rnn_ahead(x + (b * s.T + rnn_time(&s, t) + (s.flags & RNN_BACK ? -8 : 8)) * s.F, s.F);
                    if (rnn_on(&s, mask, b, t)) lstm_row(H, zt + r * s.ldz, cell + r * s.ldh, keep);
                    else if (keep) memset(keep, 0, (size_t)H * 16);
                    if (keep) keep += 4 * H;
                }
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    float *hr = h + r * s.ldh, *y = hs + (b * s.T + t) * H;
                    if (rnn_on(&s, mask, b, t)) {
                        lstm_out(H, zt + r * s.ldz + 3 * H, cell + r * s.ldh, hr, y);
                        if (drop) rnn_drop(hd + r * s.ldh, hr, drop + b * H, H);
                        seen[r] = 1;
                    } else if (seen[r]) rnn_copy(y, hr, H);
                    else rnn_zero(y, H);
                }
            }
        }
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(hn + (b0 + r) * H, h + r * s.ldh, H);
            rnn_copy(cn + (b0 + r) * H, cell + r * s.ldh, H);
        }
    }
}

/* A row's states again from those before the chunk, and all that its gradient needs and does not depend on: dz = [i f g o] is to be
   multiplied by the gradient of c (of h, for o), which is dc + dh out; pass is what goes on to the step before. */
static void lstm_again(const rnn *s, int64_t R, int64_t steps, const uint8_t *on, const float *state, const float *gates, const float *drop,
                       float *dz, float *hp, float *out, float *pass) {
    int64_t H = s->H;
    LANES(j, n, H) {
        vf h = rnn_get(state + j, n), c = rnn_get(state + H + j, n), k = drop ? rnn_get(drop + j, n) : vf_set1(1.f);
        const float *at = gates + j;
        float *z = dz + j;
        for (int64_t t = 0, e = j; t < steps; t++, e += s->hs, z += s->zs, at += R * 4 * H) {
            vf i = rnn_get(at, n), f = rnn_get(at + H, n), g = rnn_get(at + 2 * H, n), o = rnn_get(at + 3 * H, n), before = c;
            rnn_put(hp + e, h * k, n);
            if (!on[t]) { i = g = o = vf_set1(0.f); f = vf_set1(1.f); }
            c = f * c + i * g;
            vf tanh = rnn_tanh(c);
            if (on[t]) h = o * tanh;
            rnn_put(z, i * (1.f - i) * g, n);
            rnn_put(z + H, f * (1.f - f) * before, n);
            rnn_put(z + 2 * H, i * (1.f - g * g), n);
            rnn_put(z + 3 * H, o * (1.f - o) * tanh, n);
            rnn_put(out + e, o * (1.f - tanh * tanh), n);
            rnn_put(pass + e, f, n);
        }
    }
}
/* A step's gradient of c, in the place of `out`; dc becomes that of the step before. */
static void lstm_cell_grad(const rnn *s, int64_t R, const float *dh, float *dc, float *out, const float *pass) {
    for (int64_t r = 0; r < R; r++, dh += s->ldh, dc += s->ldh, out += s->ldh, pass += s->ldh)
        LANES(j, n, s->H) {
            vf e = rnn_get(dc + j, n) + rnn_get(dh + j, n) * rnn_get(out + j, n);
            rnn_put(out + j, e, n);
            rnn_put(dc + j, e * rnn_get(pass + j, n), n);
        }
}

FD_KERNEL(lstm_grad) {   /* (dx), dh0, dc0, work | x, kept, (ghs), (gh), (gc), (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, F = s.F, q = 0, lo, hi, size = (F + H + 1) * 4 * H;
    float *dx = s.flags & RNN_DX ? c->p[q++] : NULL, *dh0 = c->p[q++], *dc0 = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++]; float *kept = c->p[q++];
    const float *ghs = s.flags & RNN_GHS ? c->p[q++] : NULL, *gh = s.flags & RNN_GH ? c->p[q++] : NULL, *gc = s.flags & RNN_GC ? c->p[q++] : NULL;
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *dz = work + s.at_local + tid * s.local, *hp = dz + s.steps * s.zs, *out = hp + s.steps * s.hs, *pass = out + s.steps * s.hs;
    float *dh = pass + s.steps * s.hs, *dc = dh + s.hs, *tmp = dc + s.hs;
    fd_share(s.parts, 1, tid, nt, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *dw = work + s.at_parts + p * size, *du = dw + F * 4 * H, *db = du + H * 4 * H;
        memset(dw, 0, (size_t)size * 4);
        for (int64_t k = s.slices * p / s.parts; k < s.slices * (p + 1) / s.parts; k++) {
            int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, first[RNN_ROWS];
            for (int64_t r = 0; r < R; r++) {
                if (gh) rnn_copy(dh + r * s.ldh, gh + (b0 + r) * H, H); else memset(dh + r * s.ldh, 0, (size_t)H * 4);
                if (gc) rnn_copy(dc + r * s.ldh, gc + (b0 + r) * H, H); else memset(dc + r * s.ldh, 0, (size_t)H * 4);
                first[r] = rnn_first(&s, mask, b0 + r);
            }
            for (int64_t s0 = (s.T - 1) / s.steps * s.steps; s0 >= 0; s0 -= s.steps) {
                int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
                const float *keep = rnn_kept(&s, kept, b0, R, s0, 2 * H, 4 * H);
                rnn_ask list[5], *asks = list;
                rnn_before(&s, list, x, dx, ghs, kept, b0, R, s0, 2 * H, 4 * H);
                uint8_t on[RNN_ROWS][RNN_STEPS];
                for (int64_t r = 0; r < R; r++) {
                    for (int64_t t = 0; t < steps; t++) on[r][t] = (uint8_t)rnn_on(&s, mask, b0 + r, s0 + t);
                    lstm_again(&s, R, steps, on[r], keep + r * 2 * H, keep + (R + 2 * r) * 2 * H, drop ? drop + (b0 + r) * H : NULL,
                               dz + r * s.ldz, hp + r * s.ldh, out + r * s.ldh, pass + r * s.ldh);
                }
                for (int64_t t = steps - 1; t >= 0; t--) {
                    float *zt = dz + t * s.zs, *et = out + t * s.hs;
                    if (ghs) for (int64_t r = 0; r < R; r++) if (s0 + t >= first[r]) rnn_gain(dh + r * s.ldh, ghs + ((b0 + r) * s.T + s0 + t) * H, H);
                    lstm_cell_grad(&s, R, dh, dc, et, pass + t * s.hs);
                    for (int64_t g = 0; g < 4; g++) rnn_scale(R, H, zt + g * H, s.ldz, g < 3 ? et : dh, s.ldh, db + g * H);
                    if (mask) for (int64_t r = 0; r < R; r++) if (on[r][t]) rnn_zero(dh + r * s.ldh, H);
                    rnn_state_grad(&s, R, 4 * H, zt, work + s.at_u, dh, tmp, drop ? drop + b0 * H : NULL, mask != NULL);
                }
                if (dx) rnn_input_grad(&s, dx, b0, R, s0, steps, work + s.at_w, 4 * H, dz);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz, 4 * H, dw, 4 * H, &asks);
                rnn_outer(R, steps, H, hp, s.ldh, s.hs, 4 * H, dz, s.ldz, s.zs, du, 4 * H, &asks);
            }
            for (int64_t r = 0; r < R; r++) {
                rnn_copy(dh0 + (b0 + r) * H, dh + r * s.ldh, H);
                rnn_copy(dc0 + (b0 + r) * H, dc + r * s.ldh, H);
            }
        }
    }
}

/* One row's gates [z r g], and the state: h = z h + (1 - z) g, y a copy. rec is the state's product of the candidate (reset after). */
static void gru_row(int64_t H, const float *z, const float *rec, int after, float *h, float *y, float *gates) {
    LANES(j, n, H) {
        vf u, r, g, p = vf_set1(0.f), a = rnn_get(z + 2 * H + j, n);
        if (after) {
            p = rnn_get(rec + 2 * H + j, n);
            u = rnn_sigmoid(rnn_get(z + j, n) + rnn_get(rec + j, n));
            r = rnn_sigmoid(rnn_get(z + H + j, n) + rnn_get(rec + H + j, n));
            g = rnn_tanh(a + r * p);
        } else { u = rnn_get(z + j, n); r = rnn_get(z + H + j, n); g = rnn_tanh(a); }
        vf out = u * rnn_get(h + j, n) + (1.f - u) * g;
        rnn_put(h + j, out, n);
        rnn_put(y + j, out, n);
        if (gates) {
            rnn_put(gates + j, u, n); rnn_put(gates + H + j, r, n); rnn_put(gates + 2 * H + j, g, n);
            if (after) rnn_put(gates + 3 * H + j, p, n);
        }
    }
}
/* The gates in place, and r h, the candidate's operand (reset before). */
static void gru_reset(int64_t H, float *z, const float *h, float *rh) {
    LANES(j, n, H) {
        vf u = rnn_sigmoid(rnn_get(z + j, n)), r = rnn_sigmoid(rnn_get(z + H + j, n));
        rnn_put(z + j, u, n); rnn_put(z + H + j, r, n);
        rnn_put(rh + j, r * rnn_get(h + j, n), n);
    }
}

FD_KERNEL(gru) {    /* hs[B, T, H], h[B, H], (kept), work | x, h0, b, (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, q = 0, lo, hi; int after = (s.flags & RNN_AFTER) != 0, width = after ? 4 : 3;
    float *hs = c->p[q++], *hn = c->p[q++], *kept = s.flags & RNN_KEEP ? c->p[q++] : NULL, *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *bias = c->p[q++];
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *z = work + s.at_local + tid * s.local, *h = z + s.steps * s.zs, *hd = drop ? h + s.hs : h, *rh = h + 2 * s.hs, *rec = h + 3 * s.hs;
    fd_share(s.slices, 1, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k++) {
        int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, seen[RNN_ROWS];
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(h + r * s.ldh, h0 + (b0 + r) * H, H);
            if (drop) rnn_drop(hd + r * s.ldh, h + r * s.ldh, drop + (b0 + r) * H, H);
            seen[r] = 0;
        }
        for (int64_t s0 = 0; s0 < s.T; s0 += s.steps) {
            int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
            float *keep = kept ? rnn_kept(&s, kept, b0, R, s0, H, width * H) : NULL;
            if (keep) for (int64_t r = 0; r < R; r++, keep += H) rnn_copy(keep, h + r * s.ldh, H);
            rnn_project(&s, x, b0, R, s0, steps, work + s.at_w, 3 * H, bias, z);
            for (int64_t t = s0; t < s0 + steps; t++) {
                float *zt = z + (t - s0) * s.zs;
                if (after) rnn_gemm_ask(R, H, hd, s.ldh, work + s.at_u, 3 * H, rec, s.ldz, bias + 3 * H, 0, keep, keep ? R * width * H : 0);
                else {
                    rnn_gemm_ask(R, H, hd, s.ldh, work + s.at_u, 2 * H, zt, s.ldz, NULL, 1, keep, keep ? R * width * H : 0);
                    for (int64_t r = 0; r < R; r++) gru_reset(H, zt + r * s.ldz, hd + r * s.ldh, rh + r * s.ldh);
                    rnn_gemm(R, H, rh, s.ldh, work + s.at_u2, H, zt + 2 * H, s.ldz, NULL, 1);
                }
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    float *hr = h + r * s.ldh, *y = hs + (b * s.T + t) * H;
                    rnn_ahead_write(y + H, H);
                    if (rnn_on(&s, mask, b, t)) {
                        gru_row(H, zt + r * s.ldz, rec + r * s.ldz, after, hr, y, keep);
                        if (drop) rnn_drop(hd + r * s.ldh, hr, drop + b * H, H);
                        seen[r] = 1;
                    } else {
                        if (keep) memset(keep, 0, (size_t)(width * H) * 4);
                        if (seen[r]) rnn_copy(y, hr, H); else rnn_zero(y, H);
                    }
                    if (keep) keep += width * H;
                }
            }
        }
        for (int64_t r = 0; r < R; r++) rnn_copy(hn + (b0 + r) * H, h + r * s.ldh, H);
    }
}

/* As lstm_again: dz = [candidate, z, r, (candidate's state product)] is to be multiplied by dh, whose part `pass` goes on to the step
   before. Reset before: dz's r by the gradient of rh = r h, whose part `reset` goes on to the state. */
static void gru_again(const rnn *s, int64_t R, int64_t steps, const uint8_t *on, const float *state, const float *gates, const float *drop,
                      float *dz, float *hp, float *pass, float *rh, float *reset) {
    int64_t H = s->H, width = (s->flags & RNN_AFTER) ? 4 : 3;
    LANES(j, n, H) {
        vf h = rnn_get(state + j, n), k = drop ? rnn_get(drop + j, n) : vf_set1(1.f);
        const float *at = gates + j;
        float *z = dz + j;
        for (int64_t t = 0, e = j; t < steps; t++, e += s->hs, z += s->zs, at += R * width * H) {
            vf u = rnn_get(at, n), r = rnn_get(at + H, n), g = rnn_get(at + 2 * H, n), hd = h * k;
            if (!on[t]) { r = g = vf_set1(0.f); u = vf_set1(1.f); }
            vf own = (1.f - u) * (1.f - g * g), dr = r * (1.f - r);
            rnn_put(hp + e, hd, n);
            rnn_put(z, own, n);
            rnn_put(z + H, (h - g) * u * (1.f - u), n);
            rnn_put(pass + e, u, n);
            if (width == 4) {
                rnn_put(z + 2 * H, own * rnn_get(at + 3 * H, n) * dr, n);
                rnn_put(z + 3 * H, own * r, n);
            } else {
                rnn_put(z + 2 * H, hd * dr, n);
                rnn_put(rh + e, hd * r, n);
                rnn_put(reset + e, r, n);
            }
            if (on[t]) h = u * h + (1.f - u) * g;
        }
    }
}
static void rnn_times(const rnn *s, int64_t R, float *d, const float *k) {
    for (int64_t r = 0; r < R; r++) rnn_drop(d + r * s->ldh, d + r * s->ldh, k + r * s->ldh, s->H);
}

FD_KERNEL(gru_grad) {    /* (dx), dh0, work | x, kept, (ghs), (gh), (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, F = s.F, q = 0, lo, hi; int after = (s.flags & RNN_AFTER) != 0, width = after ? 4 : 3;
    int64_t N = 3 * H, size = (F + H + (after ? 2 : 1)) * N;
    float *dx = s.flags & RNN_DX ? c->p[q++] : NULL, *dh0 = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++]; float *kept = c->p[q++];
    const float *ghs = s.flags & RNN_GHS ? c->p[q++] : NULL, *gh = s.flags & RNN_GH ? c->p[q++] : NULL;
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *dz = work + s.at_local + tid * s.local, *hp = dz + s.steps * s.zs, *pass = hp + s.steps * s.hs;
    float *rh = pass + s.steps * s.hs, *reset = rh + s.steps * s.hs, *dh = reset + s.steps * s.hs, *tmp = dh + s.hs;
    fd_share(s.parts, 1, tid, nt, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *dw = work + s.at_parts + p * size, *du = dw + F * N, *db = du + H * N;
        memset(dw, 0, (size_t)size * 4);
        for (int64_t k = s.slices * p / s.parts; k < s.slices * (p + 1) / s.parts; k++) {
            int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, first[RNN_ROWS];
            for (int64_t r = 0; r < R; r++) {
                if (gh) rnn_copy(dh + r * s.ldh, gh + (b0 + r) * H, H); else memset(dh + r * s.ldh, 0, (size_t)H * 4);
                first[r] = rnn_first(&s, mask, b0 + r);
            }
            for (int64_t s0 = (s.T - 1) / s.steps * s.steps; s0 >= 0; s0 -= s.steps) {
                int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
                const float *keep = rnn_kept(&s, kept, b0, R, s0, H, width * H);
                rnn_ask list[5], *asks = list;
                rnn_before(&s, list, x, dx, ghs, kept, b0, R, s0, H, width * H);
                for (int64_t r = 0; r < R; r++) {
                    uint8_t on[RNN_STEPS];
                    for (int64_t t = 0; t < steps; t++) on[t] = (uint8_t)rnn_on(&s, mask, b0 + r, s0 + t);
                    gru_again(&s, R, steps, on, keep + r * H, keep + (R + width * r) * H, drop ? drop + (b0 + r) * H : NULL,
                              dz + r * s.ldz, hp + r * s.ldh, pass + r * s.ldh, rh + r * s.ldh, reset + r * s.ldh);
                }
                for (int64_t t = steps - 1; t >= 0; t--) {
                    float *zt = dz + t * s.zs;
                    if (ghs) for (int64_t r = 0; r < R; r++) if (s0 + t >= first[r]) rnn_gain(dh + r * s.ldh, ghs + ((b0 + r) * s.T + s0 + t) * H, H);
                    rnn_scale(R, H, zt, s.ldz, dh, s.ldh, db + 2 * H);
                    rnn_scale(R, H, zt + H, s.ldz, dh, s.ldh, db);
                    if (after) {
                        rnn_scale(R, H, zt + 2 * H, s.ldz, dh, s.ldh, db + H);
                        rnn_scale(R, H, zt + 3 * H, s.ldz, dh, s.ldh, db + N + 2 * H);
                        rnn_times(&s, R, dh, pass + t * s.hs);
                        rnn_state_grad(&s, R, N, zt + H, work + s.at_u, dh, tmp, drop ? drop + b0 * H : NULL, 1);
                    } else {
                        rnn_times(&s, R, dh, pass + t * s.hs);
                        rnn_gemm(R, H, zt, s.ldz, work + s.at_u2, H, tmp, s.ldh, NULL, 0);
                        rnn_scale(R, H, zt + 2 * H, s.ldz, tmp, s.ldh, db + H);
                        rnn_times(&s, R, tmp, reset + t * s.hs);
                        rnn_gemm(R, 2 * H, zt + H, s.ldz, work + s.at_u, H, tmp, s.ldh, NULL, 1);
                        for (int64_t r = 0; r < R; r++) {
                            if (drop) rnn_drop(tmp + r * s.ldh, tmp + r * s.ldh, drop + (b0 + r) * H, H);
                            rnn_gain(dh + r * s.ldh, tmp + r * s.ldh, H);
                        }
                    }
                }
                if (dx) rnn_input_grad(&s, dx, b0, R, s0, steps, work + s.at_w, N, dz);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz + H, 2 * H, dw, N, &asks);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz, H, dw + 2 * H, N, &asks);
                if (after) rnn_outer(R, steps, H, hp, s.ldh, s.hs, N, dz + H, s.ldz, s.zs, du, N, &asks);
                else {
                    rnn_outer(R, steps, H, hp, s.ldh, s.hs, 2 * H, dz + H, s.ldz, s.zs, du, N, &asks);
                    rnn_outer(R, steps, H, rh, s.ldh, s.hs, H, dz, s.ldz, s.zs, du + 2 * H, N, &asks);
                }
            }
            for (int64_t r = 0; r < R; r++) rnn_copy(dh0 + (b0 + r) * H, dh + r * s.ldh, H);
        }
        if (after) memcpy(db + N, db, (size_t)H * 8);       /* z and r have one sum for both biases */
    }
}

static inline vf simple_act(vf z, int act) { return act == 3 ? rnn_tanh(z) : act == 1 ? vf_sel((vi)(z < 0.f), vf_set1(0.f), z) : z; }
static inline vf simple_slope(vf y, int act) { return act == 3 ? 1.f - y * y : act == 1 ? vf_sel((vi)(y > 0.f), vf_set1(1.f), vf_set1(0.f)) : vf_set1(1.f); }

FD_KERNEL(simple_rnn) {   /* hs[B, T, H], h[B, H], work | x, h0, b, (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, q = 0, lo, hi; int act = s.flags / RNN_ACT;
    float *hs = c->p[q++], *hn = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *bias = c->p[q++];
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *z = work + s.at_local + tid * s.local, *h = z + s.steps * s.zs, *hd = drop ? h + s.hs : h;
    fd_share(s.slices, 1, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k++) {
        int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, seen[RNN_ROWS];
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(h + r * s.ldh, h0 + (b0 + r) * H, H);
            if (drop) rnn_drop(hd + r * s.ldh, h + r * s.ldh, drop + (b0 + r) * H, H);
            seen[r] = 0;
        }
        for (int64_t s0 = 0; s0 < s.T; s0 += s.steps) {
            int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
            rnn_project(&s, x, b0, R, s0, steps, work + s.at_w, H, bias, z);
            for (int64_t t = s0; t < s0 + steps; t++) {
                float *zt = z + (t - s0) * s.zs;
                rnn_gemm(R, H, hd, s.ldh, work + s.at_u, H, zt, s.ldz, NULL, 1);
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    float *hr = h + r * s.ldh, *y = hs + (b * s.T + t) * H;
                    rnn_ahead_write(y + H, H);
                    if (rnn_on(&s, mask, b, t)) {
                        LANES(j, n, H) rnn_put(hr + j, simple_act(rnn_get(zt + r * s.ldz + j, n), act), n);
                        if (drop) rnn_drop(hd + r * s.ldh, hr, drop + b * H, H);
                        seen[r] = 1;
                    }
                    if (seen[r]) rnn_copy(y, hr, H); else rnn_zero(y, H);
                }
            }
        }
        for (int64_t r = 0; r < R; r++) rnn_copy(hn + (b0 + r) * H, h + r * s.ldh, H);
    }
}

FD_KERNEL(simple_rnn_grad) {   /* (dx), dh0, work | x, h0, hs, (ghs), (gh), (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, F = s.F, q = 0, lo, hi, size = (F + H + 1) * H; int act = s.flags / RNN_ACT;
    float *dx = s.flags & RNN_DX ? c->p[q++] : NULL, *dh0 = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *hs = c->p[q++];
    const float *ghs = s.flags & RNN_GHS ? c->p[q++] : NULL, *gh = s.flags & RNN_GH ? c->p[q++] : NULL;
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *dz = work + s.at_local + tid * s.local, *hp = dz + s.steps * s.zs, *dh = hp + s.steps * s.hs, *tmp = dh + s.hs;
    fd_share(s.parts, 1, tid, nt, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *dw = work + s.at_parts + p * size, *du = dw + F * H, *db = du + H * H;
        memset(dw, 0, (size_t)size * 4);
        for (int64_t k = s.slices * p / s.parts; k < s.slices * (p + 1) / s.parts; k++) {
            int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, first[RNN_ROWS];
            for (int64_t r = 0; r < R; r++) {
                if (gh) rnn_copy(dh + r * s.ldh, gh + (b0 + r) * H, H); else memset(dh + r * s.ldh, 0, (size_t)H * 4);
                first[r] = rnn_first(&s, mask, b0 + r);
            }
            for (int64_t s0 = (s.T - 1) / s.steps * s.steps; s0 >= 0; s0 -= s.steps) {
                int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
                rnn_ask list[5], *asks = list;
                rnn_before(&s, list, x, dx, ghs, NULL, b0, R, s0, 0, 0);
                for (int64_t r = 0; r < R; r++) {
                    for (int64_t t = 0; t < steps; t++) {
                        const float *y = hs + ((b0 + r) * s.T + s0 + t) * H;
                        float *zr = dz + t * s.zs + r * s.ldz;
                        rnn_drop(hp + t * s.hs + r * s.ldh, s0 + t > first[r] ? y - H : h0 + (b0 + r) * H, drop ? drop + (b0 + r) * H : NULL, H);
                        if (rnn_on(&s, mask, b0 + r, s0 + t)) LANES(j, n, H) rnn_put(zr + j, simple_slope(rnn_get(y + j, n), act), n);
                        else rnn_zero(zr, H);
                    }
                }
                for (int64_t t = steps - 1; t >= 0; t--) {
                    if (ghs) for (int64_t r = 0; r < R; r++) if (s0 + t >= first[r]) rnn_gain(dh + r * s.ldh, ghs + ((b0 + r) * s.T + s0 + t) * H, H);
                    rnn_scale(R, H, dz + t * s.zs, s.ldz, dh, s.ldh, db);
                    if (mask) for (int64_t r = 0; r < R; r++) if (rnn_on(&s, mask, b0 + r, s0 + t)) rnn_zero(dh + r * s.ldh, H);
                    rnn_state_grad(&s, R, H, dz + t * s.zs, work + s.at_u, dh, tmp, drop ? drop + b0 * H : NULL, mask != NULL);
                }
                if (dx) rnn_input_grad(&s, dx, b0, R, s0, steps, work + s.at_w, H, dz);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz, H, dw, H, &asks);
                rnn_outer(R, steps, H, hp, s.ldh, s.hs, H, dz, s.ldz, s.zs, du, H, &asks);
            }
            for (int64_t r = 0; r < R; r++) rnn_copy(dh0 + (b0 + r) * H, dh + r * s.ldh, H);
        }
    }
}
