/* 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): 36 products make 16 outputs that cost 144 the direct way.
   Points 0, +-3/4, +-5/4, infinity: their transforms are exact in binary, and the error is a fifth of the textbook's.
   A task is a block of `tiles` tiles: transform in, 36 small products, transform out, all in the cache. */

/* t = B^T d of six values; y = A^T m */
static inline __attribute__((always_inline)) void wino_in(const vf *d, vf *t) {
    vf a = d[4] - 1.5625f * d[2], b = .75f * d[3] - 1.171875f * d[1], c = d[4] - .5625f * d[2], e = 1.25f * d[3] - .703125f * d[1];
    t[0] = .87890625f * d[0] - 2.125f * d[2] + d[4];
    t[1] = a + b; t[2] = a - b; t[3] = c + e; t[4] = c - e;
    t[5] = .87890625f * d[1] - 2.125f * d[3] + d[5];
}
static inline __attribute__((always_inline)) void wino_out(const vf *m, vf *y) {
    vf p = m[1] + m[2], q = m[1] - m[2], u = m[3] + m[4], v = m[3] - m[4];
    y[0] = m[0] + p + u;
    y[1] = .75f * q + 1.25f * v;
    y[2] = .5625f * p + 1.5625f * u;
    y[3] = .421875f * q + 1.953125f * v + m[5];
}
/* B^T d B of a tile whose pixels lie rs and cs apart, in 36 planes. Two rows at a time, so that no register is spilled:
   reading a pixel thrice costs less than writing it once. */
static inline __attribute__((always_inline)) void wino_tile_in(const float *p, int64_t rs, int64_t cs, float *to, int64_t plane) {
    vf r[6], q[6], v[6];
#define D(i) vf_load(p + (i) * rs + j * cs)
#define ROW(i, r) wino_in(r, v); EACH for (int j = 0; j < 6; j++) vf_store(to + ((i) * 6 + j) * plane, v[j]);
    EACH for (int j = 0; j < 6; j++) r[j] = .87890625f * D(0) - 2.125f * D(2) + D(4);
    ROW(0, r)
    EACH for (int j = 0; j < 6; j++) { vf a = D(4) - 1.5625f * D(2), b = .75f * D(3) - 1.171875f * D(1); r[j] = a + b; q[j] = a - b; }
    ROW(1, r) ROW(2, q)
    EACH for (int j = 0; j < 6; j++) { vf a = D(4) - .5625f * D(2), b = 1.25f * D(3) - .703125f * D(1); r[j] = a + b; q[j] = a - b; }
    ROW(3, r) ROW(4, q)
    EACH for (int j = 0; j < 6; j++) r[j] = .87890625f * D(1) - 2.125f * D(3) + D(5);
    ROW(5, r)
#undef ROW
#undef D
}

static const float WINO_G[6][3] = {{256.f / 225, 0, 0}, {-8.f / 9, -2.f / 3, -.5f}, {-8.f / 9, 2.f / 3, -.5f},
                                   {8.f / 25, 2.f / 5, .5f}, {8.f / 25, -2.f / 5, .5f}, {0, 0, 1}};

FD_KERNEL(winograd_weights) {   /* U[36, panels, C, NR] | w[9, C, Co] | C, Co, backward: taps reversed, channels swapped (w[9, Co, C]) */
    float *U = c->p[0]; const float *w = c->p[1]; int64_t C = c->i[0], Co = c->i[1], back = c->i[2], panels = (Co + NR - 1) / NR, lo, hi;
    fd_share(panels * C, 8, tid, nt, &lo, &hi);
    for (int64_t t = lo; t < hi; t++) {
        int64_t p = t / C, a = t % C, from = p * NR, n = Co - from < NR ? Co - from : NR;
        for (int64_t j = 0; j < NR; j += VL) {
            int64_t m = n - j < 0 ? 0 : n - j < VL ? n - j : VL;
            vf g[9], h[18];
            for (int k = 0; k < 9; k++) {
                if (!back) g[k] = vf_loadn(w + (k * C + a) * Co + from + j, m);
                else { g[k] = vf_set1(0.f); for (int64_t i = 0; i < m; i++) g[k][i] = w[((8 - k) * Co + from + j + i) * C + a]; }
            }
            for (int i = 0; i < 6; i++) for (int k = 0; k < 3; k++) h[i * 3 + k] = WINO_G[i][0] * g[k] + WINO_G[i][1] * g[3 + k] + WINO_G[i][2] * g[6 + k];
            for (int i = 0; i < 6; i++) for (int k = 0; k < 6; k++)
                vf_store(U + (((i * 6 + k) * panels + p) * C + a) * NR + j, h[i * 3] * WINO_G[k][0] + h[i * 3 + 1] * WINO_G[k][1] + h[i * 3 + 2] * WINO_G[k][2]);
        }
    }
}

