// Functions that are compiled once for each of several vector units; the loader takes the best one.
#pragma once

// Which clone to take is chosen before ThreadSanitizer's runtime has started, and before a function that
// counts branches can be called (REGTAP_NO_VECTOR_CLONES).
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_THREAD__) && \
    !defined(REGTAP_NO_VECTOR_CLONES)
#define REGTAP_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define REGTAP_VECTOR_CLONES
#endif
