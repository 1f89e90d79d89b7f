/* Connectionist temporal classification, forward and backward in one walk over a sequence (Graves et al. 2006). The states
   of a path are blank, label, blank, label, ..., blank; a[s] is the log-probability of all the ways to be in state s. Each
   step's a is shifted so that its largest is 0 and the shifts are summed in double: no precision is lost on long sequences. */
enum { CTC_EDGE = 16 };                            /* impossible states on both sides, so that no state asks where it is */
#define CTC_NEVER -1e30f

/* log(e^a + e^b + e^c), all finite or NaN */
static inline vf ctc_join(vf a, vf b, vf c) {
    vf top = vf_max(a, vf_max(b, c));
    return top + vf_log(vf_exp(a - top) + vf_exp(b - top) + vf_exp(c - top));
}
static inline vf ctc_at_least(vf x) { return vf_sel((vi)(x < CTC_NEVER), vf_set1(CTC_NEVER), x); }
static void ctc_clear(float *p, int64_t from, int64_t to) { for (int64_t s = from; s < to; s++) p[s] = CTC_NEVER; }
/* The log-probability of each state's symbol at one step. */
static void ctc_emit(float *e, const float *x, float norm, const int32_t *label, int64_t states, int64_t blank) {
    float rest = x[blank] - norm;
    for (int64_t s = 0; s < states; s += 2) e[s] = rest;
    for (int64_t s = 1; s < states; s += 2) e[s] = x[label[s >> 1]] - norm;
}
/* a -= its largest, which is returned */
static float ctc_shift(float *a, int64_t states) {
    float top = row_max(a, states);
    if (top > CTC_NEVER / 2) for (int64_t s = 0; s < states; s += VL) row_put(a, s, states, ctc_at_least(row_at(a, s, states, 0.f) - top));
    return top;
}
/* dx = g's share of one step: softmax(x) less the chance of each symbol; a becomes the states' chances */
static void ctc_step_grad(float *dx, const float *x, float norm, float *a, const float *b, const int32_t *label, int64_t states, int64_t C, int64_t blank) {
    for (int64_t s = 0; s < states; s += VL) row_put(a, s, states, ctc_at_least(row_at(a, s, states, 0.f) + row_at(b, s, states, 0.f)));
    float by = 1.f / row_exp(a, a, states, row_max(a, states));
    for (int64_t k = 0; k < C; k += VL) row_put(dx, k, C, vf_exp(row_at(x, k, C, 0.f) - norm));
    for (int64_t s = 0; s < states; s++) dx[s & 1 ? label[s >> 1] : blank] -= a[s] * by;
}

