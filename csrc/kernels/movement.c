/* Values keep, places change. Four-byte values (float32, int32, uint32) pass as bits, booleans as bytes. */
enum { MOVE_TILE = 16 };

/* A tile with the axes exchanged: to[a][b] = from[b][a], a < rows, b < cols, both at most MOVE_TILE. */
#define TURN(name, T)                                                                            \
static inline void name(T *to, int64_t row, const T *from, int64_t col, int64_t rows, int64_t cols) { \
    T tile[MOVE_TILE][MOVE_TILE + 1];                                                            \
    if (rows == MOVE_TILE && cols == MOVE_TILE) {                                                \
        for (int b = 0; b < MOVE_TILE; b++) for (int a = 0; a < MOVE_TILE; a++) tile[a][b] = from[b * col + a]; \
        for (int a = 0; a < MOVE_TILE; a++) memcpy(to + a * row, tile[a], sizeof(T) * MOVE_TILE); \
    } else for (int64_t a = 0; a < rows; a++) for (int64_t b = 0; b < cols; b++) to[a * row + b] = from[b * col + a]; \
}
TURN(turn_4, uint32_t)
TURN(turn_1, uint8_t)

/* Elements of y from elements of x, both with any strides, of either sign. Where x is contiguous along an axis that is
   not y's last, the two axes go tile by tile, so that both sides touch whole cache lines. */
#define COPY_ROW(Y, X, N, T) {                                                                   \
    T *to = Y; const T *from = X; int64_t k, m = N;                                              \
    if (ty == 1 && tx == 1 && m > 8) memcpy(to, from, (size_t)m * sizeof(T));                    \
    else if (ty == 1 && tx == 0) { T v = *from; for (k = 0; k < m; k++) to[k] = v; }              \
    else for (k = 0; k < m; k++) to[k * ty] = from[k * tx];                                      \
}
#define COPY(name, T, turn)                                                                      \
FD_KERNEL(name) {                     /* y | x | rank, n[7], sy[7], sx[7], y0, x0 | */           \
    T *y = (T *)c->p[0] + c->i[22]; const T *x = (const T *)c->p[1] + c->i[23];                  \
    int rank = (int)c->i[0], r = rank - 1, j = r - 1;                                            \
    const int64_t *n = c->i + 1, *sy = c->i + 8, *sx = c->i + 15;                                \
    int64_t ty = sy[r], tx = sx[r];                                                              \
    while (j >= 0 && sx[j] != 1) j--;                                                            \
    if (j >= 0 && ty == 1 && tx > 1) {                                                           \
        int64_t m[8], my[8], mx[8]; int q = 0;                                                   \
        for (int k = 0; k < r; k++) if (k != j) { m[q] = n[k]; my[q] = sy[k]; mx[q++] = sx[k]; } \
        m[q] = (n[j] + MOVE_TILE - 1) / MOVE_TILE; my[q] = sy[j] * MOVE_TILE; mx[q++] = MOVE_TILE; \
        m[q] = 1; my[q] = mx[q] = 0;                                                             \
        for (walk w = walk_rows(q + 1, m, 2, my, mx, NULL, n[r] * MOVE_TILE, tid, nt); w.left > 0; walk_on(&w)) { \
            int64_t rows = n[j] - w.index[q - 1] * MOVE_TILE;                                    \
            if (rows > MOVE_TILE) rows = MOVE_TILE;                                              \
            for (int64_t b = 0; b < n[r]; b += MOVE_TILE)                                        \
                turn(y + w.at[0] + b, sy[j], x + w.at[1] + b * tx, tx, rows, n[r] - b < MOVE_TILE ? n[r] - b : MOVE_TILE); \
        }                                                                                        \
        return;                                                                                  \
    }                                                                                            \
    if (rank == 1) {                                                                             \
        int64_t lo, hi; fd_share(n[0], EW_BLOCK, tid, nt, &lo, &hi);                             \
        if (lo < hi) COPY_ROW(y + lo * ty, x + lo * tx, hi - lo, T)                              \
        return;                                                                                  \
    }                                                                                            \
    for (walk w = walk_rows(rank, n, 2, sy, sx, NULL, 1, tid, nt); w.left > 0; walk_on(&w))      \
        COPY_ROW(y + w.at[0] + w.from * ty, x + w.at[1] + w.from * tx, w.to - w.from, T)         \
}
COPY(copy, uint32_t, turn_4)
COPY(copy_bool, uint8_t, turn_1)

