/* Convolution over up to three spatial axes, channels last, as a product whose im2col matrix is never written: input
   rows are copied into a zero-padded strip (in the cache), and a row of the matrix is a pointer into that strip.
   Reduction order: taps, then channels; a task writes its own outputs: the bits do not depend on the threads. */
typedef struct {
    int64_t N, C, Co, in[3], out[3], k[3], step[3], pad[3], dil[3], groups, flags, rows, up[3];
    int64_t Cg, Cog, span, deep, strip_w, strip_h;      /* per group; tile geometry of the strip, in floats and rows */
} conv_shape;

static conv_shape conv_read(const fd_call *c) {
    conv_shape s; const int64_t *i = c->i;
    s.N = i[0]; s.C = i[1]; s.Co = i[2];
    for (int a = 0; a < 3; a++) {
        s.in[a] = i[3 + a]; s.out[a] = i[6 + a]; s.k[a] = i[9 + a]; s.step[a] = i[12 + a]; s.pad[a] = i[15 + a]; s.dil[a] = i[18 + a];
        s.up[a] = (int64_t)c->d[a];                      /* zeros between inputs: the input gradient of a strided convolution */
    }
    s.groups = i[21]; s.flags = i[22]; s.rows = i[23];
    s.Cg = s.C / s.groups; s.Cog = s.Co / s.groups;
    s.deep = s.k[0];
    s.strip_h = (s.rows - 1) * s.step[1] + (s.k[1] - 1) * s.dil[1] + 1;
    s.strip_w = ((s.out[2] - 1) * s.step[2] + (s.k[2] - 1) * s.dil[2] + 1) * s.C;
    s.span = s.groups == 1 && s.dil[2] == 1 ? s.k[2] * s.C : s.Cg;          /* floats that lie side by side */
    return s;
}

/* strip[kd][row][w][C]: the input rows that output rows [oh, oh + rows) of plane od look at. Without padding they lie in x so. */
static const float *conv_strip(const conv_shape *s, float *strip, const float *x, int64_t n, int64_t od, int64_t oh) {
    int64_t width = s->strip_w / s->C;
    if (s->deep == 1 && width == s->in[2] && !s->pad[0] && !s->pad[1] && !s->pad[2] && s->up[0] == 1 && s->up[1] == 1 && s->up[2] == 1
        && (s->out[0] - 1) * s->step[0] < s->in[0] && (s->out[1] - 1) * s->step[1] + (s->k[1] - 1) * s->dil[1] < s->in[1])
        return x + ((n * s->in[0] + od * s->step[0]) * s->in[1] + oh * s->step[1]) * s->strip_w;
    for (int64_t kd = 0; kd < s->deep; kd++)
        for (int64_t r = 0; r < s->strip_h; r++) {
            float *to = strip + (kd * s->strip_h + r) * s->strip_w;
            int64_t d = od * s->step[0] + kd * s->dil[0] - s->pad[0], h = oh * s->step[1] + r - s->pad[1];
            int empty = d < 0 || h < 0 || d % s->up[0] || h % s->up[1] || d / s->up[0] >= s->in[0] || h / s->up[1] >= s->in[1];
            if (empty) { memset(to, 0, (size_t)s->strip_w * 4); continue; }
            const float *from = x + ((n * s->in[0] + d / s->up[0]) * s->in[1] + h / s->up[1]) * s->in[2] * s->C;
            if (s->up[2] == 1 && s->pad[2] >= 0) {
                int64_t a = s->pad[2] < width ? s->pad[2] : width, b = s->in[2] + s->pad[2] < width ? s->in[2] + s->pad[2] : width;
                if (b < a) b = a;
                memset(to, 0, (size_t)(a * s->C) * 4);
                memcpy(to + a * s->C, from + (a - s->pad[2]) * s->C, (size_t)((b - a) * s->C) * 4);
                memset(to + b * s->C, 0, (size_t)((width - b) * s->C) * 4);
            } else for (int64_t w = 0; w < width; w++) {
                int64_t q = w - s->pad[2];
                if (q < 0 || q % s->up[2] || q / s->up[2] >= s->in[2]) memset(to + w * s->C, 0, (size_t)s->C * 4);
                else memcpy(to + w * s->C, from + q / s->up[2] * s->C, (size_t)s->C * 4);
            }
        }
    return strip;
}

