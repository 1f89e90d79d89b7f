/* C = act(op(A) op(B) + bias), batched. Threads share rows or columns of C, never K, and K is cut in blocks that depend
   on the shapes only: the bits do not depend on the threads. Paths: a vector times a matrix (`gemm_row`, `gemm_dots`),
   and tiles of registers over packed panels of B (`gemm_part`). The primitive swaps A and B where C^T is the easier product. */

/* ---- tiles: one function for every height, so that the sums stay in registers at the edges too */
typedef void (*gemm_tile_fn)(int64_t K, const float *a, int64_t rs, int64_t cs, const float *b, int64_t ldb, float *to,
                             float *c, int64_t ldc, int add, const float *ask, int64_t asks, const sum_end *e, int64_t col, int64_t at);
#define TILE(mr, nv, pack, name) \
    static void name(int64_t K, const float *a, int64_t rs, int64_t cs, const float *b, int64_t ldb, float *to, \
                     float *c, int64_t ldc, int add, const float *ask, int64_t asks, const sum_end *e, int64_t col, int64_t at) { \
        gemm_tile(mr <= (nv == 1 ? MR1 : MR) ? mr : 1, nv, pack, K, a, rs, cs, b, pack || nv == 1 ? ldb : nv * VL, to, c, ldc, add, \
                  ask, asks, e, col, at); }
#define TILES(mr) TILE(mr, 1, 0, tile1_##mr) TILE(mr, 2, 0, tile2_##mr) TILE(mr, 2, 1, tile2p_##mr)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8) TILES(9) TILES(10) TILES(11) TILES(12)
#define ROW(name) {NULL, name##_1, name##_2, name##_3, name##_4, name##_5, name##_6, name##_7, name##_8, name##_9, \
                   name##_10, name##_11, name##_12}
static const gemm_tile_fn gemm_tiles[3][MR_MAX + 1] = {ROW(tile1), ROW(tile2), ROW(tile2p)};
#undef TILE
#undef TILES
#undef ROW

/* rows of nv vectors of sums, still warm, that belong to columns from `col` on and to y[at + m ldy] */
static __attribute__((noinline))
void gemm_finish(float *c, int64_t ldc, int64_t rows, int nv, int64_t n, const sum_end *e, int64_t col, int64_t at, int64_t ldy) {
    for (int v = 0; v < nv; v++, c += VL, col += VL, at += VL, n -= VL) {
        const sum_cols w = end_cols(e, col, n);
        float *p = c; int64_t y = at;
#define FINISH(kind) if (n >= VL) for (int64_t m = 0; m < rows; m++, p += ldc, y += ldy) vf_store(p, end_of(kind, vf_load(p), e, &w, y, VL)); \
                     else for (int64_t m = 0; m < rows; m++, p += ldc, y += ldy) vf_storen(p, end_of(kind, vf_loadn(p, n), e, &w, y, n), n);
        BY_KIND(e->kind, FINISH)
#undef FINISH
    }
}

/* ---- packing */
enum { GEMM_PAD = 16, GEMM_BLOCK = 1 << 17 };           /* floats of packed columns that stay in an L2 */

/* to[k][w] = B[k][n] or, transposed, B[n][k]. Lanes from n on are never stored: they hold whatever follows in B. */
static void gemm_pack(float *to, const float *B, int64_t ldb, int tb, int64_t K, int64_t n, int w, const float *end) {
    if (!tb) {
        for (int64_t k = 0; k < K; k++, to += w, B += ldb) {
            if (B + w <= end) for (int v = 0; v < w; v += VL) vf_store(to + v, vf_load(B + v));
            else for (int j = 0; j < n; j++) to[j] = B[j];
        }
        return;
    }
    for (int v = 0; v < w; v += VL) {
        const float *row[VL];
        for (int j = 0; j < VL; j++) row[j] = B + (v + j < n ? v + j : n - 1) * ldb;
        int64_t k = 0;
        for (; k + VL <= K; k += VL) {
            vf r[VL];
            EACH for (int j = 0; j < VL; j++) r[j] = vf_load(row[j] + k);
            vf_transpose(r);
            EACH for (int j = 0; j < VL; j++) vf_store(to + (k + j) * w + v, r[j]);
        }
        for (; k < K; k++) for (int j = 0; j < VL; j++) to[k * w + v + j] = row[j][k];
    }
}