FD_KERNEL(fill) {                     /* y[n] | | n, bits | */
    int32_t *y = c->p[0];
    vi v = vi_set1((int32_t)c->i[1]);
    int64_t lo, hi, k; fd_share(c->i[0], EW_BLOCK, tid, nt, &lo, &hi);
    for (k = lo; k + VL <= hi; k += VL) vi_store(y + k, v);
    if (k < hi) vi_storen(y + k, v, hi - k);
}
FD_KERNEL(fill_bool) {                /* y[n] | | n, bits | */
    int64_t lo, hi; fd_share(c->i[0], EW_BLOCK, tid, nt, &lo, &hi);
    memset((uint8_t *)c->p[0] + lo, c->i[1] != 0, (size_t)(hi - lo));
}
FD_KERNEL(iota) {                     /* y int32[n] | | n | */
    int32_t *y = c->p[0];
    int64_t lo, hi, k; fd_share(c->i[0], EW_BLOCK, tid, nt, &lo, &hi);
    for (k = lo; k < hi; k++) y[k] = (int32_t)k;
}
FD_KERNEL(one_hot) {                  /* y[rows, depth] | index[rows] | rows, depth | */
    const int32_t *index = c->p[1];
    int64_t depth = c->i[1], lo, hi; fd_share(c->i[0], EW_BLOCK / (depth < EW_BLOCK ? depth : EW_BLOCK), tid, nt, &lo, &hi);
    float *y = c->p[0];
    memset(y + lo * depth, 0, (size_t)((hi - lo) * depth) * 4);
    for (int64_t r = lo; r < hi; r++) if (index[r] >= 0 && index[r] < depth) y[r * depth + index[r]] = 1.f;
}
/* Rows by number; negative numbers count from the end. A bad one stops the run; its row is zero until then. */
static inline int64_t row_number(const fd_call *c, int32_t k, int64_t n) {
    int64_t at = k < 0 ? k + n : k;
    if (at >= 0 && at < n) return at;
    fd_fail(c, FD_BAD_INDEX, k);
    return -1;
}
FD_KERNEL(take) {                     /* y[outer, m, inner] | x[outer, n, inner], index[m] | outer, n, bytes of inner, m | */
    uint8_t *y = c->p[0]; const uint8_t *x = c->p[1]; const int32_t *index = c->p[2];
    int64_t n = c->i[1], bytes = c->i[2], m = c->i[3], lo, hi;
    fd_share(c->i[0] * m, bytes < 4096 ? 4096 / bytes : 1, tid, nt, &lo, &hi);
    int64_t o = lo / m, k = lo - o * m;
    for (int64_t t = lo; t < hi; t++) {
        int64_t at = row_number(c, index[k], n);
        uint8_t *to = y + t * bytes; const uint8_t *from = x + (o * n + at) * bytes;
        if (bytes >= 256 && t + 2 < hi && k + 2 < m) {       /* rows lie anywhere: ask for the one after the next */
            int64_t far = index[k + 2];
            if (far >= 0 && far < n) for (int64_t b = 0; b < bytes && b < 8192; b += 64) __builtin_prefetch(x + (o * n + far) * bytes + b, 0, 2);
        }
        if (at < 0) memset(to, 0, (size_t)bytes);
        else if (bytes == 4) memcpy(to, from, 4);
        else memcpy(to, from, (size_t)bytes);
        if (++k == m) { k = 0; o++; }
    }
}
/* A thread owns columns, outer slices or rows of dx, whatever is plenty: an element's terms are added in index order anyway. */
FD_KERNEL(take_grad) {                /* dx[outer, n, inner] | g[outer, m, inner], index[m] | outer, n, inner, m | */
    float *dx = c->p[0]; const float *g = c->p[1]; const int32_t *index = c->p[2];
    int64_t outer = c->i[0], n = c->i[1], inner = c->i[2], m = c->i[3];
    int64_t o0 = 0, o1 = outer, r0 = 0, r1 = n, c0 = 0, c1 = inner;
    if (outer >= nt) fd_share(outer, 1, tid, nt, &o0, &o1);
    else if (inner >= 16 * nt) fd_share(inner, 16, tid, nt, &c0, &c1);
    else fd_share(n, 1, tid, nt, &r0, &r1);
    for (int64_t o = o0; o < o1; o++) {
        float *to = dx + o * n * inner;
        if (c1 - c0 == inner) memset(to + r0 * inner, 0, (size_t)((r1 - r0) * inner) * 4);
        else for (int64_t r = r0; r < r1; r++) memset(to + r * inner + c0, 0, (size_t)(c1 - c0) * 4);
        for (int64_t k = 0; k < m; k++) {
            int64_t at = row_number(c, index[k], n), j;
            if (at < r0 || at >= r1) continue;
            float *d = to + at * inner; const float *s = g + (o * m + k) * inner;
            for (j = c0; j + VL <= c1; j += VL) vf_store(d + j, vf_load(d + j) + vf_load(s + j));
            if (j < c1) vf_storen(d + j, vf_loadn(d + j, c1 - j) + vf_loadn(s + j, c1 - j), c1 - j);
        }
    }
}