FD_KERNEL(conv_pack) {   /* P[groups, panels, taps Cg, NR] | w | taps, Cg, Cog, groups, backward: taps reversed, channels swapped */
    float *P = c->p[0]; const float *w = c->p[1]; int64_t lo, hi;
    int64_t taps = c->i[0], Cg = c->i[1], Cog = c->i[2], groups = c->i[3], back = c->i[4], K = taps * Cg, panels = (Cog + NR - 1) / NR;
    fd_share(groups * panels * taps, 1, tid, nt, &lo, &hi);
    for (int64_t t = lo; t < hi; t++) {
        int64_t g = t / (panels * taps), p = t / taps % panels, tap = t % taps, from = p * NR, n = Cog - from < NR ? Cog - from : NR;
        float *to = P + ((g * panels + p) * K + tap * Cg) * NR;
        for (int64_t a = 0; a < Cg; a++, to += NR) {
            if (!back) {
                const float *q = w + (tap * Cg + a) * Cog * groups + g * Cog + from;
                for (int64_t j = 0; j < NR; j++) to[j] = j < n ? q[j] : 0.f;
            } else {                                     /* w is [taps][Cog][groups Cg] seen from the forward pass */
                const float *q = w + ((taps - 1 - tap) * Cog + from) * Cg * groups + g * Cg + a;
                for (int64_t j = 0; j < NR; j++) to[j] = j < n ? q[j * Cg * groups] : 0.f;
            }
        }
    }
}

/* y[mr pixels, n] of one output row: pixel m starts at a + m rs */
static inline __attribute__((always_inline))
void conv_tile(const int mr, const int nv, const conv_shape *s, const float *a, int64_t rs, const float *b, float *y, int64_t n, const sum_end *e, int64_t col, int64_t at) {
    vf s0[MR], s1[MR];
    EACH for (int m = 0; m < mr; m++) s0[m] = s1[m] = vf_set1(0.f);
    int64_t wide = s->k[2] * s->Cg / s->span;
    for (int64_t kd = 0; kd < s->deep; kd++)
        for (int64_t kh = 0; kh < s->k[1]; kh++)
            for (int64_t kw = 0; kw < wide; kw++) {
                const float *p = a + (kd * s->strip_h + kh * s->dil[1]) * s->strip_w + kw * s->dil[2] * s->C;
                for (int64_t k = 0; k < s->span; k++, b += NR) {
                    vf b0 = vf_load(b), b1 = nv == 2 ? vf_load(b + VL) : b0;
                    EACH for (int m = 0; m < mr; m++) {
                        vf x = vf_set1(p[m * rs + k]);
                        s0[m] += x * b0;
                        if (nv == 2) s1[m] += x * b1;
                    }
                }
            }
    const int here = e->kind < 3 && n == nv * VL;           /* else by way of y */
    if (here) {
        const sum_cols c0 = end_cols(e, col, VL), c1 = nv == 2 ? end_cols(e, col + VL, VL) : c0;
#define END(kind) EACH for (int m = 0; m < mr; m++) { \
        s0[m] = end_of(kind, s0[m], e, &c0, at + m * s->Co, VL); \
        if (nv == 2) s1[m] = end_of(kind, s1[m], e, &c1, at + m * s->Co + VL, VL); }
        if (e->kind == 0) { END(0) } else if (e->kind == 1) { END(1) } else { END(2) }
#undef END
    }
    float *to = y;
    EACH for (int m = 0; m < mr; m++, to += s->Co) {
        if (n == nv * VL) { vf_store(to, s0[m]); if (nv == 2) vf_store(to + VL, s1[m]); }
        else { vf_storen(to, s0[m], n < VL ? n : VL); if (n > VL) vf_storen(to + VL, s1[m], n - VL); }
    }
    if (e->any && !here) gemm_finish(y, s->Co, mr, nv, n, e, col, at, s->Co);
}

/* a switch over a constant number of rows keeps every sum in a register */
#define BY_ROWS_12(call) case 12: call(12); break; case 11: call(11); break; case 10: call(10); break; case 9: call(9); break; \
    case 8: call(8); break; case 7: call(7); break;
#define BY_ROWS_6(call) case 6: call(6); break; case 5: call(5); break;
#define BY_ROWS_4(call) case 4: call(4); break; case 3: call(3); break; case 2: call(2); break; default: call(1);
#if VB == 64
#define BY_ROWS(mr, call) switch (mr) { BY_ROWS_12(call) BY_ROWS_6(call) BY_ROWS_4(call) }
#elif VB == 32
#define BY_ROWS(mr, call) switch (mr) { BY_ROWS_6(call) BY_ROWS_4(call) }
#else
#define BY_ROWS(mr, call) switch (mr) { BY_ROWS_4(call) }
#endif