/* mr rows of A as the tile reads them fastest: rows apart by a distance that is no power of two, or k-major */
static void gemm_copy_a(float *to, const float *A, int64_t lda, int ta, int mr, int64_t K, int64_t stride) {
    if (ta) {
        for (int64_t k = 0; k < K; k++, to += MR, A += lda) vf_store(to, vf_loadn(A, mr));     /* over what comes next */
    } else {
        for (int m = 0; m < mr; m++, to += stride, A += lda) {
            int64_t k = 0;
            for (; k + VL <= K; k += VL) vf_store(to + k, vf_load(A + k));
            for (; k < K; k++) to[k] = A[k];
        }
    }
}

typedef struct gemm_job {
    const float *A, *B;
    float *C, *scratch;
    sum_end end;
    int64_t M, N, K, room;               /* room: floats of scratch for this thread */
    int ta, tb, swapped, packed, rows;      /* swapped: C is stored transposed; packed: B is panels; rows: of a tile */
} gemm_job;

/* Write a tile of mr x n that is no whole number of vectors wide, or lies transposed in C: by way of a buffer. */
static void gemm_edge(const gemm_job *j, float *tile, int mr, int64_t n, int nv, int64_t m, int64_t from, int add, int last) {
    int64_t sm = j->swapped ? 1 : j->N, sn = j->swapped ? j->M : 1;
    float *c = j->C + m * sm + from * sn;
    if (add && j->swapped) for (int i = 0; i < mr; i++) for (int l = 0; l < n; l++) tile[i * NR + l] += c[i + l * sn];
    else if (add) for (int i = 0; i < mr; i++) for (int64_t l = 0; l < n; l += VL)
        vf_store(tile + i * NR + l, vf_load(tile + i * NR + l) + vf_loadn(c + i * sm + l, n - l < VL ? n - l : VL));
    if (last) gemm_finish(tile, NR, mr, nv, n, &j->end, from, m * j->N + from, j->N);
    if (j->swapped) for (int l = 0; l < n; l++) for (int i = 0; i < mr; i++) c[i + l * sn] = tile[i * NR + l];
    else for (int i = 0; i < mr; i++) for (int64_t l = 0; l < n; l += VL)
        vf_storen(c + i * sm + l, vf_load(tile + i * NR + l), n - l < VL ? n - l : VL);
}

/* Tiles [t0, t1) x columns [v0, v1) VL of one product, two vectors of them a panel: for every block of K and of panels,
   every row of tiles. A block of panels stays in L2; the rows of A, where more than one panel needs them, are copied to L1. */
