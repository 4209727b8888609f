/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_PAGE_H
#define ONIC_LEARNER_DASHBOARD_PAGE_H

/* page.h - the page itself: one document with its style, its scripts and uPlot in it, made of
 * learner/dashboard/page at build time. It loads nothing from anywhere. */

#include "common/http/http_plane.h"

/* The document, with a policy that lets its own scripts and styles run and nothing else. */
struct http_body *page_body(void);
/* "default-src 'none'; script-src 'sha256-...' ...": hashes of what lies between <script> and
 * </script>, <style> and </style>. */
void page_policy(const char *html, size_t len, struct buf *out);

#endif /* ONIC_LEARNER_DASHBOARD_PAGE_H */
