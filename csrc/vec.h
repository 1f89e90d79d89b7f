/* V floats at a time, written once for every width (GCC/Clang vectors). An element gets the same bits wherever
   it lies: tails go through partial vectors, never through scalar twins. */
#ifndef FD_VEC_H
#define FD_VEC_H
#include <stdint.h>
#include <string.h>
#include <math.h>
#define VL (VB / 4)
typedef float    vf  __attribute__((vector_size(VB)));
typedef int32_t  vi  __attribute__((vector_size(VB)));
typedef uint32_t vu  __attribute__((vector_size(VB)));
typedef float    vfm __attribute__((vector_size(VB), aligned(4), may_alias));

static inline vf vf_load(const float *p) { return *(const vfm *)p; }
static inline void vf_store(float *p, vf v) { *(vfm *)p = v; }
static inline vf vf_loadn(const float *p, int64_t n) { vf v = {0}; memcpy(&v, p, (size_t)n * 4); return v; }
static inline void vf_storen(float *p, vf v, int64_t n) { memcpy(p, &v, (size_t)n * 4); }
static inline vf vf_set1(float x) { vf v = {0}; return v + x; }
static inline vi vi_set1(int32_t x) { vi v = {0}; return v + x; }
static inline vf vf_sel(vi m, vf a, vf b) { return (vf)(((vi)a & m) | ((vi)b & ~m)); }
static inline vf vf_max(vf a, vf b) { return vf_sel((vi)(a < b) , b, vf_sel((vi)(b == b), a, b)); }  /* NaN of either side stays */
static inline vf vf_min(vf a, vf b) { return vf_sel((vi)(a > b) , b, vf_sel((vi)(b == b), a, b)); }
/* Rounded here and now: keeps the compiler from fusing a product into the addition that follows. */
#if defined(__x86_64__) && VB == 64
static inline vf vf_keep(vf a) { __asm__("" : "+v"(a)); return a; }
#elif defined(__x86_64__)
static inline vf vf_keep(vf a) { __asm__("" : "+x"(a)); return a; }
#else
static inline vf vf_keep(vf a) { volatile vf b = a; return b; }
#endif
static inline vf vf_abs(vf a) { return (vf)((vi)a & vi_set1(0x7fffffff)); }
static inline vf vf_toint(vf a, vi *k) {              /* nearest integer of |a| < 2^22 */
    vf magic = vf_set1(12582912.f), r = a + magic;
    *k = (vi)r - (vi)magic;
    return r - magic;
}
static inline vf vf_sqrt(vf a) { for (int k = 0; k < VL; k++) a[k] = sqrtf(a[k]); return a; }

/* exp: x = k ln2 + r (Cody-Waite), degree-6 polynomial, two-step scaling so that subnormals come out right */
static inline vf vf_exp(vf x) {
    vi k;
    vf c = vf_sel((vi)(x < -104.f), vf_set1(-104.f), vf_sel((vi)(x > 89.f), vf_set1(89.f), x));
    vf n = vf_toint(c * 1.44269504088896f, &k);
    vf r = c - n * 0.693359375f + n * 2.12194440e-4f;
    vf p = vf_set1(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f; p = p * r + 8.3334519073e-3f; p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f; p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.f;
    vi h = k >> 1;
    vf y = p * (vf)((h + 127) << 23) * (vf)((k - h + 127) << 23);
    y = vf_sel((vi)(x > 88.7228391f), vf_set1(__builtin_inff()), y);
    return vf_sel((vi)(x != x), x, y);
}
static inline vf vf_log(vf x) {
    vf tiny = vf_sel((vi)(x < 1.17549435e-38f), x * 8388608.f, x);
    vf e0 = vf_sel((vi)(x < 1.17549435e-38f), vf_set1(-23.f), vf_set1(0.f));
    vi b = (vi)tiny, k = ((b - 0x3f3504f3) >> 23);
    vf m = (vf)(b - (k << 23)) - 1.f, e = __builtin_convertvector(k, vf) + e0, z = m * m;
    vf p = vf_set1(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f; p = p * m + 1.1676998740e-1f; p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f; p = p * m - 1.6668057665e-1f; p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f; p = p * m + 3.3333331174e-1f;
    vf y = m * z * p - e * 2.12194440e-4f;
    y = y - 0.5f * z;
    y = m + y + e * 0.693359375f;
    y = vf_sel((vi)(x == 0.f), vf_set1(-__builtin_inff()), y);
    y = vf_sel((vi)(x == __builtin_inff()), x, y);
    return vf_sel((vi)(x < 0.f) | (vi)(x != x), vf_set1(__builtin_nanf("")), y);
}
static inline vf vf_sigmoid(vf x) {
    vf e = vf_exp(-vf_abs(x)), d = 1.f / (1.f + e);
    return vf_sel((vi)(x != x), x, vf_sel((vi)(x < 0.f), e * d, d));
}
static inline vf vf_tanh(vf x) {
    vf a = vf_abs(x), s = x * x;
    vf p = vf_set1(-5.70498872745e-3f);
    p = p * s + 2.06390887954e-2f; p = p * s - 5.37397155531e-2f; p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f; p = p * s * x + x;
    vf t = 1.f - 2.f / (vf_exp(a + a) + 1.f);
    t = (vf)((vi)t | ((vi)x & vi_set1((int32_t)0x80000000)));
    return vf_sel((vi)(a < 0.625f) | (vi)(x != x), p, t);
}
static inline float vf_sum(vf a) {
    float s = 0;
    for (int w = VL / 2; w; w /= 2) for (int k = 0; k < w; k++) a[k] += a[k + w];
    s = a[0];
    return s;
}
#endif
