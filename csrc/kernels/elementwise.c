/* y[k] = f(x[k]) and y = f(a, b) with broadcasting strides. Every element goes through a whole vector. */
enum { EW_BLOCK = 4096 };

/* Kinds of element: f float, i int32, b bool (a byte in memory, a mask of lanes in registers). */
#define T_f float
#define T_i int32_t
#define T_b uint8_t
#define V_f vf
#define V_i vi
#define V_b vi
static inline vf all_f(float x) { return vf_set1(x); }
static inline vi all_i(int32_t x) { return vi_set1(x); }
static inline vi all_b(uint8_t x) { return vi_set1(-(x != 0)); }
#define load_f vf_load
#define load_i vi_load
#define load_b vb_load
#define loadn_f vf_loadn
#define loadn_i vi_loadn
#define loadn_b vb_loadn
#define store_f vf_store
#define store_i vi_store
#define store_b vb_store
#define storen_f vf_storen
#define storen_i vi_storen
#define storen_b vb_storen

#define MAP(name, in, out, expr)                                                                 \
FD_KERNEL(name) {                          /* y[n] | x[n] | n | p0, p1 */                        \
    T_##out *y = c->p[0]; const T_##in *x = c->p[1];                                             \
    vf p0 = vf_set1((float)c->d[0]), p1 = vf_set1((float)c->d[1]);                               \
    (void)p0; (void)p1;                                                                          \
    int64_t lo, hi, k; fd_share(c->i[0], EW_BLOCK, tid, nt, &lo, &hi);                           \
    for (k = lo; k + VL <= hi; k += VL) { V_##in v = load_##in(x + k); store_##out(y + k, expr); } \
    if (k < hi) { V_##in v = loadn_##in(x + k, hi - k); storen_##out(y + k, expr, hi - k); }      \
}
#define UNARY(name, expr) MAP(name, f, f, expr)
static inline vf each(vf v, float (*f)(float)) { for (int k = 0; k < VL; k++) v[k] = f(v[k]); return v; }
static inline vf vsign(vf v) { vf z = vf_set1(0.f); return vf_sel((vi)(v > 0.f), vf_set1(1.f), vf_sel((vi)(v < 0.f), vf_set1(-1.f), vf_sel((vi)(v != v), v, z))); }
static inline vf vrelu(vf v) { return vf_sel((vi)(v < 0.f), vf_set1(0.f), v); }
static inline vf vsoftplus(vf v) {         /* max(v,0) + log1p(exp(-|v|)) */
    vf e = vf_exp(-vf_abs(v)), u = 1.f + e;
    vf l = vf_sel((vi)(u == 1.f), e, vf_log(u) * (e / (u - vf_sel((vi)(u == 1.f), vf_set1(0.f), vf_set1(1.f)))));
    return vrelu(v) + l;
}
static inline vf vgelu(vf v) { return 0.5f * v * (1.f + vf_erf(v * 0.70710678118654752f)); }
static inline vf vgelu_tanh(vf v) { return 0.5f * v * (1.f + vf_tanh(0.79788456080286536f * (v + 0.044715f * v * v * v))); }
static inline vi vtrunc(vf v) {            /* towards zero; NaN is 0, what does not fit is the lowest integer */
    vi fits = (vi)(v < 2147483648.f) & (vi)(v >= -2147483648.f);
    vi r = __builtin_convertvector(vf_sel(fits, v, vf_set1(0.f)), vi);
    return vi_sel(fits | (vi)(v != v), r, vi_set1(INT32_MIN));
}

UNARY(neg, -v)
UNARY(abs_, vf_abs(v))
UNARY(sign, vsign(v))
UNARY(square, v * v)
UNARY(sqrt_, vf_sqrt(v))
UNARY(rsqrt, 1.f / vf_sqrt(v))
UNARY(exp_, vf_exp(v))
UNARY(expm1_, vf_expm1(v))
UNARY(log_, vf_log(v))
UNARY(log1p_, vf_log1p(v))
UNARY(sin_, vf_sin(v))
UNARY(cos_, vf_cos(v))
UNARY(tanh_, vf_tanh(v))
UNARY(sigmoid, vf_sigmoid(v))
UNARY(erf_, vf_erf(v))
UNARY(floor_, each(v, floorf))
UNARY(ceil_, each(v, ceilf))
UNARY(round_, each(v, rintf))
UNARY(softplus, vsoftplus(v))
UNARY(relu, vrelu(v))
UNARY(leaky_relu, vf_sel((vi)(v < 0.f), v * p0, v))
UNARY(elu, vf_sel((vi)(v < 0.f), p0 * vf_expm1(v), v))
UNARY(selu, 1.0507009873554805f * vf_sel((vi)(v < 0.f), 1.6732632423543772f * vf_expm1(v), v))
UNARY(gelu, vgelu(v))
UNARY(gelu_tanh, vgelu_tanh(v))
UNARY(silu, v * vf_sigmoid(v))
UNARY(hard_sigmoid, vf_sel((vi)(v <= -3.f), vf_set1(0.f), vf_sel((vi)(v >= 3.f), vf_set1(1.f), v * 0.16666666666666666f + 0.5f)))
UNARY(clip, vf_sel((vi)(v < p0), p0, vf_sel((vi)(v > p1), p1, v)))
MAP(isnan_, f, b, (vi)(v != v))
MAP(isinf_, f, b, (vi)(vf_abs(v) == __builtin_inff()))
MAP(isfinite_, f, b, (vi)(vf_abs(v) < __builtin_inff()))
MAP(logical_not, b, b, ~v)
MAP(cast_i32_f32, i, f, __builtin_convertvector(v, vf))
MAP(cast_f32_i32, f, i, vtrunc(v))
MAP(cast_bool_f32, b, f, vf_sel(v, vf_set1(1.f), vf_set1(0.f)))
MAP(cast_f32_bool, f, b, (vi)(v != 0.f))
MAP(cast_bool_i32, b, i, v & 1)
MAP(cast_i32_bool, i, b, v != 0)

/* A walk over the rows of a broadcast operation. Rows are the last axis, cut into pieces of EW_BLOCK; `at` says where
   each operand's row begins. A thread's first piece costs divisions, the next ones additions. */
typedef struct { const int64_t *n, *s[3]; int64_t inner, row, from, to, left, at[3], index[6]; int rank, operands; } walk;
static inline walk walk_rows(int rank, const int64_t *n, int operands, const int64_t *s0, const int64_t *s1, const int64_t *s2,
                             int64_t unit, int tid, int nt) {    /* unit: elements a step along the last axis stands for */
    walk w = {.n = n, .s = {s0, s1, s2}, .inner = n[rank - 1], .rank = rank, .operands = operands};
    int64_t outer = 1, chunks = (w.inner + EW_BLOCK - 1) / EW_BLOCK, lo, hi;
    for (int k = 0; k < rank - 1; k++) outer *= n[k];
    fd_share(outer * chunks, nt == 1 ? 1 : (EW_BLOCK + w.inner * unit - 1) / (w.inner * unit), tid, nt, &lo, &hi);
    w.left = hi - lo;
    if (lo) {
        w.row = lo / chunks;
        w.from = lo % chunks * EW_BLOCK;
        int64_t rest = w.row;
        for (int k = rank - 2; k >= 0; k--) {
            w.index[k] = rest % n[k];
            rest /= n[k];
            for (int j = 0; j < operands; j++) w.at[j] += w.index[k] * w.s[j][k];
        }
    }
    w.to = w.from + EW_BLOCK < w.inner ? w.from + EW_BLOCK : w.inner;
    return w;
}
static inline void walk_on(walk *w) {
    w->left--;
    w->from += EW_BLOCK;
    if (w->from >= w->inner) {
        w->from = 0;
        w->row++;
        for (int k = w->rank - 2; k >= 0; k--) {
            for (int j = 0; j < w->operands; j++) w->at[j] += w->s[j][k];
            if (++w->index[k] < w->n[k]) break;
            for (int j = 0; j < w->operands; j++) w->at[j] -= w->n[k] * w->s[j][k];
            w->index[k] = 0;
        }
    }
    w->to = w->from + EW_BLOCK < w->inner ? w->from + EW_BLOCK : w->inner;
}

/* A short row against many: the row repeated VL times makes whole vectors of it. */
enum { ROW_SHORT = 32 };
static inline int short_row(const int64_t *n, const int64_t *full, const int64_t *row, int rank) {
    return rank == 2 && n[1] < ROW_SHORT && n[0] >= 4 * VL && full[1] == 1 && full[0] == n[1] && row[1] == 1 && row[0] == 0;
}

/* z = f(a, b): ints rank, n[6], sa[6], sb[6] (strides in elements, 0 broadcasts); the last axis is innermost */
#define JOIN_ROW(A, B, Z, from, to, in, out, expr) {                                             \
    const T_##in *pa = A, *pb = B; T_##out *pz = Z;                                              \
    V_##in ca = all_##in(*pa), cb = all_##in(*pb);                                               \
    int64_t k = from, m = VL;              /* m: how many lanes count */                         \
    for (; k + VL <= to; k += VL) {                                                              \
        V_##in x = ia ? load_##in(pa + k) : ca, y = ib ? load_##in(pb + k) : cb;                 \
        store_##out(pz + k, expr);                                                               \
    }                                                                                            \
    if ((m = to - k) > 0) {                                                                      \
        V_##in x = ia ? loadn_##in(pa + k, m) : ca, y = ib ? loadn_##in(pb + k, m) : cb;         \
        storen_##out(pz + k, expr, m);                                                           \
    }                                                                                            \
}
#define JOIN2(name, in, out, expr)                                                               \
FD_KERNEL(name) {                                                                                \
    T_##out *z = c->p[0]; const T_##in *a = c->p[1], *b = c->p[2];                               \
    vf p0 = vf_set1((float)c->d[0]); (void)p0;                                                   \
    int rank = (int)c->i[0];                                                                     \
    int64_t ia = c->i[6 + rank], ib = c->i[12 + rank];                                           \
    int left = short_row(c->i + 1, c->i + 13, c->i + 7, rank);                                   \
    if (left || short_row(c->i + 1, c->i + 7, c->i + 13, rank)) {                                \
        T_##in row[ROW_SHORT * VL]; const T_##in *full = left ? b : a;                           \
        int64_t inner = c->i[2], cycle = inner * VL, lo, hi, k, j = 0, m = VL;                   \
        for (k = 0; k < cycle; k++) { row[k] = (left ? a : b)[j]; j = j + 1 < inner ? j + 1 : 0; } \
        fd_share(c->i[1], EW_BLOCK, tid, nt, &lo, &hi);                                          \
        hi *= inner;                                                                             \
        for (k = lo * inner, j = 0; k + VL <= hi; k += VL) {                                     \
            V_##in r = load_##in(row + j), v = load_##in(full + k), x = left ? r : v, y = left ? v : r; \
            store_##out(z + k, expr);                                                            \
            j = j + VL < cycle ? j + VL : 0;                                                     \
        }                                                                                        \
        if ((m = hi - k) > 0) {                                                                  \
            V_##in r = load_##in(row + j), v = loadn_##in(full + k, hi - k), x = left ? r : v, y = left ? v : r; \
            storen_##out(z + k, expr, hi - k);                                                   \
        }                                                                                        \
        return;                                                                                  \
    }                                                                                            \
    if (rank == 1) {                       /* most calls, and all small ones */                  \
        int64_t lo, hi; fd_share(c->i[1], EW_BLOCK, tid, nt, &lo, &hi);                          \
        if (lo < hi) JOIN_ROW(a, b, z, lo, hi, in, out, expr)                                    \
        return;                                                                                  \
    }                                                                                            \
    for (walk w = walk_rows(rank, c->i + 1, 2, c->i + 7, c->i + 13, NULL, 1, tid, nt); w.left > 0; walk_on(&w)) \
        JOIN_ROW(a + w.at[0], b + w.at[1], z + w.row * w.inner, w.from, w.to, in, out, expr)     \
}
#define BINARY(name, out, expr) JOIN2(name, f, out, expr)
static inline vf vgelu_grad(vf g, vf x) {
    return g * (0.5f * (1.f + vf_erf(x * 0.70710678118654752f)) + x * 0.3989422804014327f * vf_exp(-0.5f * x * x));
}
static inline vf each2(vf x, vf y, float (*f)(float, float), int64_t m) { for (int64_t k = 0; k < m; k++) x[k] = f(x[k], y[k]); return x; }
static inline vi each2i(vi x, vi y, int32_t (*f)(int32_t, int32_t), int64_t m) { for (int64_t k = 0; k < m; k++) x[k] = f(x[k], y[k]); return x; }
static float fmod1(float a, float b) {      /* the remainder has the divisor's sign */
    float r = fmodf(a, b);
    if (b == 0.f || r != r) return r;
    return r == 0.f ? copysignf(0.f, b) : (r < 0) != (b < 0) ? r + b : r;
}
static float floordiv1(float a, float b) {  /* fmodf is exact, so that the quotient is right next to an integer too */
    if (b == 0.f) return a / b;
    float r = fmodf(a, b), q = (a - r) / b;
    if (r != 0.f && (r < 0) != (b < 0)) q -= 1.f;
    if (q == 0.f) return copysignf(0.f, a / b);
    float down = floorf(q);
    return q - down > 0.5f ? down + 1.f : down;
}
static int32_t imod1(int32_t a, int32_t b) {
    if (b == 0 || b == -1) return 0;
    int32_t r = a % b;
    return r && (r < 0) != (b < 0) ? r + b : r;
}
static int32_t ifloordiv1(int32_t a, int32_t b) {
    if (b == 0) return 0;
    if (b == -1) return (int32_t)(0u - (uint32_t)a);
    return a / b - (a % b && (a < 0) != (b < 0));
}
BINARY(add, f, x + y)
BINARY(sub, f, x - y)
BINARY(mul, f, x * y)
BINARY(div_, f, x / y)
BINARY(maximum, f, vf_max(x, y))
BINARY(minimum, f, vf_min(x, y))
BINARY(power, f, each2(x, y, powf, m))
BINARY(scale_add, f, p0 * x + y)
BINARY(relu6_grad, f, vf_sel((vi)(y > 0.f) & (vi)(y < 6.f), x, vf_set1(0.f)))
BINARY(relu_grad, f, vf_sel((vi)(y > 0.f), x, vf_set1(0.f)))
BINARY(tanh_grad, f, x * (1.f - y * y))
BINARY(sigmoid_grad, f, x * y * (1.f - y))
BINARY(gelu_grad, f, vgelu_grad(x, y))
BINARY(mod, f, each2(x, y, fmod1, m))
BINARY(floor_divide, f, each2(x, y, floordiv1, m))
BINARY(equal, b, (vi)(x == y))
BINARY(not_equal, b, (vi)(x != y))
BINARY(less, b, (vi)(x < y))
BINARY(less_equal, b, (vi)(x <= y))
BINARY(greater, b, (vi)(x > y))
BINARY(greater_equal, b, (vi)(x >= y))
JOIN2(add_i32, i, i, (vi)((vu)x + (vu)y))
JOIN2(sub_i32, i, i, (vi)((vu)x - (vu)y))
JOIN2(mul_i32, i, i, (vi)((vu)x * (vu)y))
JOIN2(maximum_i32, i, i, vi_sel(x > y, x, y))
JOIN2(minimum_i32, i, i, vi_sel(x < y, x, y))
JOIN2(mod_i32, i, i, each2i(x, y, imod1, m))
JOIN2(floor_divide_i32, i, i, each2i(x, y, ifloordiv1, m))
JOIN2(equal_i32, i, b, x == y)
JOIN2(not_equal_i32, i, b, x != y)
JOIN2(less_i32, i, b, x < y)
JOIN2(less_equal_i32, i, b, x <= y)
JOIN2(greater_i32, i, b, x > y)
JOIN2(greater_equal_i32, i, b, x >= y)
JOIN2(equal_bool, b, b, ~(x ^ y))
JOIN2(not_equal_bool, b, b, x ^ y)
JOIN2(logical_and, b, b, x & y)
JOIN2(logical_or, b, b, x | y)

/* z = a where t, else b: ints n[6] (leading axes may be 1), st[6], sa[6], sb[6]. Four-byte values pass as int32 bits. */
#define CHOOSE_ROW(C, A, B, Z, from, to, k_) {                                                   \
    const uint8_t *pt = C; const T_##k_ *pa = A, *pb = B; T_##k_ *pz = Z;                        \
    vi ct = all_b(*pt), ca = all_##k_(*pa), cb = all_##k_(*pb);                                  \
    int64_t k = from, m;                                                                         \
    for (; k + VL <= to; k += VL)                                                                \
        store_##k_(pz + k, vi_sel(it ? vb_load(pt + k) : ct, ia ? load_##k_(pa + k) : ca, ib ? load_##k_(pb + k) : cb)); \
    if ((m = to - k) > 0)                                                                        \
        storen_##k_(pz + k, vi_sel(it ? vb_loadn(pt + k, m) : ct, ia ? loadn_##k_(pa + k, m) : ca, ib ? loadn_##k_(pb + k, m) : cb), m); \
}
#define CHOOSE(name, k_)                                                                         \
FD_KERNEL(name) {                                                                                \
    T_##k_ *z = c->p[0]; const uint8_t *t = c->p[1]; const T_##k_ *a = c->p[2], *b = c->p[3];    \
    int64_t it = c->i[11], ia = c->i[17], ib = c->i[23];                                         \
    if (c->i[4] == 1 && (c->i[0] | c->i[1] | c->i[2] | c->i[3]) == 1) {                          \
        int64_t lo, hi; fd_share(c->i[5], EW_BLOCK, tid, nt, &lo, &hi);                          \
        if (lo < hi) CHOOSE_ROW(t, a, b, z, lo, hi, k_)                                          \
        return;                                                                                  \
    }                                                                                            \
    for (walk w = walk_rows(6, c->i, 3, c->i + 6, c->i + 12, c->i + 18, 1, tid, nt); w.left > 0; walk_on(&w)) \
        CHOOSE_ROW(t + w.at[0], a + w.at[1], b + w.at[2], z + w.row * w.inner, w.from, w.to, k_) \
}
CHOOSE(where, i)
CHOOSE(where_bool, b)