/* flags of the forward kernels: 1 bias, 2 norm, 4 rest, 8 taps reversed (depthwise), 16 times the activation */
#define CONV_END(flags) end_read(c->p + 4, (flags) & 1, (flags) & 2, (flags) & 4, (flags) >> 4)
FD_KERNEL(conv) {        /* y[N, out, Co], strips[nt] | P, x[N, in, C], (bias[Co]), (mean[Co], k[Co], beta[Co]), (rest) | N, C, Co, in[3], out[3], k[3], step[3], pad[3], dil[3], groups, flags, rows | up[3] */
    const conv_shape s = conv_read(c);
    int64_t strip = s.deep * s.strip_h * s.strip_w, blocks = (s.out[1] + s.rows - 1) / s.rows, lo, hi;
    int64_t panels = (s.Cog + NR - 1) / NR, K = s.k[0] * s.k[1] * s.k[2] * s.Cg, tiles = (s.out[2] + MR - 1) / MR;
    float *y = c->p[0], *own = (float *)c->p[1] + tid * strip;
    const float *P = c->p[2], *x = c->p[3];
    const sum_end fin = CONV_END(s.flags);
    const int64_t units = s.N * s.out[0] * blocks, by_panels = units < 2 * nt && s.groups * panels >= nt;     /* few pixels */
    fd_share(by_panels ? s.groups * panels : units, 1, tid, nt, &lo, &hi);
    const int64_t q0 = by_panels ? lo : 0, q1 = by_panels ? hi : s.groups * panels, last = by_panels ? units : hi;
    for (int64_t t = by_panels ? 0 : lo; t < last; t++) {
        int64_t n = t / (s.out[0] * blocks), od = t / blocks % s.out[0], oh = t % blocks * s.rows;
        int64_t end = oh + s.rows < s.out[1] ? oh + s.rows : s.out[1];
        const float *seen = conv_strip(&s, own, x, n, od, oh);
        for (int64_t q = q0; q < q1; q++) {
            int64_t g = q / panels, from = q % panels * NR, cols = s.Cog - from < NR ? s.Cog - from : NR;
            for (int64_t h = oh; h < end; h++)
                for (int64_t j = 0; j < tiles; j++) {
                    int64_t w = s.out[2] * j / tiles, mr = s.out[2] * (j + 1) / tiles - w, rs = s.step[2] * s.C;
                    const float *a = seen + (h - oh) * s.step[1] * s.strip_w + w * rs + g * s.Cg;
                    int64_t col = g * s.Cog + from, at = (((n * s.out[0] + od) * s.out[1] + h) * s.out[2] + w) * s.Co + col;
#define TILE(r) conv_tile(r, 2, &s, a, rs, P + q * K * NR, y + at, cols, &fin, col, at)
#define HALF(r) conv_tile(r, 1, &s, a, rs, P + q * K * NR, y + at, cols, &fin, col, at)
                    if (cols <= VL) { BY_ROWS(mr, HALF) } else { BY_ROWS(mr, TILE) }
#undef TILE
#undef HALF
                }
        }
    }
}

/* dW[mr rows, n] += sum over the block's pixels of x[pixel, row] g[pixel, n] */
static inline __attribute__((always_inline))
void conv_outer(const int mr, const int nv, const conv_shape *s, const float *a, const float *g, int64_t rows, float *to, int64_t n) {
    vf s0[MR], s1[MR];
    int64_t n0 = n < VL ? n : VL, n1 = n - n0;
    EACH for (int m = 0; m < mr; m++) { s0[m] = vf_loadn(to + m * s->Co, n0); if (nv == 2) s1[m] = vf_loadn(to + m * s->Co + VL, n1); }
    for (int64_t r = 0; r < rows; r++) {
        const float *p = a + r * s->step[1] * s->strip_w, *q = g + r * s->out[2] * s->Co;
        for (int64_t w = 0; w < s->out[2]; w++, p += s->step[2] * s->C, q += s->Co) {
            vf b0, b1;
            if (nv == 1) b0 = b1 = n0 == VL ? vf_load(q) : vf_loadn(q, n0);
            else if (n == NR) { b0 = vf_load(q); b1 = vf_load(q + VL); }
            else { b0 = vf_loadn(q, n0); b1 = vf_loadn(q + VL, n1); }
            EACH for (int m = 0; m < mr; m++) {
                vf x = vf_set1(p[m]);
                s0[m] += x * b0;
                if (nv == 2) s1[m] += x * b1;
            }
        }
    }
    EACH for (int m = 0; m < mr; m++) { vf_storen(to + m * s->Co, s0[m], n0); if (nv == 2) vf_storen(to + m * s->Co + VL, s1[m], n1); }
}

