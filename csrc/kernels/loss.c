/* Softmax rows and crossentropies from logits. A row is one thread's work; its sums are ordered trees. */
static inline vf row_at(const float *p, int64_t k, int64_t n, float fill) {
    if (n - k >= VL) return vf_load(p + k);
    return vf_sel((vi)(vi_iota() < (int32_t)(n - k)), vf_loadn(p + k, n - k), vf_set1(fill));
}
static inline void row_put(float *p, int64_t k, int64_t n, vf v) { if (n - k >= VL) vf_store(p + k, v); else vf_storen(p + k, v, n - k); }
static inline float row_max(const float *x, int64_t n) {
    vf v = row_at(x, 0, n, -__builtin_inff());
    for (int64_t k = VL; k < n; k += VL) v = vf_max(v, row_at(x, k, n, -__builtin_inff()));
    return vf_top(v);
}
/* e = exp(x - top) to y (NULL: nowhere); their sum */
static inline float row_exp(float *y, const float *x, int64_t n, float top) {
    vf s = vf_set1(0.f);
    for (int64_t k = 0; k < n; k += VL) {
        vf e = vf_exp(row_at(x, k, n, -__builtin_inff()) - top);
        s += e;
        if (y) row_put(y, k, n, e);
    }
    return vf_sum(s);
}
static inline void row_scale(float *y, int64_t n, float by) { for (int64_t k = 0; k < n; k += VL) row_put(y, k, n, row_at(y, k, n, 0.f) * by); }
static inline float log1(float x) { return vf_log(vf_set1(x))[0]; }
#define ROWS int64_t n = c->i[1], lo, hi; fd_share(c->i[0], 16, tid, nt, &lo, &hi); for (int64_t r = lo; r < hi; r++)

FD_KERNEL(softmax) {                  /* y[rows, n] | x[rows, n] | rows, n */
    ROWS {
        const float *x = (float *)c->p[1] + r * n; float *y = (float *)c->p[0] + r * n;
        row_scale(y, n, 1.f / row_exp(y, x, n, row_max(x, n)));
    }
}
FD_KERNEL(log_softmax) {
    ROWS {
        const float *x = (float *)c->p[1] + r * n; float *y = (float *)c->p[0] + r * n;
        float top = row_max(x, n), by = log1(row_exp(NULL, x, n, top));
        for (int64_t k = 0; k < n; k += VL) row_put(y, k, n, row_at(x, k, n, 0.f) - top - by);
    }
}
FD_KERNEL(softmax_grad) {             /* dx | g, y | rows, n */
    ROWS {
        const float *g = (float *)c->p[1] + r * n, *y = (float *)c->p[2] + r * n; float *dx = (float *)c->p[0] + r * n;
        vf s = vf_set1(0.f);
        for (int64_t k = 0; k < n; k += VL) s += row_at(g, k, n, 0.f) * row_at(y, k, n, 0.f);
        float dot = vf_sum(s);
        for (int64_t k = 0; k < n; k += VL) row_put(dx, k, n, row_at(y, k, n, 0.f) * (row_at(g, k, n, 0.f) - dot));
    }
}
FD_KERNEL(softmax_xent) {             /* l[rows] | x, t | rows, n */
    ROWS {
        const float *x = (float *)c->p[1] + r * n, *t = (float *)c->p[2] + r * n;
        float top = row_max(x, n), by = log1(row_exp(NULL, x, n, top));
        vf s = vf_set1(0.f);
        for (int64_t k = 0; k < n; k += VL) s += row_at(t, k, n, 0.f) * (row_at(x, k, n, top) - top - by);
        ((float *)c->p[0])[r] = -vf_sum(s);
    }
}
FD_KERNEL(sparse_softmax_xent) {      /* l[rows] | x, label | rows, n */
    ROWS {
        const float *x = (float *)c->p[1] + r * n; int32_t t = ((int32_t *)c->p[2])[r];
        if (t < 0 || t >= n) { fd_fail(c, FD_BAD_INDEX, t); ((float *)c->p[0])[r] = 0; continue; }
        float top = row_max(x, n);
        ((float *)c->p[0])[r] = log1(row_exp(NULL, x, n, top)) - (x[t] - top);
    }
}
FD_KERNEL(sparse_xent_grad) {         /* dx | g[rows], x, label | rows, n */
    ROWS {
        const float *x = (float *)c->p[2] + r * n; float *dx = (float *)c->p[0] + r * n; int32_t t = ((int32_t *)c->p[3])[r];
        float g = ((float *)c->p[1])[r], by = 1.f / row_exp(dx, x, n, row_max(x, n));
        if (t < 0 || t >= n) { fd_fail(c, FD_BAD_INDEX, t); continue; }
        row_scale(dx, n, by);
        dx[t] -= 1.f;
        row_scale(dx, n, g);
    }
}
FD_KERNEL(sigmoid_xent) {             /* l[n] | x, t | n */
    int64_t n = c->i[0], lo, hi; fd_share(n, 4096, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k += VL) {
        vf x = row_at(c->p[1], k, hi, 0.f), t = row_at(c->p[2], k, hi, 0.f);
        row_put(c->p[0], k, hi, vsoftplus(-vf_abs(x)) + vrelu(x) - x * t);
    }
}