/* A loop that was compiled while the program ran (core/jit.py): f(y, x0, ..., lo, hi), its address among the integers. */
typedef void (*user1)(void *, const void *, int64_t, int64_t);
typedef void (*user2)(void *, const void *, const void *, int64_t, int64_t);
typedef void (*user3)(void *, const void *, const void *, const void *, int64_t, int64_t);
typedef void (*user4)(void *, const void *, const void *, const void *, const void *, int64_t, int64_t);
typedef void (*user5)(void *, const void *, const void *, const void *, const void *, const void *, int64_t, int64_t);
FD_KERNEL(user) {                          /* y[n] | x0[n], ... | n, inputs, address */
    int64_t lo, hi;
    void *f = (void *)(intptr_t)c->i[2], *const *p = c->p;
    fd_share(c->i[0], EW_BLOCK, tid, nt, &lo, &hi);
    switch (c->i[1]) {
    case 1: ((user1)f)(p[0], p[1], lo, hi); break;
    case 2: ((user2)f)(p[0], p[1], p[2], lo, hi); break;
    case 3: ((user3)f)(p[0], p[1], p[2], p[3], lo, hi); break;
    case 4: ((user4)f)(p[0], p[1], p[2], p[3], p[4], lo, hi); break;
    case 5: ((user5)f)(p[0], p[1], p[2], p[3], p[4], p[5], lo, hi); break;
    }
}