FD_KERNEL(conv_weight_grad) {   /* dW[parts, K, Co], strips[nt] | x[N, in, C], g[N, out, Co] | as conv, with flags = images of a part | up[3] */
    conv_shape s = conv_read(c);
    int64_t strip = s.deep * s.strip_h * s.strip_w, images = s.flags, parts = (s.N + images - 1) / images, lo, hi;
    int64_t panels = (s.Cog + NR - 1) / NR, K = s.k[0] * s.k[1] * s.k[2] * s.Cg, wide = s.k[2] * s.Cg / s.span;
    float *dw = c->p[0], *own = (float *)c->p[1] + tid * strip;
    const float *x = c->p[2], *gy = c->p[3];
    int64_t all = s.groups * panels;
    fd_share(parts * all, 1, tid, nt, &lo, &hi);
    for (int64_t part = lo / all; part * all < hi; part++) {
        int64_t q0 = part * all < lo ? lo - part * all : 0, q1 = (part + 1) * all > hi ? hi - part * all : all;
        float *mine = dw + part * K * s.Co;
        for (int64_t k = 0; k < K; k++)
            for (int64_t q = q0; q < q1; q++) {
                int64_t from = q % panels * NR, cols = s.Cog - from < NR ? s.Cog - from : NR;
                memset(mine + k * s.Co + q / panels * s.Cog + from, 0, (size_t)cols * 4);
            }
        for (int64_t n = part * images; n < s.N && n < (part + 1) * images; n++)
            for (int64_t od = 0; od < s.out[0]; od++)
                for (int64_t oh = 0; oh < s.out[1]; oh += s.rows) {
                    int64_t rows = oh + s.rows < s.out[1] ? s.rows : s.out[1] - oh;
                    const float *seen = conv_strip(&s, own, x, n, od, oh);
                    const float *g0 = gy + ((n * s.out[0] + od) * s.out[1] + oh) * s.out[2] * s.Co;
                    for (int64_t q = q0; q < q1; q++) {
                        int64_t grp = q / panels, from = q % panels * NR, cols = s.Cog - from < NR ? s.Cog - from : NR;
                        const float *g = g0 + grp * s.Cog + from;
                        float *to = mine + grp * s.Cog + from;
                        for (int64_t kd = 0; kd < s.deep; kd++)
                            for (int64_t kh = 0; kh < s.k[1]; kh++)
                                for (int64_t kw = 0; kw < wide; kw++) {
                                    const float *a = seen + (kd * s.strip_h + kh * s.dil[1]) * s.strip_w + kw * s.dil[2] * s.C + grp * s.Cg;
                                    for (int64_t k = 0; k < s.span; ) {
                                        int64_t mr = s.span - k < MR ? s.span - k : MR;
#define TILE(r) conv_outer(r, 2, &s, a + k, g, rows, to, cols)
#define HALF(r) conv_outer(r, 1, &s, a + k, g, rows, to, cols)
                                        if (cols <= VL) { BY_ROWS(mr, HALF) } else { BY_ROWS(mr, TILE) }
#undef TILE
#undef HALF
                                        k += mr;
                                        to += mr * s.Co;
                                    }
                                }
                    }
                }
    }
}

FD_KERNEL(add_parts) {   /* y[n] | parts[m, n] | n, m: added in order */
    float *y = c->p[0]; const float *p = c->p[1]; int64_t n = c->i[0], m = c->i[1], lo, hi;
    fd_share(n, 1024, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k += VL) {
        int64_t left = hi - k < VL ? hi - k : VL; vf a = vf_loadn(p + k, left);
        for (int64_t j = 1; j < m; j++) a += vf_loadn(p + j * n + k, left);
        vf_storen(y + k, a, left);
    }
}

/* One filter a channel: vectors along the channels, a few pixels of a row at a time so that a tap is loaded once for all.
   Taps outside the image are left out: `see` is what a row of outputs looks at. */