FD_KERNEL(ctc) {   /* l[B], (dx[B, T, C]), scratch[nt, room] | x[B, T, C], label[B, L], label_length[B], length[B] | B, T, C, L, blank, keep, width, room */
    int64_t B = c->i[0], T = c->i[1], C = c->i[2], L = c->i[3], blank = c->i[4], keep = c->i[5], W = c->i[6], lo, hi;
    float *l = c->p[0], *dxs = keep ? c->p[1] : NULL, *work = (float *)c->p[1 + keep] + tid * c->i[7];
    const float *xs = c->p[2 + keep];
    const int32_t *labels = c->p[3 + keep], *counts = c->p[4 + keep], *lengths = c->p[5 + keep];
    float *alpha = work, *emit = alpha + (keep ? T : 2) * W + CTC_EDGE, *jump = emit + W, *beta = jump + W, *next = beta + W, *norm = next + W;
    fd_share(B, 1, tid, nt, &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        const float *x = xs + b * T * C; const int32_t *label = labels + b * L;
        float *dx = keep ? dxs + b * T * C : NULL;
        int64_t n = counts[b], steps = lengths[b], states = 2 * n + 1, wrong = 0;
        if (dx) memset(dx, 0, (size_t)(T * C) * 4);
        l[b] = 0.f;
        if (n < 0 || n > L) { fd_fail(c, FD_BAD_INDEX, n); continue; }
        if (steps < 0 || steps > T) { fd_fail(c, FD_BAD_INDEX, steps); continue; }
        for (int64_t k = 0; k < n; k++) if (label[k] < 0 || label[k] >= C) { fd_fail(c, FD_BAD_INDEX, label[k]); wrong = 1; }
        if (wrong) continue;
        if (!steps) { l[b] = n ? __builtin_inff() : 0.f; continue; }
        for (int64_t t = 0; t < steps; t++) {
            float top = row_max(x + t * C, C);
            norm[t] = top + log1(row_exp(NULL, x + t * C, C, top));
            wrong |= norm[t] != norm[t];
        }
        if (wrong) {
            l[b] = __builtin_nanf("");
            if (dx) for (int64_t k = 0; k < steps * C; k++) dx[k] = l[b];
            continue;
        }
        ctc_clear(jump, 0, W - CTC_EDGE);                      /* 0 where a state may be reached from the one before the last */
        for (int64_t s = 3; s < states; s += 2) if (label[s >> 1] != label[(s >> 1) - 1]) jump[s] = 0.f;
        for (int64_t t = 0; t < (dx ? T : 2) && t < steps + 1; t++) {
            float *a = alpha + t * W;
            ctc_clear(a, 0, CTC_EDGE); ctc_clear(a + CTC_EDGE, states, W - CTC_EDGE);
        }
        double total = 0;
        int64_t possible = 1;
        for (int64_t t = 0; t < steps && possible; t++) {
            float *a = alpha + (dx ? t : t & 1) * W + CTC_EDGE;
            const float *p = alpha + (dx ? t - 1 : (t - 1) & 1) * W + CTC_EDGE;
            ctc_emit(emit, x + t * C, norm[t], label, states, blank);
            if (!t) { ctc_clear(a, 0, states); a[0] = emit[0]; if (n) a[1] = emit[1]; }
            else for (int64_t s = 0; s < states; s += VL) {
                vf v = ctc_join(vf_load(p + s), vf_load(p + s - 1), vf_load(p + s - 2) + vf_load(jump + s));
                row_put(a, s, states, ctc_at_least(v + row_at(emit, s, states, 0.f)));
            }
            float top = ctc_shift(a, states);
            possible = top > CTC_NEVER / 2;
            total += top;
        }
        const float *end = alpha + (dx ? steps - 1 : (steps - 1) & 1) * W + CTC_EDGE + states - 1;
        float best = n && end[-1] > end[0] ? end[-1] : end[0];
        if (!possible || best <= CTC_NEVER / 2) { l[b] = __builtin_inff(); continue; }
        float sum = vf_exp(vf_set1(end[0] - best))[0] + (n ? vf_exp(vf_set1(end[-1] - best))[0] : 0.f);
        l[b] = (float)-(total + best + log1(sum));
        if (!dx) continue;
        ctc_clear(beta, 0, W - CTC_EDGE); ctc_clear(next, 0, W - CTC_EDGE);
        beta[states - 1] = 0.f;
        if (n) beta[states - 2] = 0.f;
        for (int64_t t = steps - 1; t >= 0; t--) {
            if (t < steps - 1) {
                ctc_emit(emit, x + (t + 1) * C, norm[t + 1], label, states, blank);
                for (int64_t s = 0; s < states; s += VL) row_put(next, s, states, ctc_at_least(row_at(emit, s, states, 0.f) + row_at(beta, s, states, 0.f)));
                for (int64_t s = 0; s < states; s += VL)
                    row_put(beta, s, states, ctc_at_least(ctc_join(vf_load(next + s), vf_load(next + s + 1), vf_load(next + s + 2) + vf_load(jump + s + 2))));
                ctc_shift(beta, states);
            }
            ctc_step_grad(dx + t * C, x + t * C, norm[t], alpha + t * W + CTC_EDGE, beta, label, states, C, blank);
        }
    }
}