static void gemm_part(const gemm_job *j, int64_t t0, int64_t t1, int64_t v0, int64_t v1) {
    int64_t M = j->M, N = j->N, K = j->K, lda = j->ta ? M : K, ldb = j->tb ? K : N;
    int copy = N > NR || (!j->ta && K % 1024 == 0);     /* rows apart by 4096 bytes would fight for one cache set */
    int64_t most = copy ? 320 : j->ta ? 128 : 2048, blocks = (K + most - 1) / most, kc = (K + blocks - 1) / blocks;
    int64_t stride = kc + GEMM_PAD;
    const int bring = copy && (j->ta || kc < K);        /* whole rows lie side by side as they are */
    float *acopy = j->scratch, *panels = acopy + MR_MAX * stride;
    int64_t most_panels = j->packed ? (GEMM_BLOCK + kc * NR - 1) / (kc * NR) : (j->room - MR_MAX * stride) / (kc * NR);
    int in_place = !j->packed && !j->tb && (N == VL || N == NR);      /* B is a panel already */
    float tile[MR_MAX * NR] __attribute__((aligned(64)));
    for (int64_t k0 = 0; k0 < K; k0 += kc) {
        int64_t k = K - k0 < kc ? K - k0 : kc;
        const int last = k0 + k == K && j->end.any, here = last && j->end.kind < 3;      /* what ends in registers */
        for (int64_t q0 = v0; q0 < v1; q0 += 2 * most_panels) {
            int64_t q1 = q0 + 2 * most_panels < v1 ? q0 + 2 * most_panels : v1;
            for (int64_t t = t0; t < t1; t++) {
                int64_t m = t * j->rows, rs = j->ta ? 1 : lda, cs = j->ta ? lda : 1;
                int mr = (int)(M - m < j->rows ? M - m : j->rows);
                const float *a = j->A + m * rs + k0 * cs, *next = a + (t + 1 < t1 ? j->rows * rs : 0);
                if (bring) {
                    gemm_copy_a(acopy, a, lda, j->ta, mr, k, stride);
                    a = acopy;
                    rs = j->ta ? 1 : stride;
                    cs = j->ta ? MR : 1;
                }
                for (int64_t v = q0, wide; v < q1; v += wide) {
                    wide = v % 2 || v + 1 == q1 ? 1 : 2;        /* half a panel at the border between two threads */
                    int64_t from = v * VL, n = N - from < wide * VL ? N - from : wide * VL, q = v / 2;
                    int nv = n > VL ? 2 : 1, pack = 0;
                    int64_t step = N - q * NR > VL ? NR : VL;
                    float *panel = panels + (v - q0) / 2 * kc * NR;
                    const float *source = j->B + (j->tb ? from * K + k0 : k0 * N + from), *b = panel;
                    if (j->packed) b = j->B + q * K * NR + k0 * step + v % 2 * VL;
                    else if (in_place) b = source;
                    else if (t == t0 && !j->tb && n == NR) { pack = 1; b = source; step = ldb; }
                    else if (t == t0) gemm_pack(panel, source, ldb, j->tb, k, n, nv * VL, j->B + K * N);
                    /* what to ask for: the next tile, its rows dealt out to the panels; of sums over rows the next block, of A then B */
                    int64_t wides = (q1 - q0 + 1) / 2, parts = j->ta ? (t1 - t0) * wides : wides, part = (v - q0) / 2 + (j->ta ? (t - t0) * wides : 0);
                    int64_t each = j->ta ? (M + N + parts - 1) / parts : k == lda ? (mr + parts - 1) / parts : 1, row = part * each;
                    const float *ask = !j->ta ? next + (row < mr ? row * lda : 0) :
                                       row < M ? j->A + (k0 + k) * M + row * k : j->B + (k0 + k) * N + (row - M) * k;
                    if (n < nv * VL || j->swapped) {
                        gemm_tiles[nv - 1 + pack][mr](k, a, rs, cs, b, step, panel, tile, NR, 0, ask, each, NULL, 0, 0);
                        gemm_edge(j, tile, mr, n, nv, m, from, k0 > 0, last);
                    } else {
                        float *c = j->C + m * N + from;
                        if (t + 1 < t1) for (int i = 0; i < mr; i++) {
                            __builtin_prefetch(c + (j->rows + i) * N, 1);
                            if (nv == 2) __builtin_prefetch(c + (j->rows + i) * N + NR - 1, 1);
                        }
                        gemm_tiles[nv - 1 + pack][mr](k, a, rs, cs, b, step, panel, c, N, k0 > 0, ask, each,
                                                         here ? &j->end : NULL, from, m * N + from);
                        if (last && !here) gemm_finish(c, N, mr, nv, n, &j->end, from, m * N + from, N);
                    }
                }
            }
        }
    }
}

/* ---- a vector times a matrix: y[lo:hi] */
static void gemm_row(float *y, const float *x, const float *B, int64_t N, int64_t K, int64_t lo, int64_t hi) {
    int64_t whole = lo + (hi - lo) / VL * VL;
    for (int64_t k = 0; k < K; k += 8) {                /* eight whole rows of B at a time: read in order, y stays in L1 */
        vf f[8];
        int rows = (int)(K - k < 8 ? K - k : 8);
        for (int r = 0; r < 8; r++) f[r] = vf_set1(x[k + (r < rows ? r : 0)]);
        for (int64_t n = lo; n < whole; n += VL) {
            const float *b = B + k * N + n;
            vf s = k ? vf_load(y + n) : (vf){0};
            if (rows == 8) EACH for (int r = 0; r < 8; r++) s += vf_load(b + r * N) * f[r];
            else for (int r = 0; r < rows; r++) s += vf_load(b + r * N) * f[r];
            vf_store(y + n, s);
        }
    }
    if (whole == hi) return;
    vf s = {0};                                         /* the last columns: other lanes hold what follows in B */
    for (int64_t k = 0; k < K; k++) {
        const float *b = B + k * N + whole;
        s += (b + VL <= B + K * N ? vf_load(b) : vf_loadn(b, hi - whole)) * x[k];
    }
    vf_storen(y + whole, s, hi - whole);
}

static void gemm_dots(float *y, const float *x, const float *B, int64_t K, int64_t lo, int64_t hi) {
    for (int64_t n = lo; n < hi; n += VL) {             /* VL rows of B at a time; their sums meet in a transposition */
        const float *row[VL];
        vf s[VL];
        int64_t left = hi - n < VL ? hi - n : VL, k = 0;
        EACH for (int j = 0; j < VL; j++) { row[j] = B + (n + (j < left ? j : left - 1)) * K; s[j] = (vf){0}; }
        for (; k + VL <= K; k += VL) {
            vf f = vf_load(x + k);
            EACH for (int j = 0; j < VL; j++) s[j] += vf_load(row[j] + k) * f;
        }
        vf_transpose(s);
        EACH for (int j = 1; j < VL; j++) s[0] += s[j];
        for (; k < K; k++) for (int j = 0; j < VL; j++) s[0][j] += x[k] * row[j][k];
        if (left == VL) vf_store(y + n, s[0]);
        else vf_storen(y + n, s[0], left);
    }
}