typedef struct { const float *x; int64_t d0, d1, h0, h1, ds, hs, left, width; } depth_view;

/* what the next row of outputs will look at and write */
static inline void depthwise_ask(const conv_shape *s, const depth_view *v, const float *seen, const float *below, int64_t px) {
    for (int64_t i = 0; i < s->step[1]; i++)
        for (int64_t j = 0; j < px * s->step[2]; j++) __builtin_prefetch(seen + v->h1 * v->hs + i * s->in[2] * s->C + j * s->C);
    for (int64_t j = 0; j < px; j++) __builtin_prefetch(below + j * s->C, 1);
}

static inline __attribute__((always_inline))
void depthwise_tile(const int px, const int whole, const conv_shape *s, const depth_view *v, const float *a, const float *f, int64_t fs,
                    int64_t kw0, int64_t kw1, int64_t m, float *y, const sum_end *e, int64_t col, int64_t at) {
    const int64_t rs = s->step[2] * s->C, ks = s->dil[2] * s->C;
    vf sum[8];
    EACH for (int j = 0; j < px; j++) sum[j] = vf_set1(0.f);
    for (int64_t kd = v->d0; kd < v->d1; kd++)
        for (int64_t kh = v->h0; kh < v->h1; kh++) {
            const float *p = a + kd * v->ds + kh * v->hs + kw0 * ks, *q = f + ((kd * s->k[1] + kh) * s->k[2] + kw0) * fs;
            for (int64_t kw = kw0; kw < kw1; kw++, p += ks, q += fs) {
                vf w = whole ? vf_load(q) : vf_loadn(q, m);
                EACH for (int j = 0; j < px; j++) sum[j] += (whole ? vf_load(p + j * rs) : vf_loadn(p + j * rs, m)) * w;
            }
        }
    y += at;
#define END(kind) EACH for (int j = 0; j < px; j++) { \
        const vf last = end_of(kind, sum[j], e, &c, at + j * s->C, m); \
        if (whole) vf_store(y + j * s->C, last); else vf_storen(y + j * s->C, last, m); }
    const sum_cols c = end_cols(e, col, m);
    BY_KIND(e->kind, END)
#undef END
}

/* Rows of three taps side by side: px outputs of a row, `step` pixels apart, all channels; a pixel is loaded once for all taps.
   The first `lo` and the last `hi` columns (no more than two each) lie outside the image: they are read from zeros. A
   function for every px, so that its sums and addresses have the registers to themselves. */
static const float depth_zeros[VL] __attribute__((aligned(64)));
typedef struct { const conv_shape *s; depth_view v; const float *w; const sum_end *e; int64_t ws, lo, hi; int ask; } depth_row;
static inline __attribute__((always_inline)) void depthwise_three(const int px, const int step, const depth_row *r, const float *a, float *y, int64_t at) {
    const int columns = (px - 1) * step + 3;
    const int64_t C = r->s->C, lo = r->lo, hi = r->hi, ws = r->ws;
    const sum_end *e = r->e;
    for (int64_t k = 0; k < C; k += VL) {
        if (k > C - VL) k = C - VL;                         /* the last vector: some channels again */
        if (r->ask) depthwise_ask(r->s, &r->v, a + k, y + at + r->s->out[2] * C + k, px);
        vf sum[8];
        EACH for (int j = 0; j < px; j++) sum[j] = vf_set1(0.f);
        for (int64_t kd = r->v.d0; kd < r->v.d1; kd++) {
            const float *p = a + kd * r->v.ds + r->v.h0 * r->v.hs + k, *q = r->w + (kd * r->s->k[1] + r->v.h0) * 3 * ws + k;
            for (int64_t kh = r->v.h0; kh < r->v.h1; kh++, p += r->v.hs, q += 3 * ws) {
                const vf w0 = vf_load(q), w1 = vf_load(q + ws), w2 = vf_load(q + 2 * ws);
                EACH for (int j = 0; j < columns; j++) {
                    const vf x = vf_once((j < 2 && j < lo) || (j >= columns - 2 && j >= columns - hi) ? depth_zeros : p + j * C);
                    if (step == 1) {
                        if (j < px) sum[j] += x * w0;
                        if (j > 0 && j <= px) sum[j - 1] += x * w1;
                        if (j > 1) sum[j - 2] += x * w2;
                    } else if (j % 2) sum[j / 2] += x * w1;
                    else {
                        if (j / 2 < px) sum[j / 2] += x * w0;
                        if (j > 0) sum[j / 2 - 1] += x * w2;
                    }
                }
            }
        }
        const sum_cols c = end_cols(e, k, VL);
        float *to = y + at + k;
#define END(kind) EACH for (int j = 0; j < px; j++) vf_store(to + j * C, end_of(kind, sum[j], e, &c, at + k + j * C, VL));
        BY_KIND(e->kind, END)
#undef END
    }
}
typedef void (*depth_three_fn)(const depth_row *r, const float *a, float *y, int64_t at);
#define THREE(name, px, step) static void name##_##px(const depth_row *r, const float *a, float *y, int64_t at) { depthwise_three(px, step, r, a, y, at); }
#define ALL(f, step) THREE(f, 1, step) THREE(f, 2, step) THREE(f, 3, step) THREE(f, 4, step) THREE(f, 5, step) THREE(f, 6, step) THREE(f, 7, step) THREE(f, 8, step)
ALL(depth_one, 1) ALL(depth_two, 2)
#undef ALL
#define ALL(f) {NULL, f##_1, f##_2, f##_3, f##_4, f##_5, f##_6, f##_7, f##_8}
static const depth_three_fn depth_threes[2][9] = {ALL(depth_one), ALL(depth_two)};
#undef ALL
#undef THREE

