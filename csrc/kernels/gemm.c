/* C = act(op(A) op(B) + bias), batched. Threads share output tiles, never K: the bits do not depend on them. */
enum { GEMM_ROWS = 96 };

static void pack_panel(float *to, const float *B, int64_t K, int64_t N, int tb, int64_t from, int64_t n) {
    if (!tb)
        for (int64_t k = 0; k < K; k++, to += NR) {
            const float *p = B + k * N + from;
            if (n == NR) { vf_store(to, vf_load(p)); vf_store(to + VL, vf_load(p + VL)); }
            else for (int j = 0; j < NR; j++) to[j] = j < n ? p[j] : 0.f;
        }
    else
        for (int64_t k0 = 0; k0 < K; k0 += 16)
            for (int j = 0; j < NR; j++) {
                const float *p = B + (from + j) * K;
                for (int64_t k = k0; k < k0 + 16 && k < K; k++) to[k * NR + j] = j < n ? p[k] : 0.f;
            }
}

FD_KERNEL(gemm) {   /* C[batch, M, N], scratch[nt, K, NR] | A, B, (bias[N]) | M, N, K, ta, tb, batch, sA, sB, sC, flags */
    float *C = c->p[0], *pack = (float *)c->p[1];
    const float *A = c->p[2], *B = c->p[3], *bias = (c->i[9] & 1) ? c->p[4] : NULL;
    int64_t M = c->i[0], N = c->i[1], K = c->i[2], batch = c->i[5], lo, hi;
    int ta = (int)c->i[3], tb = (int)c->i[4], act = (int)(c->i[9] >> 1);
    int64_t panels = (N + NR - 1) / NR, blocks = (M + GEMM_ROWS - 1) / GEMM_ROWS;
    int64_t rs = ta ? 1 : K, cs = ta ? M : 1, packed = -1;
    float *panel = pack + (int64_t)tid * K * NR;
    fd_share(batch * panels * blocks, 1, tid, nt, &lo, &hi);
    for (int64_t t = lo; t < hi; t++) {
        int64_t which = t / blocks, q = which / panels, from = which % panels * NR, m = t % blocks * GEMM_ROWS;
        int64_t end = m + GEMM_ROWS < M ? m + GEMM_ROWS : M, n = N - from < NR ? N - from : NR;
        if (packed != which) { pack_panel(panel, B + q * c->i[7], K, N, tb, from, n); packed = which; }
        const float *w = bias ? bias + from : NULL;
        for (; m < end; m += MR) {
            const float *a = A + q * c->i[6] + m * rs;
            float *y = C + q * c->i[8] + m * N + from;
            int64_t left = end - m;
            if (left >= MR) gemm_tile(MR, K, a, rs, cs, panel, y, N, n, w, act);
            else for (int64_t r = 0; r < left; r++) gemm_tile(1, K, a + r * rs, rs, cs, panel, y + r * N, N, n, w, act);
        }
    }
}
