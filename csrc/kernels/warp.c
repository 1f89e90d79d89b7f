/* Images read at M (row, column) + offset, linearly or at the nearest point: rotation, shift, shear, zoom and flips in one
   pass. For a run of pixels of a row first where to read and with which weights, then the reading. */
enum { WARP_COLUMNS = 32 };
/* Products rounded here and summed later: a fused multiply-add would choose another nearest point than the float64 meaning. */
#define WARP_ROUND(p) __asm__ __volatile__("" : : "r"(p) : "memory")
enum { WARP_NEAREST, WARP_CONSTANT, WARP_REFLECT, WARP_WRAP, WARP_MIRROR };

/* Point k of an axis of n points and everything that mirrors into it. */
static inline int64_t warp_fold(int64_t k, int64_t n, int64_t period, int mode) {
    k %= period;
    if (k < 0) k += period;
    return k < n ? k : period - k - (mode == WARP_REFLECT);
}

/* The two points beside coordinate u and the share of the second; 0 where u is outside and mode is constant. */
static inline int warp_axis(double u, int64_t n, int mode, int order, int64_t *a, int64_t *b, double *t) {
    if (mode == WARP_CONSTANT && (u < 0 || u > (double)(n - 1))) return 0;
    if (mode == WARP_NEAREST || mode == WARP_CONSTANT) u = u < 0 ? 0 : u > (double)(n - 1) ? (double)(n - 1) : u;
    else if (mode == WARP_WRAP && n > 1) {          /* the last point is the first again: the period is n - 1 */
        double size = (double)(n - 1);
        if (u < 0) u += size * (trunc(-u / size) + 1);
        else if (u > size) u -= size * trunc(u / size);
    }
    double low = order ? floor(u) : floor(u + 0.5);
    *t = u - low;
    *a = (int64_t)low;
    *b = *a + 1;
    if ((mode == WARP_REFLECT || mode == WARP_MIRROR) && n > 1) {
        int64_t period = mode == WARP_REFLECT ? 2 * n : 2 * n - 2;
        *a = warp_fold(*a, n, period, mode);
        *b = warp_fold(*b, n, period, mode);
    } else {
        *a = *a < 0 ? 0 : *a < n ? *a : n - 1;
        *b = *b < 0 ? 0 : *b < n ? *b : n - 1;
    }
    return 1;
}

/* Element `at` of the image and its neighbours `right` and `down` of it, with their weights; at = -1: outside. */
typedef struct {
    int32_t at[WARP_COLUMNS], right[WARP_COLUMNS], down[WARP_COLUMNS];
    double w00[WARP_COLUMNS], w01[WARP_COLUMNS], w10[WARP_COLUMNS], w11[WARP_COLUMNS];
} warp_points;
typedef struct { int64_t h, w, C; int mode, order; float scale, fill; } warp_job;

/* Coordinate u and its point, the last point `top` beyond which nothing is read first; NaN is point 0. */
static inline vd4 warp_clamp(vd4 u, double top) { vd4 z = {0}; u = vd4_sel(u > z, u, z); return vd4_sel(u < z + top, u, z + top); }

static void warp_find(warp_points *s, const double *cu, const double *cv, double ru, double rv, double mu, double mv,
                      const warp_job *g) {
    int32_t h = (int32_t)g->h, w = (int32_t)g->w, C = (int32_t)g->C, line = w * C;
    if (g->mode == WARP_NEAREST || g->mode == WARP_CONSTANT) {
        double top = h - 1, end = w - 1, half = g->order ? 0 : 0.5;
        int32_t right = w > 1 ? C : 0, down = h > 1 ? line : 0;
        int32_t r1 = h > 1 && g->order ? h - 2 : h - 1, c1 = w > 1 && g->order ? w - 2 : w - 1;
        vl4 keep = {0};
        if (g->mode == WARP_NEAREST) keep = ~keep;
        for (int j = 0; j < WARP_COLUMNS; j += 4) {
            vd4 u, v;
            memcpy(&u, cu + j, sizeof u);
            memcpy(&v, cv + j, sizeof v);
            u = ru + u + mu;
            v = rv + v + mv;
            vd4 uc = warp_clamp(u, top), vc = warp_clamp(v, end);
            vl4 inside = ((u == uc) & (v == vc)) | keep;
            vi4 r = vi4_min(vd4_ints(uc + half), r1), k = vi4_min(vd4_ints(vc + half), c1);
            vd4 tr = uc - vi4_doubles(r), tc = vc - vi4_doubles(k), w00 = (1 - tr) * (1 - tc), w01 = (1 - tr) * tc, w10 = tr * (1 - tc),
                w11 = tr * tc;
            memcpy(s->w00 + j, &w00, sizeof u); memcpy(s->w01 + j, &w01, sizeof u);
            memcpy(s->w10 + j, &w10, sizeof u); memcpy(s->w11 + j, &w11, sizeof u);
            vi4 at = (r * line + k * C) | ~__builtin_convertvector(inside, vi4);
            vi4 step = {right, right, right, right}, fall = {down, down, down, down};
            memcpy(s->at + j, &at, sizeof at); memcpy(s->right + j, &step, sizeof at); memcpy(s->down + j, &fall, sizeof at);
        }
        return;
    }
    for (int j = 0; j < WARP_COLUMNS; j++) {
        int64_t r0, r1, c0, c1;
        double tr, tc;
        warp_axis(ru + cu[j] + mu, h, g->mode, g->order, &r0, &r1, &tr);
        warp_axis(rv + cv[j] + mv, w, g->mode, g->order, &c0, &c1, &tc);
        s->w00[j] = (1 - tr) * (1 - tc); s->w01[j] = (1 - tr) * tc; s->w10[j] = tr * (1 - tc); s->w11[j] = tr * tc;
        s->at[j] = (int32_t)(r0 * line + c0 * C);
        s->right[j] = (int32_t)((c1 - c0) * C); s->down[j] = (int32_t)((r1 - r0) * line);
    }
}