/* Fewer channels than a vector has lanes: pixels side by side are one row of n floats, and its vectors take turns with
   C vectors of each tap's weights, w[tap][turn]. */
enum { FLAT_TAPS = 9 };
static void depthwise_flat(const conv_shape *s, const depth_view *v, const float *a, vf (*w)[VL], int64_t n, float *y) {
    for (int64_t at = 0, turn = 0; at < n; at += VL, turn = turn + 1 == s->C ? 0 : turn + 1) {
        const int64_t m = n - at < VL ? n - at : VL;
        vf sum = vf_set1(0.f);
        for (int64_t kd = v->d0; kd < v->d1; kd++)
            for (int64_t kh = v->h0; kh < v->h1; kh++)
                for (int64_t kw = 0; kw < s->k[2]; kw++) {
                    const float *p = a + kd * v->ds + kh * v->hs + kw * s->C + at;
                    sum += (m == VL ? vf_load(p) : vf_loadn(p, m)) * w[(kd * s->k[1] + kh) * s->k[2] + kw][turn];
                }
        if (m == VL) vf_store(y + at, sum); else vf_storen(y + at, sum, m);
    }
}

/* the taps [lo, hi) of k, `dil` apart, that meet 0..n when the first is at `at` */
static inline void taps_inside(int64_t at, int64_t k, int64_t dil, int64_t n, int64_t *lo, int64_t *hi) {
    *lo = at < 0 ? (dil - 1 - at) / dil : 0;
    *hi = at >= n ? 0 : (n - 1 - at) / dil + 1 < k ? (n - 1 - at) / dil + 1 : k;
}