static void gemm_vector(const gemm_job *j, int64_t lo, int64_t hi) {
    if (j->tb) gemm_dots(j->C, j->A, j->B, j->K, lo, hi);
    else gemm_row(j->C, j->A, j->B, j->N, j->K, lo, hi);
    if (!j->end.any) return;
    if (!j->swapped) { gemm_finish(j->C + lo, 0, 1, (int)((hi - lo + VL - 1) / VL), hi - lo, &j->end, lo, lo, 0); return; }
    sum_cols w = end_cols(&j->end, 0, 0);
    if (j->end.bias) w.bias = vf_set1(*j->end.bias);        /* one column: one bias */
    for (int64_t n = lo; n < hi; n += VL) {
        int64_t left = hi - n < VL ? hi - n : VL;
#define FINISH(kind) vf_storen(j->C + n, end_of(kind, vf_loadn(j->C + n, left), &j->end, &w, n, left), left);
        BY_KIND(j->end.kind, FINISH)
#undef FINISH
    }
}

FD_KERNEL(panels) {   /* P[panels, K, NR or, the last, perhaps VL] | B[K, N] | K, N */
    int64_t K = c->i[0], N = c->i[1], lo, hi;
    fd_share((N + NR - 1) / NR, 1, tid, nt, &lo, &hi);
    for (int64_t q = lo; q < hi; q++) {
        int64_t n = N - q * NR < NR ? N - q * NR : NR;
        gemm_pack((float *)c->p[0] + q * K * NR, (const float *)c->p[1] + q * NR, N, 0, K, n, n > VL ? NR : VL, (const float *)c->p[1] + K * N);
    }
}

FD_KERNEL(gemm) {   /* C[batch, M, N], scratch[nt, room] | A, B, (bias[N]), (mean[N], k[N], beta[N]), (rest[M, N]) | M, N, K, ta, tb, batch, sA, sB, sC, flags, room */
    int64_t batch = c->i[5], lo, hi;
    gemm_job j = {.M = c->i[0], .N = c->i[1], .K = c->i[2], .ta = (int)c->i[3], .tb = (int)c->i[4], .room = c->i[10],
                  .swapped = (int)(c->i[9] >> 1 & 1), .packed = (int)(c->i[9] >> 4 & 1),
                  .end = end_read(c->p + 4, c->i[9] & 1, c->i[9] & 4, c->i[9] & 8, c->i[9] >> 5),
                  .scratch = (float *)c->p[1] + tid * c->i[10]};
    int most = j.N <= VL ? MR1 : MR;
    int64_t tiles = (j.M + most - 1) / most, columns = j.packed ? (j.N + VL - 1) / VL : (j.N + NR - 1) / NR;
    /* Rows of C are shared, so that no two cores write (or prefetch) side by side, and what follows finds its rows in its own
       cache; with few rows packing (or reading all of a large) B twice, and with very few reading any B twice, costs more. */
    int vector = j.M == 1 && !j.packed, by_columns = columns >= nt && j.M < (j.packed && j.K * j.N < 1 << 19 ? 12 : 48) * nt && columns > 1;
    if (!by_columns) tiles = (tiles + nt - 1) / nt * nt;
    j.rows = (int)((j.M + tiles - 1) / tiles);          /* even heights: a thin tile would wait for its own sums */
    tiles = (j.M + j.rows - 1) / j.rows;
    int64_t units = vector ? (j.N + 4 * VL - 1) / (4 * VL) : by_columns ? columns : tiles;
    fd_share(batch * units, 1, tid, nt, &lo, &hi);
    for (int64_t u = lo; u < hi;) {
        int64_t q = u / units, from = u % units, to = hi - q * units < units ? hi - q * units : units;
        j.A = (const float *)c->p[2] + q * c->i[6];
        j.B = (const float *)c->p[3] + q * c->i[7];
        j.C = (float *)c->p[0] + q * c->i[8];
        if (vector) gemm_vector(&j, from * 4 * VL, to * 4 * VL < j.N ? to * 4 * VL : j.N);
        else if (by_columns) gemm_part(&j, 0, tiles, j.packed ? from : 2 * from, j.packed ? to : 2 * to);
        else gemm_part(&j, from, to, 0, (j.N + VL - 1) / VL);
        u += to - from;
    }
}
