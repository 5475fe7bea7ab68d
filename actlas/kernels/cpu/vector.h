/* The four coefficients of many rows, side by side: the one place with machine instructions.
   Lanes holds LANES elements; ROW(i) is the address of the row of element i. */
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
