/* The one place with machine instructions: the four coefficients of many rows side by side, and the
   cores of tables. Lanes holds LANES elements; ROW(i) is the address of the row of element i. */
#ifndef ACTLAS_INTRINSICS /* the tests name a header that emulates what this machine lacks */
#define ACTLAS_INTRINSICS <immintrin.h>
#endif
#if defined(ISA_AVX512)
#include ACTLAS_INTRINSICS
#define LANES 16
#define QUAD(i)                                                                                   \
  _mm512_insertf32x4(_mm512_insertf32x4(_mm512_insertf32x4(                                       \
    _mm512_castps128_ps512(_mm_loadu_ps(ROW(i))), _mm_loadu_ps(ROW(i + 4)), 1),                   \
    _mm_loadu_ps(ROW(i + 8)), 2), _mm_loadu_ps(ROW(i + 12)), 3)
typedef __m512 Lanes;
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define TIMES _mm512_mul_ps
static inline Lanes cubic(const float *rows, const int32_t *index, const float *t) {
#define ROW(i) (rows + index[i])
  __m512 a = QUAD(0), b = QUAD(1), c = QUAD(2), d = QUAD(3), u = _mm512_loadu_ps(t);
  __m512 ab = _mm512_unpacklo_ps(a, b), AB = _mm512_unpackhi_ps(a, b);
  __m512 cd = _mm512_unpacklo_ps(c, d), CD = _mm512_unpackhi_ps(c, d);
  __m512 sum = _mm512_fmadd_ps(_mm512_shuffle_ps(AB, CD, 0xee), u, _mm512_shuffle_ps(AB, CD, 0x44));
  sum = _mm512_fmadd_ps(sum, u, _mm512_shuffle_ps(ab, cd, 0xee));
  return _mm512_fmadd_ps(sum, u, _mm512_shuffle_ps(ab, cd, 0x44));
#undef ROW
}

static inline __mmask16 is_negative(__m512 v) {
  return _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ);
}

static inline __mmask16 is_finite(__m512 v) {
  return _mm512_cmp_ps_mask(_mm512_abs_ps(v), _mm512_set1_ps(INFINITY), _CMP_LT_OQ);
}

/* The last row of either sign, affine in |x|. */
static inline __m512 last_row(const Table *table, __m512 v) {
  const float *right = table->rows + 4 * (table->half - 1), *left = right + 4 * table->half;
  const __mmask16 negative = is_negative(v);
#define LAST(j) _mm512_mask_blend_ps(negative, _mm512_set1_ps(right[j]), _mm512_set1_ps(left[j]))
  return _mm512_fmadd_ps(LAST(1), _mm512_abs_ps(v), LAST(0));
#undef LAST
}

/* The elements whose side the last row takes over from the core. */
static inline __mmask16 in_closed_tail(const Table *table, __m512 v) {
  const __mmask16 negative = is_negative(v), right = table->closed & CLOSED_RIGHT ? ~negative : 0;
  return is_finite(v) & (right | (table->closed & CLOSED_LEFT ? negative : 0));
}

/* y = polynomial * x**power * (x - root)... [* factor] for `count` vectors at once, so that one waits while others
   go on. The result has a bit for each element that lies outside of the core: its y is none. */
