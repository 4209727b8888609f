/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_SANITIZED_H
#define ONIC_TESTS_SUPPORT_SANITIZED_H

/* sanitized.h - whether the tests are built with ASan or TSan. They need more address space than
 * any limit, keep freed memory, and neither judge the real NetHack library nor like a preloaded
 * one. gcc says it by macros, clang by features. */

#if defined(__has_feature)
#define SANITIZED_FEATURE(name) __has_feature(name)
#else
#define SANITIZED_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    SANITIZED_FEATURE(address_sanitizer) || SANITIZED_FEATURE(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

#endif /* ONIC_TESTS_SUPPORT_SANITIZED_H */
