/* V floats at a time, written once for every width (GCC/Clang vectors). An element gets the same bits wherever
   it lies: tails go through partial vectors, never through scalar twins. */
#ifndef FD_VEC_H
#define FD_VEC_H
#include <stdint.h>
#include <string.h>
#include <math.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#define VL (VB / 4)
typedef float    vf  __attribute__((vector_size(VB)));
typedef int32_t  vi  __attribute__((vector_size(VB)));
typedef uint32_t vu  __attribute__((vector_size(VB)));
typedef float    vfm __attribute__((vector_size(VB), aligned(4), may_alias));

static inline vf vf_load(const float *p) { return *(const vfm *)p; }
static inline void vf_store(float *p, vf v) { *(vfm *)p = v; }
/* The first n <= VL lanes only; the others are zero and their memory is not touched. */
#if VB == 64 && defined(__AVX512F__)
static inline vf vf_loadn(const float *p, int64_t n) { return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
static inline void vf_storen(float *p, vf v, int64_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v); }
#elif VB == 32 && defined(__AVX2__)
static inline __m256i vi_first(int64_t n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
static inline vf vf_loadn(const float *p, int64_t n) { return (vf)_mm256_maskload_ps(p, vi_first(n)); }
static inline void vf_storen(float *p, vf v, int64_t n) { _mm256_maskstore_ps(p, vi_first(n), (__m256)v); }
#else
static inline vf vf_loadn(const float *p, int64_t n) { vf v = {0}; memcpy(&v, p, (size_t)n * 4); return v; }
static inline void vf_storen(float *p, vf v, int64_t n) { memcpy(p, &v, (size_t)n * 4); }
#endif
static inline vf vf_set1(float x) { vf v = {0}; return x - v; }      /* -0 - 0 is -0: every x arrives with its own bits */
static inline vi vi_set1(int32_t x) { vi v = {0}; return v + x; }
static inline vi vi_load(const int32_t *p) { return (vi)vf_load((const float *)p); }
static inline void vi_store(int32_t *p, vi v) { vf_store((float *)p, (vf)v); }
static inline vi vi_loadn(const int32_t *p, int64_t n) { return (vi)vf_loadn((const float *)p, n); }
static inline void vi_storen(int32_t *p, vi v, int64_t n) { vf_storen((float *)p, (vf)v, n); }
static inline vi vi_sel(vi m, vi a, vi b) { return (a & m) | (b & ~m); }
static inline vi vi_iota(void) { vi v; for (int k = 0; k < VL; k++) v[k] = k; return v; }
/* Booleans: bytes 0 and 1 in memory, lanes 0 and -1 (a mask) in registers. */
#if VB == 64 && defined(__AVX512F__)
static inline vi vb_load(const uint8_t *p) { return (vi)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)) != 0; }
static inline void vb_store(uint8_t *p, vi m) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)(m & 1))); }
static inline int vi_any(vi m) { return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0; }
#elif VB == 32 && defined(__AVX2__)
static inline vi vb_load(const uint8_t *p) { return (vi)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)) != 0; }
static inline void vb_store(uint8_t *p, vi m) {
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)m), _mm256_extracti128_si256((__m256i)m, 1));
    _mm_storel_epi64((__m128i *)p, _mm_and_si128(_mm_packs_epi16(w, w), _mm_set1_epi8(1)));
}
static inline int vi_any(vi m) { return !_mm256_testz_si256((__m256i)m, (__m256i)m); }
#else
typedef int8_t vc __attribute__((vector_size(VL)));
typedef int8_t vcm __attribute__((vector_size(VL), aligned(1), may_alias));
static inline vi vb_load(const uint8_t *p) { return __builtin_convertvector(*(const vcm *)p, vi) != 0; }
static inline void vb_store(uint8_t *p, vi m) { *(vcm *)p = __builtin_convertvector(m & 1, vc); }
static inline int vi_any(vi m) { int any = 0; for (int k = 0; k < VL; k++) any |= m[k]; return any != 0; }
#endif
static inline vi vb_loadn(const uint8_t *p, int64_t n) { vi v = {0}; for (int64_t k = 0; k < n; k++) v[k] = p[k]; return v != 0; }
static inline void vb_storen(uint8_t *p, vi m, int64_t n) { for (int64_t k = 0; k < n; k++) p[k] = m[k] != 0; }
static inline vf vf_sel(vi m, vf a, vf b) { return (vf)(((vi)a & m) | ((vi)b & ~m)); }
static inline vf vf_max(vf a, vf b) { return vf_sel((vi)(a < b) , b, vf_sel((vi)(b == b), a, b)); }  /* NaN of either side stays */
static inline vf vf_min(vf a, vf b) { return vf_sel((vi)(a > b) , b, vf_sel((vi)(b == b), a, b)); }
/* v, no less than lo, no more than hi; NaN and a zero's sign stay v's own: what the x86 instructions do with v as their second. */
#if VB == 64 && defined(__AVX512F__)
static inline vf vf_clamp(vf v, vf lo, vf hi) { return (vf)_mm512_min_ps((__m512)hi, _mm512_max_ps((__m512)lo, (__m512)v)); }
#elif VB == 32 && defined(__AVX2__)
static inline vf vf_clamp(vf v, vf lo, vf hi) { return (vf)_mm256_min_ps((__m256)hi, _mm256_max_ps((__m256)lo, (__m256)v)); }
#else
static inline vf vf_clamp(vf v, vf lo, vf hi) { v = vf_sel((vi)(v < lo), lo, v); return vf_sel((vi)(v > hi), hi, v); }
#endif
/* Rounded here and now: keeps the compiler from fusing a product into the addition that follows. */
#if defined(__x86_64__) && VB == 64
static inline vf vf_keep(vf a) { __asm__("" : "+v"(a)); return a; }
#elif defined(__x86_64__)
static inline vf vf_keep(vf a) { __asm__("" : "+x"(a)); return a; }
#else
static inline vf vf_keep(vf a) { volatile vf b = a; return b; }
#endif
/* Loaded into a register here, once: a compiler may think that loading it again for every use costs nothing. */
#if defined(__x86_64__)
static inline vf vf_once(const float *p) { return vf_keep(vf_load(p)); }
#else
static inline vf vf_once(const float *p) { return vf_load(p); }
#endif
/* Four doubles, for what must be exact to the last float. */
typedef double  vd4 __attribute__((vector_size(32)));
typedef float   vf4 __attribute__((vector_size(16)));
typedef int32_t vi4 __attribute__((vector_size(16)));
typedef int64_t vl4 __attribute__((vector_size(32)));
typedef float   vf4m __attribute__((vector_size(16), aligned(4), may_alias));
#if defined(__AVX__)
static inline vd4 vd4_load(const float *p) { return (vd4)_mm256_cvtps_pd(_mm_loadu_ps(p)); }
static inline vf4 vd4_floats(vd4 a) { return (vf4)_mm256_cvtpd_ps((__m256d)a); }
static inline vi4 vd4_ints(vd4 a) { return (vi4)_mm256_cvttpd_epi32((__m256d)a); }
static inline vd4 vi4_doubles(vi4 a) { return (vd4)_mm256_cvtepi32_pd((__m128i)a); }
#else
static inline vd4 vd4_load(const float *p) { return __builtin_convertvector(*(const vf4m *)p, vd4); }
static inline vf4 vd4_floats(vd4 a) { return __builtin_convertvector(a, vf4); }
static inline vi4 vd4_ints(vd4 a) { return __builtin_convertvector(a, vi4); }
static inline vd4 vi4_doubles(vi4 a) { return __builtin_convertvector(a, vd4); }
#endif
static inline vd4 vd4_sel(vl4 m, vd4 a, vd4 b) { return (vd4)(((vl4)a & m) | ((vl4)b & ~m)); }
static inline vi4 vi4_min(vi4 a, int32_t b) { vi4 c = {b, b, b, b}, m = a < c; return (a & m) | (c & ~m); }
static inline vf vf_abs(vf a) { return (vf)((vi)a & vi_set1(0x7fffffff)); }
static inline vf vf_toint(vf a, vi *k) {              /* nearest integer of |a| < 2^22 */
    vf magic = vf_set1(12582912.f), r = a + magic;
    *k = (vi)r - (vi)magic;
    return r - magic;
}
#if VB == 64 && defined(__AVX512F__)
static inline vf vf_sqrt(vf a) { return (vf)_mm512_sqrt_ps((__m512)a); }
#elif VB == 32 && defined(__AVX2__)
static inline vf vf_sqrt(vf a) { return (vf)_mm256_sqrt_ps((__m256)a); }
#elif VB == 16 && defined(__SSE2__)
static inline vf vf_sqrt(vf a) { return (vf)_mm_sqrt_ps((__m128)a); }
#else
static inline vf vf_sqrt(vf a) { for (int k = 0; k < VL; k++) a[k] = sqrtf(a[k]); return a; }
#endif
/* 1 / sqrt(a) to 2 ulp for a > 0: the processor's estimate and one Newton step, where it has one; 0 and infinity as usual. */
#if VB == 64 && defined(__AVX512F__)
#define VF_GUESS(a) ((vf)_mm512_rsqrt14_ps((__m512)(a)))
#elif VB == 32 && defined(__AVX2__)
#define VF_GUESS(a) ((vf)_mm256_rsqrt_ps((__m256)(a)))
#endif
#ifdef VF_GUESS
static inline vf vf_rsqrt(vf a) {
    vf y = VF_GUESS(a), z = y * (1.5f - 0.5f * a * y * y);
    return vf_sel((vi)(z == z), z, y);
}
#else
static inline vf vf_rsqrt(vf a) { return 1.f / vf_sqrt(a); }
#endif

