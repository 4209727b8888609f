#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Renders the headers' comments as pages with doxygen: build/header-docs/html/index.html
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/lib/say.sh
. deploy/lib/packages.sh
packages_install "pages of the headers" yes doxygen
out=build/header-docs
mkdir -p "$out"
# Our comments are ordinary ones: the first of a file belongs to the file, one behind code to what stands before it, others to what follows.
cat >"$out/filter.awk" <<'AWK'
NR == 1 { print; next } # the licence
!file && /^\/\* [a-z0-9_]+\.h - / { sub(/^\/\* /, "/** @file\n * "); file = 1 }
/^ *[^ \/*].*\/\* / { sub(/\/\* /, "/**< ") }
{ sub(/^ \*   /, " *         ") } # tables and equations keep their columns
{ sub(/^ *\/\* /, "/** "); print }
AWK
doxygen - >"$out/log" 2>&1 <<EOT
PROJECT_NAME = onic
PROJECT_BRIEF = "reinforcement learning from language feedback: the headers"
OUTPUT_DIRECTORY = $out
INPUT = README.md actor common deploy/cli deploy/cli learner reward_server
FILE_PATTERNS = *.h README.md
RECURSIVE = YES
USE_MDFILE_AS_MAINPAGE = README.md
INPUT_FILTER = "awk -f $out/filter.awk"
OPTIMIZE_OUTPUT_FOR_C = YES
JAVADOC_AUTOBRIEF = YES
EXTRACT_ALL = YES
GENERATE_LATEX = NO
HAVE_DOT = NO
QUIET = YES
WARN_IF_UNDOCUMENTED = NO
EOT
note "$out/html/index.html"