FD_KERNEL(depthwise) {   /* y[N, out, C], strips[nt] | w[taps, C], x[N, in, C], and the rest as conv; flags bit 3: taps reversed */
    const conv_shape s = conv_read(c);
    int64_t strip = s.deep * s.strip_h * s.strip_w, lo, hi, taps = s.k[0] * s.k[1] * s.k[2];
    float *y = c->p[0], *own = (float *)c->p[1] + tid * strip;
    const float *wt = c->p[2], *x = c->p[3];
    const sum_end fin = CONV_END(s.flags);
    const int64_t fs = (s.flags & 8) ? -s.C : s.C, rs = s.step[2] * s.C, row = s.in[2] * s.C;
    const int far = s.N * s.in[0] * s.in[1] * row > 1 << 18;            /* more than lies near: ask for it */
    const int spread = s.up[0] > 1 || s.up[1] > 1 || s.up[2] > 1;      /* zeros between the inputs: by way of a strip that has them */
    if (s.flags & 8) wt += (taps - 1) * s.C;
    depth_view v = {.ds = s.dil[0] * s.in[1] * row, .hs = s.dil[1] * row, .left = s.pad[2], .width = s.in[2]};
    if (spread) v = (depth_view){.d1 = s.k[0], .h1 = s.k[1], .ds = s.strip_h * s.strip_w, .hs = s.dil[1] * s.strip_w, .width = s.strip_w / s.C};
    int64_t first = v.left > 0 ? (v.left + s.step[2] - 1) / s.step[2] : 0, room = v.width - 1 - (s.k[2] - 1) * s.dil[2] + v.left;
    int64_t end = room < 0 ? 0 : room / s.step[2] + 1;                 /* outputs [first, end) of a row see all taps along it */
    if (end > s.out[2]) end = s.out[2];
    if (first > end) first = end;
    const int64_t past = (s.out[2] - 1) * s.step[2] + 3 - v.left - v.width, tiles = (s.out[2] + 7) / 8;      /* columns behind the image */
    const int three = s.k[2] == 3 && s.dil[2] == 1 && s.step[2] <= 2 && s.C >= VL && v.left <= 2 && past <= 2;
    const int flat = s.C < VL && taps <= FLAT_TAPS && s.step[2] == 1 && s.dil[2] == 1 && !spread && !fin.any;
    vf turns[FLAT_TAPS][VL];
    if (flat) for (int64_t k = 0; k < taps; k++) for (int64_t j = 0; j < s.C * VL; j++) turns[k][j / VL][j % VL] = wt[k * fs + j % s.C];
    const int64_t each = spread ? s.rows : 1, blocks = (s.out[1] + each - 1) / each;       /* rows of a task: a strip's, or one */
    fd_share(s.N * s.out[0] * blocks, 1, tid, nt, &lo, &hi);
    for (int64_t t = lo; t < hi; t++) {
        int64_t n = t / (s.out[0] * blocks), od = t / blocks % s.out[0], oh = t % blocks * each;
        int64_t bottom = oh + each < s.out[1] ? oh + each : s.out[1];
        if (spread) (void)conv_strip(&s, own, x, n, od, oh);
        for (int64_t h = oh; h < bottom; h++) {
            if (spread) v.x = own + (h - oh) * s.step[1] * s.strip_w;
            else {
                int64_t d = od * s.step[0] - s.pad[0], r = h * s.step[1] - s.pad[1];
                taps_inside(d, s.k[0], s.dil[0], s.in[0], &v.d0, &v.d1);
                taps_inside(r, s.k[1], s.dil[1], s.in[1], &v.h0, &v.h1);
                v.x = x + ((n * s.in[0] + d) * s.in[1] + r) * row - v.left * s.C;
            }
            const int64_t at = ((n * s.out[0] + od) * s.out[1] + h) * s.out[2] * s.C;
            if (three) {
                depth_row r = {&s, v, wt, &fin, fs, 0, 0, far && !spread};
                for (int64_t j = 0; j < tiles; j++) {
                    const int64_t w = s.out[2] * j / tiles, px = s.out[2] * (j + 1) / tiles - w, from = w * s.step[2] - v.left;
                    r.lo = -from; r.hi = from + (px - 1) * s.step[2] + 3 - v.width;
                    depth_threes[s.step[2] - 1][px](&r, v.x + w * rs, y, at + w * s.C);
                }
                continue;
            }
            for (int64_t w = 0, px; w < s.out[2]; w += px) {
                int64_t kw0 = 0, kw1 = s.k[2], left = end - w;
                if (flat && w >= first && left > 0) {
                    depthwise_flat(&s, &v, v.x + w * rs, turns, left * s.C, y + at + w * s.C);
                    px = left;
                    continue;
                }
                px = w < first || left < 2 ? 1 : left >= 8 ? 8 : left >= 4 ? 4 : 2;
                if (px == 1) taps_inside(w * s.step[2] - v.left, s.k[2], s.dil[2], v.width, &kw0, &kw1);
                for (int64_t k = 0; k < s.C; k += VL) {
                    const int64_t m = s.C - k < VL ? s.C - k : VL;
                    if (far && !spread && m == VL) depthwise_ask(&s, &v, v.x + w * rs + k, y + at + (s.out[2] + w) * s.C + k, px);
#define ONE(px, whole) depthwise_tile(px, whole, &s, &v, v.x + w * rs + k, wt + k, fs, kw0, kw1, m, y, &fin, k, at + w * s.C + k)
#define TILE(px) case px: if (m < VL) ONE(px, 0); else ONE(px, 1); break;
                    switch (px) { TILE(8) TILE(4) TILE(2) TILE(1) }
#undef ONE
#undef TILE
                }
            }
        }
    }
}

