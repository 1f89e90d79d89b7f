/* One image read at M (row, column) + offset, linearly or at the nearest point: rotation, shift, shear, zoom and flips in one pass. */
enum { WARP_ROWS = 8, WARP_COLUMNS = 128 };
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

/* In float64: a pixel between equal pixels must stay what it is, since Pillow cuts off fractions later. */
#define WARP_BLEND(N) for (int64_t k = 0; k < N; k++) to[k] = (float)(p[k] * w00 + q[k] * w01 + s[k] * w10 + z[k] * w11) * scale;

static inline void warp_point(float *to, const float *x, double u, double v, int64_t h, int64_t w, int64_t C, int mode, int order,
                              float scale, float fill) {
    int64_t r0, r1, c0, c1;
    double tr, tc;
    if (u >= 0 && v >= 0 && u < (double)(h - 1) && v < (double)(w - 1) && order) {
        r0 = (int64_t)u; c0 = (int64_t)v;
        tr = u - (double)r0; tc = v - (double)c0;
        r1 = r0 + 1; c1 = c0 + 1;
    } else if (!warp_axis(u, h, mode, order, &r0, &r1, &tr) || !warp_axis(v, w, mode, order, &c0, &c1, &tc)) {
        for (int64_t k = 0; k < C; k++) to[k] = fill;
        return;
    }
    const float *p = x + (r0 * w + c0) * C;
    if (!order) {
        for (int64_t k = 0; k < C; k++) to[k] = p[k] * scale;
        return;
    }
    const float *q = x + (r0 * w + c1) * C, *s = x + (r1 * w + c0) * C, *z = x + (r1 * w + c1) * C;
    double w00 = (1 - tr) * (1 - tc), w01 = (1 - tr) * tc, w10 = tr * (1 - tc), w11 = tr * tc;
    if (C == 3) WARP_BLEND(3)
    else WARP_BLEND(C)
}

FD_KERNEL(affine_warp) {              /* y[h, w, C] | x[h, w, C] | h, w, C, mode, order, flip rows, flip columns | M[2, 3], fill, scale */
    float *y = c->p[0]; const float *x = c->p[1];
    int64_t h = c->i[0], w = c->i[1], C = c->i[2], lo, hi;
    int mode = (int)c->i[3], order = (int)c->i[4], up = (int)c->i[5], back = (int)c->i[6];
    const double *m = c->d;
    float scale = (float)m[7], fill = (float)m[6] * scale;
    fd_share(h, WARP_ROWS, tid, nt, &lo, &hi);
    double row[2], column[2][WARP_COLUMNS];
    for (int64_t j0 = 0; j0 < w; j0 += WARP_COLUMNS) {
        int64_t columns = w - j0 < WARP_COLUMNS ? w - j0 : WARP_COLUMNS;
        for (int64_t j = 0; j < columns; j++) {
            double at = (double)(back ? w - 1 - j0 - j : j0 + j);
            column[0][j] = m[1] * at;
            column[1][j] = m[4] * at;
        }
        WARP_ROUND(column);
        for (int64_t r = lo; r < hi; r++) {
            double from = (double)(up ? h - 1 - r : r);
            row[0] = m[0] * from;
            row[1] = m[3] * from;
            WARP_ROUND(row);
            float *to = y + (r * w + j0) * C;
            for (int64_t j = 0; j < columns; j++, to += C)
                warp_point(to, x, row[0] + column[0][j] + m[2], row[1] + column[1][j] + m[5], h, w, C, mode, order, scale, fill);
        }
    }
}