#define HAS_CORES 1
#define CHUNK (4 * LANES)
static inline __attribute__((always_inline)) uint64_t
run_core(const Table *table, const float *x, const float *factor, float *y, const int count) {
  const __m512 reach = _mm512_set1_ps(table->core_reach);
  const __m512 inverse = _mm512_set1_ps(INTERVALS / table->core_reach);
  __m512 v[4], t[4], sum[4];
  __m512i row[4];
  __mmask16 beyond[4];
  uint64_t outside = 0;
  for (int k = 0; k < count; k++) {
    v[k] = _mm512_loadu_ps(x + LANES * k);
    const __m512 size = _mm512_abs_ps(v[k]), place = _mm512_mul_ps(size, inverse);
    /* The compiler's conversion, for the header that emulates has none. */
    const __v16si whole = __builtin_convertvector((__v16sf)place, __v16si);
    const __m512i half = _mm512_srli_epi32(_mm512_castps_si512(v[k]), 27); /* the sign, and more */
    row[k] = _mm512_or_si512((__m512i)whole, _mm512_and_si512(half, _mm512_set1_epi32(INTERVALS)));
    t[k] = _mm512_sub_ps(place, (__m512)__builtin_convertvector(whole, __v16sf));
    beyond[k] = _mm512_cmp_ps_mask(size, reach, _CMP_NLT_UQ);
    outside |= (uint64_t)beyond[k] << (LANES * k);
  }
  const float *c = table->core + PICKED * table->core_degree;
#define PICK(k) _mm512_permutex2var_ps(low, row[k], high)
  const __m512 low = _mm512_loadu_ps(c), high = _mm512_loadu_ps(c + INTERVALS);
  for (int k = 0; k < count; k++) sum[k] = PICK(k);
  while (c > table->core) {
    c -= PICKED;
    const __m512 low = _mm512_loadu_ps(c), high = _mm512_loadu_ps(c + INTERVALS);
    for (int k = 0; k < count; k++) sum[k] = _mm512_fmadd_ps(sum[k], t[k], PICK(k));
  }
#undef PICK
  for (int r = 0; r < table->roots; r++) {
    const __m512 root = _mm512_set1_ps(table->root[2 * r]), rest = _mm512_set1_ps(table->root[2 * r + 1]);
    for (int k = 0; k < count; k++)
      sum[k] = _mm512_mul_ps(sum[k], _mm512_sub_ps(_mm512_sub_ps(v[k], root), rest));
  }
  if (outside && table->closed)
    for (int k = 0; k < count; k++) {
      const __mmask16 tail = beyond[k] & in_closed_tail(table, v[k]);
      sum[k] = _mm512_mask_blend_ps(tail, sum[k], last_row(table, v[k]));
      outside &= ~((uint64_t)tail << (LANES * k));
    }
  for (int p = 0; p < table->power; p++)
    for (int k = 0; k < count; k++) sum[k] = _mm512_mul_ps(sum[k], v[k]);
  for (int k = 0; k < count; k++) {
    const int at = LANES * k;
    STORE(y + at, factor ? _mm512_mul_ps(sum[k], _mm512_loadu_ps(factor + at)) : sum[k]);
  }
  return outside;
}

/* y = the last row where |x| is beyond its beginning, as the rows would have it; a bit for each of these. */
static inline int run_tail(const Table *table, const float *x, const float *factor, float *y) {
  const __m512 v = _mm512_loadu_ps(x), size = _mm512_abs_ps(v);
  const __mmask16 beyond = _mm512_cmp_ps_mask(size, _mm512_set1_ps(table->affine), _CMP_GE_OQ) & is_finite(v);
  __m512 value = last_row(table, v);
  for (int p = 0; p < table->power; p++) value = _mm512_mul_ps(value, v);
  if (factor) value = _mm512_mul_ps(value, _mm512_loadu_ps(factor));
  STORE(y, _mm512_mask_blend_ps(beyond, _mm512_loadu_ps(y), value));
  return beyond;
}

/* Copy the elements of a mask side by side, a whole vector with what follows them; and back again. */
static inline int gather(const float *from, int mask, float *to) {
  STORE(to, _mm512_maskz_compress_ps((__mmask16)mask, _mm512_loadu_ps(from)));
  return __builtin_popcount((unsigned)mask);
}

static inline int scatter(const float *from, int mask, float *to) {
#ifdef ACTLAS_EMULATED /* the header that emulates has no such instruction */
  for (int i = 0, next = 0; i < LANES; i++) to[i] = mask >> i & 1 ? from[next++] : to[i];
#else
  STORE(to, _mm512_mask_expand_ps(_mm512_loadu_ps(to), (__mmask16)mask, _mm512_loadu_ps(from)));
#endif
  return __builtin_popcount((unsigned)mask);
}
#elif defined(ISA_AVX2)
#include ACTLAS_INTRINSICS
#define LANES 8
#define PAIR(i) _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(ROW(i))), _mm_loadu_ps(ROW(i + 4)), 1)
typedef __m256 Lanes;
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define TIMES _mm256_mul_ps
static inline Lanes cubic(const float *rows, const int32_t *index, const float *t) {
#define ROW(i) (rows + index[i])
  __m256 a = PAIR(0), b = PAIR(1), c = PAIR(2), d = PAIR(3), u = _mm256_loadu_ps(t);
  __m256 ab = _mm256_unpacklo_ps(a, b), AB = _mm256_unpackhi_ps(a, b);
  __m256 cd = _mm256_unpacklo_ps(c, d), CD = _mm256_unpackhi_ps(c, d);
  __m256 sum = _mm256_fmadd_ps(_mm256_shuffle_ps(AB, CD, 0xee), u, _mm256_shuffle_ps(AB, CD, 0x44));
  sum = _mm256_fmadd_ps(sum, u, _mm256_shuffle_ps(ab, cd, 0xee));
  return _mm256_fmadd_ps(sum, u, _mm256_shuffle_ps(ab, cd, 0x44));
#undef ROW
}
#else
#define LANES 1
typedef float Lanes;
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define TIMES(a, b) ((a) * (b))
static inline Lanes cubic(const float *rows, const int32_t *index, const float *t) {
  const float *row = rows + *index;
  return row[0] + *t * (row[1] + *t * (row[2] + *t * row[3]));
}
#endif
