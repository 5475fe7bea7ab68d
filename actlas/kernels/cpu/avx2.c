/* The interpreter for AVX2 and FMA. */
#include "engine.h"
#ifdef ACTLAS_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define ISA_AVX2
#define FUSED_SET FUSED_AVX2
#define NAME actlas_run_avx2
#include "body.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
