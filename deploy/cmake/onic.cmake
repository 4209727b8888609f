# Build helpers: one line per library, program and test (see tests/CMakeLists.txt for the tests).

# What makes a fault in memory hard to use (tests/integration/test_hardening.c looks for all of it in the programs). Sanitizers
# replace the checked functions of _FORTIFY_SOURCE, and without optimisation the C library refuses it.
option(ONIC_HARDENING "full RELRO, PIE, checked library functions, stack protector, CET; OFF is for measuring what it costs" ON)
add_library(onic_hardening INTERFACE)
if(ONIC_HARDENING)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
  target_compile_options(onic_hardening INTERFACE -fstack-protector-strong)
  target_link_options(onic_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$") # an architecture without it has no such flag
    target_compile_options(onic_hardening INTERFACE -fcf-protection=full)
  endif()
  if(NOT ONIC_SANITIZE)
    target_compile_options(onic_hardening INTERFACE
      $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=2>)
  endif()
endif()

add_library(onic_flags INTERFACE)
target_link_libraries(onic_flags INTERFACE onic_hardening)
target_compile_definitions(onic_flags INTERFACE _POSIX_C_SOURCE=200809L)
target_include_directories(onic_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_options(onic_flags INTERFACE
  -march=x86-64-v3 -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wvla -Wwrite-strings -Wcast-qual -Wpointer-arith -Wundef -Wformat=2
  -Wdouble-promotion -fno-common)
# gcc in ISO mode never fuses a*b+c outside the kernel files; clang would, and rewards would differ in the last bit.
target_compile_options(onic_flags INTERFACE $<$<C_COMPILER_ID:Clang>:-ffp-contract=off>)
if(ONIC_WERROR)
  target_compile_options(onic_flags INTERFACE -Werror)
endif()
if(ONIC_SANITIZE STREQUAL "address")
  target_compile_options(onic_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(onic_flags INTERFACE -fsanitize=address,undefined)
elseif(ONIC_SANITIZE STREQUAL "thread")
  target_compile_options(onic_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(onic_flags INTERFACE -fsanitize=thread)
elseif(ONIC_SANITIZE)
  message(FATAL_ERROR "ONIC_SANITIZE is '${ONIC_SANITIZE}', must be empty, address or thread")
endif()

if(ONIC_FUZZ)
  target_compile_options(onic_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# onic_library(NAME DIRS <dir>... LIBS <lib>... [EXCLUDE <file>...]): every .c of the folders (not recursive).
function(onic_library name)
  cmake_parse_arguments(A "" "" "DIRS;LIBS;EXCLUDE" ${ARGN})
  set(sources)
  foreach(dir ${A_DIRS})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*.c)
    list(APPEND sources ${found})
  endforeach()
  foreach(file ${A_EXCLUDE})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${CMAKE_CURRENT_SOURCE_DIR}/./${file})
  endforeach()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC onic_flags ${A_LIBS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE onic_flags ${A_LIBS})
  endif()
endfunction()

# onic_program(NAME SOURCES <file>... LIBS <lib>...)
function(onic_program name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE onic_flags ${A_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()