/* dw of nh x nw taps, the first of which meets p: every pixel of g is loaded once for all of them */
static inline __attribute__((always_inline))
void depthwise_outer(const int nh, const int nw, const conv_shape *s, const float *p, const float *g, int64_t rows, int64_t m, float *dw) {
    const int64_t hs = s->dil[1] * s->strip_w, ws = s->dil[2] * s->C, rs = s->step[2] * s->C;
    vf sum[3][3];
    EACH for (int i = 0; i < nh; i++) EACH for (int j = 0; j < nw; j++) sum[i][j] = vf_loadn(dw + (i * s->k[2] + j) * s->C, m);
    for (int64_t r = 0; r < rows; r++) {
        const float *a = p + r * s->step[1] * s->strip_w, *b = g + r * s->out[2] * s->C;
        if (m == VL) for (int64_t w = 0; w < s->out[2]; w++, a += rs, b += s->C) {
            vf v = vf_load(b);
            __builtin_prefetch(b + s->out[2] * s->C);       /* the row below, a vector of channels at a time: no order a prefetcher sees */
            __builtin_prefetch(a + (nh - 1) * hs + s->step[1] * s->strip_w);
            EACH for (int i = 0; i < nh; i++) EACH for (int j = 0; j < nw; j++) sum[i][j] += vf_load(a + i * hs + j * ws) * v;
        } else for (int64_t w = 0; w < s->out[2]; w++, a += rs, b += s->C) {
            vf v = vf_loadn(b, m);
            EACH for (int i = 0; i < nh; i++) EACH for (int j = 0; j < nw; j++) sum[i][j] += vf_loadn(a + i * hs + j * ws, m) * v;
        }
    }
    EACH for (int i = 0; i < nh; i++) EACH for (int j = 0; j < nw; j++) vf_storen(dw + (i * s->k[2] + j) * s->C, sum[i][j], m);
}

FD_KERNEL(depthwise_weight_grad) {   /* dw[parts, taps, C], strips[nt] | x[N, in, C], g[N, out, C] | as conv, flags = images of a part | up[3] */
    const conv_shape s = conv_read(c);
    int64_t strip = s.deep * s.strip_h * s.strip_w, images = s.flags, parts = (s.N + images - 1) / images, lo, hi, taps = s.k[0] * s.k[1] * s.k[2];
    float *dw = c->p[0], *own = (float *)c->p[1] + tid * strip;
    const float *x = c->p[2], *gy = c->p[3];
    fd_share(parts, 1, tid, nt, &lo, &hi);
    for (int64_t part = lo; part < hi; part++) {
        float *mine = dw + part * taps * s.C;
        memset(mine, 0, (size_t)(taps * s.C) * 4);
        for (int64_t n = part * images; n < s.N && n < (part + 1) * images; n++)
            for (int64_t od = 0; od < s.out[0]; od++)
                for (int64_t oh = 0; oh < s.out[1]; oh += s.rows) {
                    int64_t rows = oh + s.rows < s.out[1] ? s.rows : s.out[1] - oh;
                    const float *seen = conv_strip(&s, own, x, n, od, oh);
                    const float *g0 = gy + ((n * s.out[0] + od) * s.out[1] + oh) * s.out[2] * s.C;
                    for (int64_t k = 0; k < s.C; k += VL)
                        for (int64_t kd = 0; kd < s.deep; kd++)
                            for (int64_t kh = 0, nh; kh < s.k[1]; kh += nh) {
                                nh = s.k[1] - kh >= 3 && s.k[2] >= 3 ? 3 : 1;
                                for (int64_t kw = 0, nw; kw < s.k[2]; kw += nw) {
                                    const float *p = seen + (kd * s.strip_h + kh * s.dil[1]) * s.strip_w + kw * s.dil[2] * s.C + k;
                                    float *to = mine + ((kd * s.k[1] + kh) * s.k[2] + kw) * s.C + k;
                                    int64_t m = s.C - k < VL ? s.C - k : VL;
                                    nw = s.k[2] - kw >= 3 ? 3 : 1;
                                    if (nh == 3 && nw == 3) depthwise_outer(3, 3, &s, p, g0 + k, rows, m, to);
                                    else if (nh == 3) depthwise_outer(3, 1, &s, p, g0 + k, rows, m, to);
                                    else if (nw == 3) depthwise_outer(1, 3, &s, p, g0 + k, rows, m, to);
                                    else depthwise_outer(1, 1, &s, p, g0 + k, rows, m, to);
                                }
                            }
                }
    }
}