/* Rows of V are `row` floats apart, its 36 planes `vp`, those of M `mp`: never by a multiple of 4096 bytes, since a tile
   touches all planes at once and a cache has few places for one such distance. */
typedef struct { int64_t N, C, Co, H, W, OH, OW, top, left, flags, tiles, th, tw, row, vp, mp; } wino_shape;
static wino_shape wino_read(const fd_call *c) {
    const int64_t *i = c->i; wino_shape s = {i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], 0, 0, 0, 0, 0};
    s.th = (s.OH + 3) / 4; s.tw = (s.OW + 3) / 4;
    s.row = (s.C + 15) / 16 * 16 + (s.C % 128 == 0) * 16;
    s.vp = s.tiles * s.row / 32 * 32 + 48; s.mp = s.tiles * NR + 16;
    return s;
}

/* What the tiles up to `end` reach to in an image of `height` rows: the rows behind it are for later blocks. While the products
   of one block run, the memory of the next is asked for, a few lines a product: tiles are no order that a prefetcher sees. */
typedef struct { const float *at, *end; int64_t lines; } wino_ask;
static const float *wino_reach(const wino_shape *s, const float *x, int64_t end, int64_t above, int64_t rows, int64_t height, int64_t row) {
    int64_t n = (end - 1) / (s->th * s->tw), bottom = (end - 1) / s->tw % s->th * 4 - above + rows;
    return end < 1 ? x : x + (n * height + (bottom < height ? bottom : height)) * row;
}
static wino_ask wino_asks(const float *at, const float *end, int64_t products) {
    return (wino_ask){at, end, ((end - at) / 16 + products) / products};
}
static inline void wino_asked(wino_ask *a, const int write) {
    for (int64_t k = 0; k < a->lines && a->at < a->end; k++, a->at += 16) { if (write) __builtin_prefetch(a->at, 1, 2); else __builtin_prefetch(a->at, 0, 2); }
}
#define Y_REACH(tiles) wino_reach(&s, y, tiles, 0, 4, s.OH, s.OW * s.Co)
#define G_REACH(tiles) wino_reach(&s, g, tiles, 0, 4, s.OH, s.OW * s.Co)
#define X_REACH(tiles) wino_reach(&s, x, tiles, s.top, 6, s.H, s.W * s.C)

/* V[36][vp] of tiles [from, from + count) */
static void wino_gather(const wino_shape *s, float *V, const float *x, int64_t from, int64_t count) {
    for (int64_t t = 0; t < count; t++) {
        int64_t n = (from + t) / (s->th * s->tw), i0 = (from + t) / s->tw % s->th * 4 - s->top, j0 = (from + t) % s->tw * 4 - s->left;
        const float *image = x + n * s->H * s->W * s->C;
        int64_t a0 = i0 < 0 ? -i0 : 0, a1 = s->H - i0 < 6 ? s->H - i0 : 6, b0 = j0 < 0 ? -j0 : 0, b1 = s->W - j0 < 6 ? s->W - j0 : 6;
        int inside = a0 == 0 && b0 == 0 && a1 == 6 && b1 == 6;
        for (int64_t k = 0; k < s->C; k += VL) {
            const int64_t m = s->C - k < VL ? s->C - k : VL; const float *p = image + (i0 * s->W + j0) * s->C + k;
            float *to = V + t * s->row + k, edge[36 * VL];
            if (inside && m == VL) { wino_tile_in(p, s->W * s->C, s->C, to, s->vp); continue; }
            EACH for (int i = 0; i < 6; i++) EACH for (int j = 0; j < 6; j++)
                vf_store(edge + (i * 6 + j) * VL, vf_loadn(p + (i * s->W + j) * s->C, i >= a0 && i < a1 && j >= b0 && j < b1 ? m : 0));
            wino_tile_in(edge, 6 * VL, VL, to, s->vp);
        }
    }
}