/* In float64: a pixel between equal pixels must stay what it is, since Pillow cuts off fractions later. */
static inline void warp_pixel(float *to, const float *x, const warp_points *s, int64_t j, const warp_job *g) {
    if (s->at[j] < 0) { for (int64_t k = 0; k < g->C; k++) to[k] = g->fill; return; }
    const float *p = x + s->at[j], *q = p + s->right[j], *b = p + s->down[j], *z = b + s->right[j];
    if (!g->order) for (int64_t k = 0; k < g->C; k++) to[k] = p[k] * g->scale;
    else for (int64_t k = 0; k < g->C; k++)
        to[k] = (float)(p[k] * s->w00[j] + q[k] * s->w01[j] + b[k] * s->w10[j] + z[k] * s->w11[j]) * g->scale;
}

/* n pixels. Three or four channels are one vector: a fourth float is read where `end`, the end of all images, is far enough,
   and written where the next pixel of the run comes after it. */
static void warp_read(float *to, const float *x, const warp_points *s, int64_t n, int64_t end, const warp_job *g) {
    int64_t C = g->C, far = end - 4 - (g->w + 1) * C, j = 0;
    uint32_t safe = far < 0 ? 0 : far < INT32_MAX ? (uint32_t)far : INT32_MAX;
    if ((C == 3 || C == 4) && g->order && far >= 0)
        for (; j < n - 1; j++) {
            if ((uint32_t)s->at[j] > safe) { warp_pixel(to + j * C, x, s, j, g); continue; }
            const float *p = x + s->at[j], *b = p + s->down[j];
            int64_t right = s->right[j];
            vd4 sum = vd4_load(p) * s->w00[j] + vd4_load(p + right) * s->w01[j] + vd4_load(b) * s->w10[j]
                    + vd4_load(b + right) * s->w11[j];
            *(vf4m *)(to + j * C) = vd4_floats(sum) * g->scale;
        }
    for (; j < n; j++) warp_pixel(to + j * C, x, s, j, g);
}

/* y[n, h, w, C] | x[images, h, w, C], rows[n], maps[n, 16] | n, images, h, w, C, mode, order | fill, scale */
FD_KERNEL(affine_warp) {
    int64_t n = c->i[0], images = c->i[1], h = c->i[2], w = c->i[3], C = c->i[4], lo, hi;
    float scale = (float)c->d[1];
    const warp_job g = {h, w, C, (int)c->i[5], (int)c->i[6], scale, (float)c->d[0] * scale};
    const int32_t *rows = c->p[2];
    const double *maps = c->p[3];
    for (int64_t k = 0; k < n; k++) if (rows[k] < 0 || rows[k] >= images) { fd_fail(c, FD_BAD_INDEX, rows[k]); return; }
    fd_share(n * h, 1, tid, nt, &lo, &hi);
    double column[2][WARP_COLUMNS] = {{0}}, row[2];
    warp_points s;
    for (int64_t first = lo; first < hi; ) {
        int64_t k = first / h, last = (k + 1) * h < hi ? (k + 1) * h : hi;
        const double *m = maps + 8 * k;
        int up = m[6] != 0, back = m[7] != 0, still = m[0] == 1 && m[1] == 0 && m[2] == 0 && m[3] == 0 && m[4] == 1 && m[5] == 0;
        const float *x = (const float *)c->p[1] + rows[k] * h * w * C;
        float *y = (float *)c->p[0] + k * h * w * C;
        /* a turned image is read in no order that hardware foresees */
        for (int64_t e = 0; !still && e < h * w * C; e += 16) __builtin_prefetch(x + e);
        for (int64_t r = first - k * h; still && r < last - k * h; r++) {
            const float *from = x + (up ? h - 1 - r : r) * w * C;
            float *to = y + r * w * C;
            if (!back) {
                int64_t e = 0;
                for (; e + VL <= w * C; e += VL) vf_store(to + e, vf_load(from + e) * scale);
                for (; e < w * C; e++) to[e] = from[e] * scale;
            } else for (int64_t j = 0; j < w; j++)
                for (int64_t e = 0; e < C; e++) to[j * C + e] = from[(w - 1 - j) * C + e] * scale;
        }
        for (int64_t j0 = 0; !still && j0 < w; j0 += WARP_COLUMNS) {
            int64_t columns = w - j0 < WARP_COLUMNS ? w - j0 : WARP_COLUMNS;
            for (int64_t j = 0; j < columns; j++) {
                double at = (double)(back ? w - 1 - j0 - j : j0 + j);
                column[0][j] = m[1] * at;
                column[1][j] = m[4] * at;
            }
            WARP_ROUND(column);
            for (int64_t r = first - k * h; r < last - k * h; r++) {
                double from = (double)(up ? h - 1 - r : r);
                row[0] = m[0] * from;
                row[1] = m[3] * from;
                WARP_ROUND(row);
                warp_find(&s, column[0], column[1], row[0], row[1], m[2], m[5], &g);
                warp_read(y + (r * w + j0) * C, x, &s, columns, (images - rows[k]) * h * w * C, &g);
            }
        }
        first = last;
    }
}
