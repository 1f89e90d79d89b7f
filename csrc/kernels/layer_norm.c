/* Normalisation of each row of x[rows, C], by mean and variance (centred) or by the mean square alone. A row stays in L1
   through all its passes; the gradients of gamma and beta gather by blocks of rows that depend on the shape only. */

/* (mean, 1 / sqrt(var + epsilon)) of one row, sums in two vectors */
static inline void row_stats(const float *x, int64_t C, int centred, float epsilon, float *mean, float *inv) {
    vf s[2]; s[0] = s[1] = vf_set1(0);
    float m = 0;
    if (centred) {
        for (int64_t k = 0, u = 0; k < C; k += VL, u ^= 1) s[u] += norm_get(x + k, C - k);
        m = vf_sum(s[0] + s[1]) / (float)C;
        s[0] = s[1] = vf_set1(0);
    }
    for (int64_t k = 0, u = 0; k < C; k += VL, u ^= 1) {
        vf d = norm_get(x + k, C - k) - m;
        if (C - k < VL) { vi beyond = vi_iota() >= vi_set1((int32_t)(C - k)); d = vf_sel(beyond, vf_set1(0), d); }
        s[u] += d * d;
    }
    *mean = m;
    *inv = 1.f / sqrtf(vf_sum(s[0] + s[1]) / (float)C + epsilon);
}

FD_KERNEL(layer_norm) {                         /* y[rows, C] | x[rows, C], gamma[C], (beta[C]) | rows, C, centred, has beta | epsilon */
    float *y = c->p[0]; const float *x = c->p[1], *gamma = c->p[2], *beta = c->i[3] ? c->p[3] : NULL; const int64_t C = c->i[1]; int64_t lo, hi;
    fd_share(c->i[0], 1, tid, nt, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const float *p = x + r * C; float *q = y + r * C, mean, inv;
        row_stats(p, C, (int)c->i[2], (float)c->d[0], &mean, &inv);
        for (int64_t k = 0; k < C; k += VL) {
            const int64_t m = C - k;
            vf v = (norm_get(p + k, m) - mean) * inv * norm_get(gamma + k, m);
            norm_set(q + k, beta ? v + norm_get(beta + k, m) : v, m);
        }
    }
}

FD_KERNEL(layer_norm_grad) {                    /* dx[rows, C], parts[blocks, 2, C] | g[rows, C], x[rows, C], gamma[C] | rows, C, centred, block | epsilon */
    float *dx = c->p[0], *parts = c->p[1]; const float *g = c->p[2], *x = c->p[3], *gamma = c->p[4];
    const int64_t rows = c->i[0], C = c->i[1], block = c->i[3]; int64_t lo, hi;
    fd_share((rows + block - 1) / block, 1, tid, nt, &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        float *dgamma = parts + 2 * b * C, *dbeta = dgamma + C;
        memset(dgamma, 0, (size_t)(2 * C) * 4);
        for (int64_t r = b * block; r < rows && r < (b + 1) * block; r++) {
            const float *p = x + r * C, *q = g + r * C; float *to = dx + r * C, mean, inv;
            row_stats(p, C, (int)c->i[2], (float)c->d[0], &mean, &inv);
            vf s = vf_set1(0), t = s;
            for (int64_t k = 0; k < C; k += VL) {
                const int64_t m = C - k; const vf h = norm_get(q + k, m), z = (norm_get(p + k, m) - mean) * inv, a = h * norm_get(gamma + k, m);
                s += a; t += a * z;
                norm_set(dgamma + k, norm_get(dgamma + k, m) + h * z, m);
                norm_set(dbeta + k, norm_get(dbeta + k, m) + h, m);
            }
            const float along = vf_sum(t) / (float)C, flat = c->i[2] ? vf_sum(s) / (float)C : 0.f;
            for (int64_t k = 0; k < C; k += VL) {
                const int64_t m = C - k; const vf z = (norm_get(p + k, m) - mean) * inv;
                norm_set(to + k, (norm_get(q + k, m) * norm_get(gamma + k, m) - flat - z * along) * inv, m);
            }
        }
    }
}