static inline __attribute__((always_inline)) void wino_tile(const int mr, const int nv, int64_t K, const float *a, int64_t rs, const float *b, float *to) {
    vf s0[MR], s1[MR];
    EACH for (int m = 0; m < mr; m++) s0[m] = s1[m] = vf_set1(0.f);
    for (int64_t k = 0; k < K; k++, b += NR) {
        vf b0 = vf_load(b), b1 = nv == 2 ? vf_load(b + VL) : b0;
        EACH for (int m = 0; m < mr; m++) { vf x = vf_set1(a[m * rs + k]); s0[m] += x * b0; if (nv == 2) s1[m] += x * b1; }
    }
    EACH for (int m = 0; m < mr; m++) { vf_store(to + m * NR, s0[m]); if (nv == 2) vf_store(to + m * NR + VL, s1[m]); }
}

FD_KERNEL(winograd) {   /* y[N, OH, OW, Co], scratch[nt] | U, x[N, H, W, C], and the rest as conv | N, C, Co, H, W, OH, OW, top, left, flags, tiles */
    const wino_shape s = wino_read(c);
    int64_t panels = (s.Co + NR - 1) / NR, all = s.N * s.th * s.tw, blocks = (all + s.tiles - 1) / s.tiles, lo, hi;
    float *y = c->p[0], *V = (float *)c->p[1] + tid * 36 * (s.vp + s.mp), *M = V + 36 * s.vp;
    const float *U = c->p[2], *x = c->p[3];
    const sum_end fin = CONV_END(s.flags);
    const int by_panels = blocks < 2 * nt && panels >= nt;      /* few tiles: U is what takes time, and is read once */
    fd_share(by_panels ? panels : blocks, 1, tid, nt, &lo, &hi);
    const int64_t p0 = by_panels ? lo : 0, p1 = by_panels ? hi : panels, b1 = by_panels ? blocks : hi;
    for (int64_t b = by_panels ? 0 : lo; b < b1; b++) {
        int64_t from = all * b / blocks, count = all * (b + 1) / blocks - from, parts = (count + MR - 1) / MR;
        wino_ask later = wino_asks(X_REACH(from + count), X_REACH(from + 2 * count < all ? from + 2 * count : all), (p1 - p0) * 36 * parts);
        wino_ask below = wino_asks(Y_REACH(from), Y_REACH(from + count), 36 * parts);
        wino_gather(&s, V, x, from, count);
        for (int64_t p = p0; p < p1; p++) {
            for (int64_t q = 0; q < 36; q++)
                for (int64_t j = 0; j < parts; j++) {
                    wino_asked(&later, 0); wino_asked(&below, 1);
                    int64_t t = count * j / parts, mr = count * (j + 1) / parts - t;
#define TILE(r) wino_tile(r, 2, s.C, V + q * s.vp + t * s.row, s.row, U + (q * panels + p) * s.C * NR, M + q * s.mp + t * NR)
#define HALF(r) wino_tile(r, 1, s.C, V + q * s.vp + t * s.row, s.row, U + (q * panels + p) * s.C * NR, M + q * s.mp + t * NR)
                    if (s.Co - p * NR <= VL) { BY_ROWS(mr, HALF) } else { BY_ROWS(mr, TILE) }
#undef TILE
#undef HALF
                }
            for (int64_t t = 0; t < count; t++) {
                int64_t n = (from + t) / (s.th * s.tw), i0 = (from + t) / s.tw % s.th * 4, j0 = (from + t) % s.tw * 4;
                for (int64_t k = p * NR; k < s.Co && k < (p + 1) * NR; k += VL) {
                    const int64_t m = s.Co - k < VL ? s.Co - k : VL, to = ((n * s.OH + i0) * s.OW + j0) * s.Co + k;
                    const float *d = M + t * NR + k - p * NR; vf r[6], q[6], v[4];
                    const sum_cols w = end_cols(&fin, k, m);
#define D(i) vf_load(d + ((i) * 6 + j) * s.mp)
#define PLACE (to + (i * s.OW + j) * s.Co)
#define ROW(kind, row, r) { const int i = row; wino_out(r, v); \
                    if (whole) { EACH for (int j = 0; j < 4; j++) vf_store(y + PLACE, end_of(kind, v[j], &fin, &w, PLACE, VL)); } \
                    else if (i0 + i < s.OH) for (int j = 0; j < 4 && j0 + j < s.OW; j++) vf_storen(y + PLACE, end_of(kind, v[j], &fin, &w, PLACE, m), m); }
#define OUT(kind) EACH for (int j = 0; j < 6; j++) { vf a = D(1) + D(2), b = D(3) + D(4); r[j] = D(0) + a + b; q[j] = .5625f * a + 1.5625f * b; } \
                    ROW(kind, 0, r) ROW(kind, 2, q) \
                    EACH for (int j = 0; j < 6; j++) { vf a = D(1) - D(2), b = D(3) - D(4); r[j] = .75f * a + 1.25f * b; q[j] = .421875f * a + 1.953125f * b + D(5); } \
                    ROW(kind, 1, r) ROW(kind, 3, q)
                    const int whole = i0 + 4 <= s.OH && j0 + 4 <= s.OW && m == VL;
                    BY_KIND(fin.kind, OUT)
#undef OUT
#undef ROW
#undef PLACE
#undef D
                }
            }
        }
    }
}

