/* The interpreter for AVX-512. */
#include "engine.h"
#ifdef ACTLAS_X86
#ifndef ACTLAS_EMULATED
#ifdef __clang__
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512")
#endif
#endif
#define ISA_AVX512
#define FUSED_SET FUSED_AVX512
#define NAME actlas_run_avx512
#include "body.h"
#if defined(__clang__) && !defined(ACTLAS_EMULATED)
#pragma clang attribute pop
#endif
#endif