/* 1 / a to 2 ulp for a normal a whose inverse is normal too; x between -top and top, NaN stays. One instruction each, or
   two, where the processor has it. */
#if VB == 64 && defined(__AVX512F__)
static inline vf vf_inverse(vf a) { vf y = (vf)_mm512_rcp14_ps((__m512)a); return y + y * (1.f - a * y); }
static inline vf vf_clip(vf x, float top) { return (vf)_mm512_max_ps(_mm512_set1_ps(-top), _mm512_min_ps(_mm512_set1_ps(top), (__m512)x)); }
#else
#if VB == 32 && defined(__AVX2__)
static inline vf vf_inverse(vf a) { vf y = (vf)_mm256_rcp_ps((__m256)a); return y + y * (1.f - a * y); }
static inline vf vf_clip(vf x, float top) { return (vf)_mm256_max_ps(_mm256_set1_ps(-top), _mm256_min_ps(_mm256_set1_ps(top), (__m256)x)); }
#else
static inline vf vf_inverse(vf a) { return 1.f / a; }
static inline vf vf_clip(vf x, float top) {
    x = vf_sel((vi)(x > top), vf_set1(top), x);
    return vf_sel((vi)(x < -top), vf_set1(-top), x);
}
#endif
#endif

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
static inline vf vf_expm1(vf x) {                     /* s2 (s1 (e^r - 1) + s1 - 1/s2): nothing is lost near zero */
    vi k;
    vf c = vf_sel((vi)(x < -104.f), vf_set1(-104.f), vf_sel((vi)(x > 89.f), vf_set1(89.f), x));
    vf n = vf_toint(c * 1.44269504088896f, &k);
    vf r = c - n * 0.693359375f + n * 2.12194440e-4f;
    vf p = vf_set1(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f; p = p * r + 8.3334519073e-3f; p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f; p = p * r + 5.0000001201e-1f;
    p = p * r * r + r;
    vi h = k >> 1;
    vf s1 = (vf)((h + 127) << 23), s2 = (vf)((k - h + 127) << 23), back = (vf)((h - k + 127) << 23);
    vf y = s2 * (s1 * p + (s1 - back));
    y = vf_sel((vi)(x > 88.7228391f), vf_set1(__builtin_inff()), y);
    return vf_sel((vi)(x != x) | (vi)(x == 0.f), x, y);
}
static inline vf vf_log1p(vf x) {                     /* log(u) x / (u - 1), u = 1 + x rounded: the rounding cancels */
    vf u = 1.f + x, d = u - 1.f;
    vf y = vf_log(u) * (x / vf_sel((vi)(d == 0.f), vf_set1(1.f), d));
    return vf_sel((vi)(d == 0.f) | (vi)(x == __builtin_inff()), x, y);
}
static inline vf vf_erf(vf x) {                       /* x P(x^2) up to 0.9, then 1 - exp(-Q(|x|)): least-squares fits, 7e-8 */
    vf a = vf_abs(x), s = x * x, t = vf_sel((vi)(a < 4.f), a, vf_set1(4.f));
    vf p = vf_set1(8.53412057e-05f);
    p = p * s - 8.18078115e-04f; p = p * s + 5.20433160e-03f; p = p * s - 2.68607084e-02f; p = p * s + 1.12837188e-01f;
    p = p * s - 3.76126349e-01f; p = (p * s + 1.28379226e-01f) * x + x;
    vf q = vf_set1(-1.97181638e-04f);
    q = q * t + 3.05560674e-03f; q = q * t - 2.22770832e-02f; q = q * t + 1.04037352e-01f; q = q * t + 6.37059748e-01f;
    q = q * t + 1.12774956f; q = q * t + 1.77495648e-04f;
    vf y = (vf)((vi)(1.f - vf_exp(-q)) | ((vi)x & vi_set1((int32_t)0x80000000)));
    return vf_sel((vi)(a < 0.9f) | (vi)(x != x), p, y);
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
/* sin and cos on [-pi/4, pi/4], minimax */
static inline vf vf_sin_near(vf x) { vf z = x * x; return ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x; }
static inline vf vf_cos_near(vf x) {
    vf z = x * x;
    return ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.f;
}
/* sin(x + k pi/2) by quadrant k, |x| <= pi/4 */
static inline vf vf_quadrant(vf x, vi k) {
    vf y = vf_sel((k & 1) != 0, vf_cos_near(x), vf_sin_near(x));
    return (vf)((vi)y ^ ((k & 2) << 30));
}
static inline vf vf_cos2pi(vf u) {                    /* cos(2 pi u), |u| < 2^20: the quarter turns are taken off exactly */
    vi k;
    vf q = vf_toint(u * 4.f, &k);
    return vf_quadrant((u - q * 0.25f) * 6.28318530717958648f, k + 1);
}
/* pi/2 in three parts whose products with k < 2^13 are exact (Cody-Waite); beyond, lane by lane */
static inline vf vf_trig(vf x, int shift, float (*far)(float)) {
    vi k;
    vf q = vf_toint(x * 0.636619772367581343f, &k);
    vf r = x - q * 1.5703125f - q * 4.837512969970703125e-4f - q * 7.54978995489188e-8f;
    vf y = vf_quadrant(r, k + shift);
    vi wild = ~(vi)(vf_abs(x) < 8192.f);
    if (vi_any(wild)) for (int j = 0; j < VL; j++) if (wild[j]) y[j] = far(x[j]);
    return y;
}
static inline vf vf_sin(vf x) { return vf_trig(x, 0, sinf); }
static inline vf vf_cos(vf x) { return vf_trig(x, 1, cosf); }
/* M. Giles, Approximating the erfinv function (2010), single precision; the far branch only where a lane needs it */
static inline vf vf_erfinv(vf x) {
    vf w = -vf_log((1.f - x) * (1.f + x)), v = w - 2.5f, p = vf_set1(2.81022636e-08f);
    p = p * v + 3.43273939e-07f; p = p * v - 3.5233877e-06f; p = p * v - 4.39150654e-06f; p = p * v + 2.1858087e-04f;
    p = p * v - 1.25372503e-03f; p = p * v - 4.17768164e-03f; p = p * v + 2.46640727e-01f; p = p * v + 1.50140941f;
    vi far = ~(vi)(w < 5.f);
    if (vi_any(far)) {
        vf t = vf_sqrt(w) - 3.f, q = vf_set1(-2.00214257e-04f);
        q = q * t + 1.00950558e-04f; q = q * t + 1.34934322e-03f; q = q * t - 3.67342844e-03f; q = q * t + 5.73950773e-03f;
        q = q * t - 7.6224613e-03f; q = q * t + 9.43887047e-03f; q = q * t + 1.00167406f; q = q * t + 2.83297682f;
        p = vf_sel((vi)(w == __builtin_inff()), w, vf_sel(far, q, p));
    }
    return p * x;
}
/* Over the lanes by halves: the same tree on every run. */
#ifdef __clang__
static inline vf vf_xor(vf a, int w) { vf b; _Pragma("clang loop unroll(full)") for (int j = 0; j < VL; j++) b[j] = a[j ^ w]; return b; }
#define VF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define vf_xor(a, w) __builtin_shuffle(a, vi_iota() ^ (w))
#define VF_UNROLL _Pragma("GCC unroll 8")
#endif
#define VF_HALVES(a, join) { VF_UNROLL for (int w = VL / 2; w; w /= 2) { vf b_ = vf_xor(a, w); a = join; } }
static inline float vf_sum(vf a) { VF_HALVES(a, a + b_) return a[0]; }
static inline float vf_top(vf a) { VF_HALVES(a, vf_max(a, b_)) return a[0]; }
#endif