/* dW = G^T (sum over tiles of V^T (A dY A^T)) G: the same transforms, the tiles being what is summed over */
static inline __attribute__((always_inline)) void wino_spread(const vf *y, vf *m) {    /* m = A y, four values to six */
    vf a = y[0] + .5625f * y[2], b = .75f * y[1] + .421875f * y[3], e = y[0] + 1.5625f * y[2], f = 1.25f * y[1] + 1.953125f * y[3];
    m[0] = y[0]; m[1] = a + b; m[2] = a - b; m[3] = e + f; m[4] = e - f; m[5] = y[3];
}
static inline __attribute__((always_inline)) void wino_tile_spread(const float *p, int64_t rs, int64_t cs, float *to, int64_t plane) {
    vf r[4], q[4], v[6];
#define D(i) vf_load(p + (i) * rs + j * cs)
#define ROW(i, r) wino_spread(r, v); EACH for (int j = 0; j < 6; j++) vf_store(to + ((i) * 6 + j) * plane, v[j]);
    EACH for (int j = 0; j < 4; j++) r[j] = D(0);
    ROW(0, r)
    EACH for (int j = 0; j < 4; j++) { vf a = D(0) + .5625f * D(2), b = .75f * D(1) + .421875f * D(3); r[j] = a + b; q[j] = a - b; }
    ROW(1, r) ROW(2, q)
    EACH for (int j = 0; j < 4; j++) { vf a = D(0) + 1.5625f * D(2), b = 1.25f * D(1) + 1.953125f * D(3); r[j] = a + b; q[j] = a - b; }
    ROW(3, r) ROW(4, q)
    EACH for (int j = 0; j < 4; j++) r[j] = D(3);
    ROW(5, r)
#undef ROW
#undef D
}

static inline __attribute__((always_inline)) void wino_outer(const int mr, const int nv, int64_t T, const float *a, int64_t rs, const float *b, float *to) {
    vf s0[MR], s1[MR];
    EACH for (int m = 0; m < mr; m++) { s0[m] = vf_load(to + m * NR); if (nv == 2) s1[m] = vf_load(to + m * NR + VL); }
    for (int64_t t = 0; t < T; t++, a += rs, b += NR) {
        vf b0 = vf_load(b), b1 = nv == 2 ? vf_load(b + VL) : b0;
        EACH for (int m = 0; m < mr; m++) { vf x = vf_set1(a[m]); s0[m] += x * b0; if (nv == 2) s1[m] += x * b1; }
    }
    EACH for (int m = 0; m < mr; m++) { vf_store(to + m * NR, s0[m]); if (nv == 2) vf_store(to + m * NR + VL, s1[m]); }
}

FD_KERNEL(winograd_weight_grad) {   /* dU[parts, stride: 36, panels, C, NR], scratch[nt] | x[N, H, W, C], g[N, OH, OW, Co] | as winograd, flags = images of a part; stride */
    const wino_shape s = wino_read(c);
    int64_t panels = (s.Co + NR - 1) / NR, all = s.N * s.th * s.tw, each = s.flags * s.th * s.tw, parts = (all + each - 1) / each, lo, hi;
    float *dU = c->p[0], *V = (float *)c->p[1] + tid * 36 * (s.vp + s.mp), *M = V + 36 * s.vp;
    const float *x = c->p[2], *g = c->p[3];
    fd_share(parts * panels, 1, tid, nt, &lo, &hi);
    for (int64_t part = lo / panels; part * panels < hi; part++) {
        int64_t p0 = part * panels < lo ? lo - part * panels : 0, p1 = (part + 1) * panels > hi ? hi - part * panels : panels;
        float *mine = dU + part * c->i[11];
        for (int64_t q = 0; q < 36; q++) memset(mine + (q * panels + p0) * s.C * NR, 0, (size_t)((p1 - p0) * s.C * NR) * 4);
        int64_t first = part * each, end = first + each < all ? first + each : all;
        for (int64_t from = first; from < end; from += s.tiles) {
            int64_t count = end - from < s.tiles ? end - from : s.tiles;
            int64_t next = from + 2 * s.tiles < end ? from + 2 * s.tiles : end, products = (p1 - p0) * 36 * ((s.C + MR - 1) / MR);
            wino_ask later = wino_asks(X_REACH(from + count), X_REACH(next), products), later_g = wino_asks(G_REACH(from + count), G_REACH(next), products);
            wino_gather(&s, V, x, from, count);
            for (int64_t p = p0; p < p1; p++) {
                for (int64_t t = 0; t < count; t++) {
                    int64_t n = (from + t) / (s.th * s.tw), i0 = (from + t) / s.tw % s.th * 4, j0 = (from + t) % s.tw * 4;
                    for (int64_t k = p * NR; k < (p + 1) * NR && k < s.Co; k += VL) {
                        const int64_t m = s.Co - k < VL ? s.Co - k : VL; const float *from_g = g + ((n * s.OH + i0) * s.OW + j0) * s.Co + k;
                        float *to = M + t * NR + k - p * NR, edge[16 * VL];
                        if (i0 + 4 <= s.OH && j0 + 4 <= s.OW && m == VL) { wino_tile_spread(from_g, s.OW * s.Co, s.Co, to, s.mp); continue; }
                        EACH for (int i = 0; i < 4; i++) EACH for (int j = 0; j < 4; j++)
                            vf_store(edge + (i * 4 + j) * VL, vf_loadn(from_g + (i * s.OW + j) * s.Co, i0 + i < s.OH && j0 + j < s.OW ? m : 0));
                        wino_tile_spread(edge, 4 * VL, VL, to, s.mp);
                    }
                }
                for (int64_t q = 0; q < 36; q++)
                    for (int64_t a = 0, mr; a < s.C; a += mr) {
                        mr = s.C - a < MR ? s.C - a : MR;
                        wino_asked(&later, 0); wino_asked(&later_g, 0);
#define TILE(r) wino_outer(r, 2, count, V + q * s.vp + a, s.row, M + q * s.mp, mine + ((q * panels + p) * s.C + a) * NR)
#define HALF(r) wino_outer(r, 1, count, V + q * s.vp + a, s.row, M + q * s.mp, mine + ((q * panels + p) * s.C + a) * NR)
                        if (s.Co - p * NR <= VL) { BY_ROWS(mr, HALF) } else { BY_ROWS(mr, TILE) }
#undef TILE
#undef HALF
                    }
            }
        }
    }
}

FD_KERNEL(winograd_weights_grad) {   /* dw[9, C, Co] | dU[parts, stride: 36, panels, C, NR] | C, Co, parts, stride: parts added in order */
    float *dw = c->p[0]; const float *dU = c->p[1]; int64_t C = c->i[0], Co = c->i[1], parts = c->i[2], panels = (Co + NR - 1) / NR, lo, hi;
    fd_share(panels * C, 8, tid, nt, &lo, &hi);
    for (int64_t t = lo; t < hi; t++) {
        int64_t p = t / C, a = t % C, from = p * NR, n = Co - from < NR ? Co - from : NR;
        for (int64_t j = 0; j < n; j += VL) {
            int64_t m = n - j < VL ? n - j : VL; vf d[36], h[18];
            for (int q = 0; q < 36; q++) {
                d[q] = vf_set1(0.f);
                for (int64_t part = 0; part < parts; part++) d[q] += vf_load(dU + part * c->i[3] + ((q * panels + p) * C + a) * NR + j);
            }
            for (int k = 0; k < 3; k++) for (int q = 0; q < 6; q++) {
                h[k * 6 + q] = vf_set1(0.f);
                for (int i = 0; i < 6; i++) h[k * 6 + q] += WINO_G[i][k] * d[i * 6 + q];
            }
            for (int k = 0; k < 3; k++) for (int l = 0; l < 3; l++) {
                vf r = vf_set1(0.f);
                for (int i = 0; i < 6; i++) r += WINO_G[i][l] * h[k * 6 + i];
                vf_storen(dw + ((k * 3 + l) * C + a) * Co + from + j, r, m);
            }
        }
    }
}
